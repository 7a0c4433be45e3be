#!/bin/sh
# plug-instance NAME PORT_ID MAC [ADDRESS/PREFIX GATEWAY]: makes a namespace with one interface, plugged into br-int with the
# port's id. That is all a hypervisor does, so for the network it is an instance. It asks for its address by DHCP, and waits
# for it, unless it is given one. `ip netns exec NAME ...` runs a command in it. If NAME exists, it is made again. MTU in the
# environment: default 1450, which fits VXLAN over an MTU of 1500.
set -eu
[ $# -eq 3 ] || [ $# -eq 5 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
name=$1 port=$2 mac=$3 address=${4:-} gateway=${5:-}
tap=tap$(printf %.11s "$port")
client=$(dirname "$(readlink -f "$0")")/../../libs/lab/guest/lease.sh

# Its DHCP client, if it is there already.
ip netns pids "$name" 2>/dev/null | xargs --no-run-if-empty kill 2>/dev/null || true
ip netns delete "$name" 2>/dev/null || true
ip netns add "$name"
# An instance may listen on any port. Here its programs run as the node's root, which is not allowed that in a container.
ip netns exec "$name" sysctl --quiet --write net.ipv4.ip_unprivileged_port_start=0
ip -n "$name" link set lo up
ip -n "$name" link add eth0 address "$mac" mtu "${MTU:-1450}" type veth peer name "$tap" netns 1
# A packet between two interfaces of one machine has no checksum yet, and the userspace datapath passes it on like that.
ip netns exec "$name" ethtool -K eth0 tx off >/dev/null
ethtool -K "$tap" tx off >/dev/null
ip link set "$tap" up
ovs-vsctl --timeout=10 -- --if-exists del-port br-int "$tap" -- add-port br-int "$tap" \
  -- set Interface "$tap" "external_ids:iface-id=$port" "external_ids:attached-mac=$mac" external_ids:iface-status=active
ip -n "$name" link set eth0 up
if [ -n "$address" ]; then
  ip -n "$name" address add "$address" dev eth0
  ip -n "$name" route add default via "$gateway"
else
  # MTU (26) and routes (121) come to whoever asks for them. It goes on in the background, and renews its lease.
  ip netns exec "$name" udhcpc -b -S -i eth0 -t 60 -T 1 -O 26 -O 121 -s "$client" </dev/null >/dev/null 2>&1
  ip -n "$name" -oneline -4 address show dev eth0 | grep -q . || { echo "$name gets no address by DHCP yet" >&2; exit 1; }
fi
