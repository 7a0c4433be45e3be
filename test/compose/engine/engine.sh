#!/bin/bash
# A container engine of a test's own. Started by
#
#   unshare --net --mount --pid --fork --kill-child --mount-proc -- engine.sh FOLDER CGROUP
#
# so that its bridges, rules, forwarding switch, mounts, images and containers are in namespaces that end with it: killing it leaves nothing. All it shares with
# the host are cgroups, under one name of its own. Images are kept in memory: there is nothing to remove, and nothing waits for a disk.
set -euo pipefail
folder=$1 cgroup=$2
mount --make-rprivate /
# /sys as this network namespace sees it; the cgroups under it stay where they were.
mkdir -p "$folder/cgroup" "$folder/data"
mount --rbind /sys/fs/cgroup "$folder/cgroup"
mount -t sysfs sysfs /sys
mount --rbind "$folder/cgroup" /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=700,size=8g tmpfs "$folder/data"
ip link set lo up
echo '{}' > "$folder/daemon.json"
# 10.0.2.3 is slirp4netns's name server: there while images are built.
exec dockerd --config-file="$folder/daemon.json" --data-root="$folder/data/root" --exec-root="$folder/data/exec" --pidfile="$folder/dockerd.pid" \
  --host="unix://$folder/docker.sock" --group=root --cgroup-parent="/$cgroup" --storage-driver=overlay2 --dns=10.0.2.3
