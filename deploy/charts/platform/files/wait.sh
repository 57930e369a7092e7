# Sourced by the other scripts. Waiting is polling with a reason: the log says what is waited for, when that changes and twice a minute.

waited_for=''
last_line=0
wait_started=$(date +%s)

# wait_for REASON: says it and pauses. Fails when WAIT_LIMIT seconds have passed, so that a Job ends as failed, with its last reason.
wait_for() {
  now=$(date +%s)
  if [ "$1" != "$waited_for" ] || [ $((now - last_line)) -ge 30 ]; then
    echo "waiting: $1"
    waited_for=$1
    last_line=$now
  fi
  if [ "${WAIT_LIMIT:-0}" -gt 0 ] && [ $((now - wait_started)) -ge "$WAIT_LIMIT" ]; then
    echo "gave up after $WAIT_LIMIT seconds: $1" | tee /dev/termination-log
    exit 1
  fi
  sleep 2
}
