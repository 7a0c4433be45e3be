#!/bin/sh
# Makes the cluster on the first start, whole or not at all (it is renamed last), then runs PostgreSQL.
#   plumb_owner  owns the database and its tables: migrations
#   plumb_api    the migrations grant it what the API needs, and no more
set -eu
volume=/var/lib/postgresql/data
cluster=$volume/15
secrets=/run/secrets/plumbline

if [ ! -d "$cluster" ]; then
  fresh=$volume/15.new
  rm -rf "$fresh"
  initdb --pgdata="$fresh" --encoding=UTF8 --auth-local=peer --auth-host=scram-sha-256 >/dev/null
  cat > "$fresh/pg_hba.conf" <<HBA
local all       all                     peer
host  plumbline plumb_owner,plumb_api samenet scram-sha-256
HBA
  pg_ctl --pgdata="$fresh" --wait --log=/tmp/first-start.log --options="-c listen_addresses='' -c unix_socket_directories=/tmp" start >/dev/null
  psql --quiet --no-psqlrc --host=/tmp --set=ON_ERROR_STOP=1 --dbname=postgres <<SQL
\set owner \`cat $secrets/owner-password\`
\set api \`cat $secrets/api-password\`
CREATE ROLE plumb_owner LOGIN PASSWORD :'owner';
CREATE ROLE plumb_api LOGIN PASSWORD :'api';
CREATE DATABASE plumbline OWNER plumb_owner;
SQL
  pg_ctl --pgdata="$fresh" --wait --mode=fast stop >/dev/null
  mv "$fresh" "$cluster"
fi
exec postgres -D "$cluster" -c listen_addresses='*' -c unix_socket_directories=/tmp
