#!/bin/sh
# Runs a command with secrets from files: NAME_FILE=/path in the environment becomes NAME=<what the file holds>, so that no secret is written in
# docker-compose.yml or shown by `docker inspect`.
set -eu
for name in DATABASE_URL DATABASE_MIGRATION_URL; do
  eval "file=\${${name}_FILE:-}"
  [ -n "$file" ] || continue
  value=$(cat "$file")
  export "$name=$value"
  unset "${name}_FILE"
done
exec "$@"
