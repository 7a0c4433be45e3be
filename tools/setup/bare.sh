#!/bin/sh
# A command on this machine as if nobody had used it since it booted: started by
#
#   unshare --mount --propagation private -- bare.sh COMMAND...
#
# /run is empty, so that no earlier run of `ip netns`, no service and no image helps. Only the name servers stay, where
# /etc/resolv.conf leads into /run.
set -eu
names=$(readlink -f /etc/resolv.conf || true)
case $names in
  /run/*) kept=$(cat "$names") ;;
  *) kept= ;;
esac
mount -t tmpfs -o mode=755 tmpfs /run
if [ -n "$kept" ]; then
  mkdir -p "$(dirname "$names")"
  printf '%s\n' "$kept" >"$names"
fi
exec "$@"
