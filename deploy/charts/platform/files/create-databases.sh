#!/bin/sh
# Makes Temporal's login and its databases where they are missing, and sets the login's password. Safe to repeat.
# PGHOST, PGPORT, PGUSER name the administrator; both passwords are files, read anew at each try, since a Secret may be mended meanwhile.
set -eu
. /scripts/wait.sh

as_administrator() {
  PGPASSWORD=$(head -n 1 "$ADMIN_PASSWORD_FILE") psql -XAtq -v ON_ERROR_STOP=1 -d postgres -v login="$TEMPORAL_LOGIN" "$@" 2>&1
}

until answer=$(as_administrator -c 'select 1'); do
  wait_for "PostgreSQL at $PGHOST:$PGPORT does not let $PGUSER in: $answer"
done

# A refused statement is logged whole by the server, and the one with the password must not be; only a superuser may say so.
as_administrator <<'SQL'
\set password `head -n 1 "$TEMPORAL_PASSWORD_FILE"`
\set ON_ERROR_STOP off
set log_min_error_statement = panic;
\set ON_ERROR_STOP on
select format('create role %I', :'login') where not exists (select from pg_roles where rolname = :'login') \gexec
alter role :"login" with login password :'password';
SQL
echo "login $TEMPORAL_LOGIN is there, with the password of the Secret"

for database in $TEMPORAL_DATABASES; do
  # An administrator that is no superuser (managed services) may give away a database only to a role it belongs to.
  as_administrator -v database="$database" <<'SQL'
select format('grant %I to current_user', :'login') where current_user <> :'login' \gexec
select format('create database %I owner %I', :'database', :'login')
  where not exists (select from pg_database where datname = :'database') \gexec
revoke connect, temporary on database :"database" from public;
SQL
  echo "database $database is there"
done
