#!/bin/sh
# What the official image's entry point does with the variables of the same names, without changing the user.
set -eu
[ "${1#-}" = "$1" ] || set -- postgres "$@"
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
  [ -n "${POSTGRES_PASSWORD_FILE:-}${POSTGRES_PASSWORD:-}" ] || { echo 'POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE is needed' >&2; exit 1; }
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  password=/tmp/password.$$
  ( umask 077; if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then head -n 1 "$POSTGRES_PASSWORD_FILE"; else echo "$POSTGRES_PASSWORD"; fi > "$password" )
  # shellcheck disable=SC2086
  initdb -D "$PGDATA" --username="${POSTGRES_USER:-postgres}" --pwfile="$password" ${POSTGRES_INITDB_ARGS:-}
  rm -f "$password"
  printf 'host all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >> "$PGDATA/pg_hba.conf"
  printf "listen_addresses = '*'\nunix_socket_directories = '/var/run/postgresql'\n" >> "$PGDATA/postgresql.conf"
  echo 'PostgreSQL init process complete; ready for start up.'
fi
exec "$@"
