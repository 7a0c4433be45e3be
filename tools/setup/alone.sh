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
# Without duplicate address detection (RFC 4862), which ends a second later and would look like a change of the host.
for each in uplink gateway; do
  detection=/proc/sys/net/ipv6/conf/$each/accept_dad
  if [ -e "$detection" ]; then echo 0 >"$detection"; fi
  ip link set "$each" up
done
ip route add default via 192.0.2.1
iptables -P FORWARD DROP
exec "$(dirname "$0")/bare.sh" "$@"
