#!/bin/sh
# Makes or updates the tables, and then admits the nodes of docker-compose.yml: PLUMB_NODES names them all; those of PLUMB_NETWORK_NODES also carry routers, and may map
# PLUMB_PHYSICAL_NETWORKS. Repeated, it changes nothing.
set -eu
plumb db migrate --service-role plumb_api
for node in ${PLUMB_NODES:-}; do
  case " ${PLUMB_NETWORK_NODES:-} " in
    *" $node "*) set -- --role network,compute ${PLUMB_PHYSICAL_NETWORKS:+--map "$PLUMB_PHYSICAL_NETWORKS"} ;;
    *) set -- --role compute ;;
  esac
  plumb node admit "$node" "$@" --database "$DATABASE_MIGRATION_URL"
done
