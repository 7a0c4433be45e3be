#!/bin/sh
# plug-instance NAME PORT_ID MAC ADDRESS/PREFIX GATEWAY: an instance, as far as the network is concerned: a namespace with one interface that is plugged into br-int by its
# port's id, which is all that a hypervisor does. `ip netns exec NAME ...` runs something in it. Again with the same name: from the start.
# MTU in the environment: 1450 unless told, which fits a VXLAN network over wires of 1500.
set -eu
[ $# -eq 5 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
name=$1 port=$2 mac=$3 address=$4 gateway=$5
tap=tap$(printf %.11s "$port")

ip netns delete "$name" 2>/dev/null || true
ip netns add "$name"
ip -n "$name" link set lo up
ip -n "$name" link add eth0 address "$mac" mtu "${MTU:-1450}" type veth peer name "$tap" netns 1
# A packet between two ends on one machine carries no checksum yet, and the user space datapath passes it on as it is.
ip netns exec "$name" ethtool -K eth0 tx off >/dev/null
ethtool -K "$tap" tx off >/dev/null
ip link set "$tap" up
ovs-vsctl --timeout=10 -- --if-exists del-port br-int "$tap" -- add-port br-int "$tap" \
  -- set Interface "$tap" "external_ids:iface-id=$port" "external_ids:attached-mac=$mac" external_ids:iface-status=active
ip -n "$name" link set eth0 up
ip -n "$name" address add "$address" dev eth0
ip -n "$name" route add default via "$gateway"
