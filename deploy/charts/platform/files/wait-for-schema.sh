#!/bin/sh
# Waits until each database of Temporal has the schema that the server of this pod needs, or a later one.
# They come from the Job labelled app.kubernetes.io/component=temporal-schema. SCHEMAS is a list of DATABASE=VERSION.
# It never gives up: the server belongs in this pod as soon as the schema is there.
set -eu
. /scripts/wait.sh

# Prints nothing when the schema is there, otherwise why it is not.
missing() { # DATABASE VERSION
  if ! found=$(PGPASSWORD=$(head -n 1 "$TEMPORAL_PASSWORD_FILE") psql -XAtq -d "$1" 2>&1 -c "
    select curr_version, string_to_array(curr_version, '.')::int[] >= string_to_array('$2', '.')::int[]
    from schema_version where version_partition = 0 and db_name = '$1'"); then
    case $found in
      *'relation "schema_version" does not exist'*) echo "database $1 has no schema yet, and needs $2; the Job temporal-schema makes it" ;;
      *) echo "no access to database $1 at $PGHOST:$PGPORT as $PGUSER; the Job temporal-schema makes databases and login: $found" ;;
    esac
  else
    case $found in
      *'|t') ;;
      '') echo "database $1 has no schema yet, and needs $2; the Job temporal-schema makes it" ;;
      *) echo "database $1 has schema ${found%|*}, and this server needs $2; the Job temporal-schema brings it there" ;;
    esac
  fi
}

for needed in $SCHEMAS; do
  while reason=$(missing "${needed%=*}" "${needed#*=}") && [ -n "$reason" ]; do
    wait_for "$reason"
  done
  echo "database ${needed%=*} has the schema ${needed#*=} or a later one"
done
