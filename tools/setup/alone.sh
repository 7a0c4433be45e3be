#!/bin/sh
# A machine for one spec, made of namespaces: started by
#
#   unshare --net --mount --propagation private -- alone.sh COMMAND...
#
# /run is empty (bare.sh). The network is that of a machine with one uplink, an address, a default route and a firewall
# that forwards nothing, so that specs which compare the host before and after have something to compare. All of it ends
# with COMMAND.
set -eu
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
ip link add uplink type veth peer name gateway
ip address add 192.0.2.10/24 dev uplink
ip link set uplink up
ip link set gateway up
ip route add default via 192.0.2.1
iptables -P FORWARD DROP
exec "$(dirname "$0")/bare.sh" "$@"
