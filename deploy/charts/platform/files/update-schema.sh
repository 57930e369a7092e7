#!/bin/sh
# Brings the schema of Temporal's databases to the version that this image knows. Safe to repeat: it never goes back.
# SQL_HOST, SQL_PORT, SQL_USER, SQL_PLUGIN and SQL_TLS… are read by the tool itself.
set -eu
SQL_PASSWORD=$(head -n 1 "$TEMPORAL_PASSWORD_FILE")
export SQL_PASSWORD

update() { # DATABASE SCHEMA
  echo "schema of $1"
  temporal-sql-tool --database "$1" setup-schema -v 0.0
  temporal-sql-tool --database "$1" update-schema --schema-name "$2"
}

update "$MAIN_DATABASE" postgresql/v12/temporal
update "$VISIBILITY_DATABASE" postgresql/v12/visibility
echo 'both schemas are at the version of this image'
