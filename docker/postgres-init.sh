#!/bin/bash
# Run once by the PostgreSQL image on an empty volume: a database and a login of its own for each service.
set -euo pipefail
for service in airflow superset; do
  psql --set ON_ERROR_STOP=1 --set name="$service" --set password="$(cat "/run/secrets/postgres_${service}_password")" \
    --username postgres --dbname postgres <<'SQL'
create role :"name" login password :'password';
create database :"name" owner :"name";
revoke connect on database :"name" from public;
SQL
done
