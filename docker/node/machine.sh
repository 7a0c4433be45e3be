#!/bin/bash
# A node as one container; this script is its PID 1. It starts Open vSwitch, makes the bridges that an operator makes
# beforehand, and starts the agents. A program that ends is started again. The node is one container and not one for each
# program, because the routers' namespaces are in this container's /run/netns and must outlive an agent, as on a machine.
#
# `machine.sh healthy` asks the agents of a running node whether they are healthy.
#
#   PLUMB_ROLE       network-node (runs every kind of agent) or compute-node
#   PLUMB_TUNNEL_IP  the address the engine gave on the tunnel network. It is moved to br-phy, the bridge over that interface
#   UPLINK_IP        the address the engine gave on the external network, if any. That interface becomes the uplink of
#                    br-ex and loses the address
#   PLUMB_DATAPATH_TYPE  netdev (Open vSwitch in user space, works anywhere) or system (the kernel's module)
#
# It needs the capabilities NET_ADMIN, SYS_ADMIN and NET_RAW, for radvd, dnsmasq and haproxy SYS_PTRACE, KILL, SETUID and
# SETGID, for dnsmasq and haproxy NET_BIND_SERVICE, for haproxy's socket CHOWN, and to hear of changes in all namespaces
# NET_BROADCAST; no other.
# docker-compose.yml gives the container these.
set -euo pipefail
datapath=${PLUMB_DATAPATH_TYPE:-netdev}
database=/etc/openvswitch/conf.db
socket=unix:/run/openvswitch/db.sock
say() { echo "node ${PLUMB_HOST}: $*"; }

# The agents of this node, one in a line: its folder below apps/ and the port of its health check on the node's loopback.
agents=/run/plumb-agents
if [ "${1:-}" = healthy ]; then
  [ -s "$agents" ] || exit 1
  while read -r _ port; do
    curl --silent --show-error --fail --max-time 2 "http://127.0.0.1:$port/health" || exit 1
  done <"$agents"
  exit 0
fi
node docker/node/agents.mjs "${PLUMB_ROLE:-}" >"$agents"

# keep NAME COMMAND...: runs the command, and again whenever it ends. SIGTERM ends both.
keep() {
  local name=$1 stopping='' child='' code
  shift
  trap 'stopping=yes; [ -z "$child" ] || kill "$child" 2>/dev/null || true' TERM
  while [ -z "$stopping" ]; do
    "$@" &
    child=$!
    code=0
    wait "$child" || code=$?
    while kill -0 "$child" 2>/dev/null; do wait "$child" || true; done
    [ -n "$stopping" ] && break
    say "$name ended with code $code and is started again"
    sleep 1 & wait $! || true
  done
}

# until_true SECONDS WHAT COMMAND...: waits for a condition.
until_true() {
  local seconds=$1 what=$2
  shift 2
  for _ in $(seq $((seconds * 20))); do "$@" >/dev/null 2>&1 && return; sleep 0.05; done
  say "waited $seconds s for $what"
  return 1
}

device_of() { ip -oneline -4 address show | awk -v ip="$1" '{ split($4, a, "/"); if (a[1] == ip) print $2, a[2] }'; }

# A restarted ovs-vswitchd makes br-phy's device again, without its address: set the address after each start.
vswitchd() {
  ( until_true 20 br-phy ip link show br-phy && ip address replace "$tunnel_address" dev br-phy && ip link set br-phy up ) &
  exec ovs-vswitchd "$socket" --pidfile -vconsole:warn -vsyslog:off -vfile:off
}

mkdir -p /run/openvswitch /run/lock /etc/openvswitch /var/lib/plumbline
# The routers' kernel parameters are under this folder; the rest of /proc/sys stays read-only.
mount --bind /proc/sys/net /proc/sys/net && mount -o remount,bind,rw /proc/sys/net

# take ADDRESS NAME: finds the interface to which the engine gave this address, renames it, removes the address and prints the
# prefix length. The engine's names may differ at each start, and Open vSwitch's database would have the old ones.
# ARP is off there from now on: with the userspace datapath the kernel still sees what arrives, and would answer for the
# bridge's address with this interface's MAC, where no tunnel ends.
take() {
  local device prefix
  read -r device prefix < <(device_of "$1") || { say "no interface has the address $1" >&2; return 1; }
  ip link set "$device" down && ip address flush dev "$device" && ip link set "$device" name "$2" && ip link set "$2" arp off up
  echo "$prefix"
}

tunnel_address=$PLUMB_TUNNEL_IP/$(take "$PLUMB_TUNNEL_IP" tunnel)
bridges=(-- --may-exist add-br br-phy -- set Bridge br-phy "datapath_type=$datapath" -- --may-exist add-port br-phy tunnel)
if [ -n "${UPLINK_IP:-}" ]; then
  take "$UPLINK_IP" external >/dev/null
  # A packet from the host, or from a container of the same engine, arrives without a checksum: a network card would have
  # written it, a veth does not, and the userspace datapath cannot know. So the bridge sends the packet through `wire`, which
  # has checksum offload off: the kernel writes the checksum there.
  ip link add wire type veth peer name uplink
  ethtool -K wire tx off >/dev/null
  ip link add br-wire type bridge
  for each in external wire; do ip link set "$each" master br-wire; done
  for each in br-wire wire uplink; do ip link set "$each" arp off up; done
  bridges+=(-- --may-exist add-br br-ex -- set Bridge br-ex "datapath_type=$datapath" -- --may-exist add-port br-ex uplink)
fi

# It gets its name when it is whole: a container that is killed leaves no half of it behind.
if ! [ -s "$database" ]; then
  rm -f "$database.begun"
  ovsdb-tool create "$database.begun" /usr/share/openvswitch/vswitch.ovsschema
  mv "$database.begun" "$database"
fi
children=()
keep ovsdb-server ovsdb-server "$database" "--remote=p$socket" --pidfile -vconsole:warn -vsyslog:off -vfile:off & children+=($!)
until_true 10 ovsdb-server ovs-vsctl --timeout=1 --no-wait init
ovs-vsctl --timeout=10 --no-wait set Open_vSwitch . "external_ids:system-id=$PLUMB_HOST" "external_ids:hostname=$PLUMB_HOST" "${bridges[@]}"
keep ovs-vswitchd vswitchd & children+=($!)
until_true 20 ovs-vswitchd sh -c "ip -4 address show dev br-phy | grep -qF ' $tunnel_address '"
while read -r agent port; do
  NODE_OPTIONS=--max-semi-space-size=4 PLUMB_HEALTH_PORT=$port keep "$agent" node "apps/$agent/dist/main.js" & children+=($!)
done <"$agents"
say "up: $(cut -d' ' -f1 "$agents" | xargs)"

# Stop in reverse order: the agents first, so that none of them sees the switch stop.
down() {
  for ((i = ${#children[@]} - 1; i >= 0; i--)); do
    kill "${children[i]}" 2>/dev/null || true
    while kill -0 "${children[i]}" 2>/dev/null; do wait "${children[i]}" || true; done
  done
  exit 0
}
trap down TERM INT
while :; do wait || true; done
