#!/bin/sh
# What udhcpc(8) runs at each event in an instance of the lab or of a container: the lease becomes the interface's address,
# MTU and routes. It writes no resolv.conf: a network namespace has the files of its machine.
set -eu
case "$1" in
  deconfig)
    ip -4 address flush dev "$interface"
    ip link set dev "$interface" up
    ;;
  bound | renew)
    [ -z "${mtu:-}" ] || ip link set dev "$interface" mtu "$mtu"
    for old in $(ip -oneline -4 address show dev "$interface" | awk '{ print $4 }'); do
      [ "$old" = "$ip/$mask" ] || ip address del "$old" dev "$interface"
    done
    ip address replace "$ip/$mask" broadcast + dev "$interface"
    # Whoever gets routes by option 121 takes no default route from option 3 (RFC 3442).
    if [ -n "${staticroutes:-}" ]; then
      set -- $staticroutes
    else
      set --
      for gateway in ${router:-}; do set -- "$@" 0.0.0.0/0 "$gateway"; break; done
    fi
    while [ $# -ge 2 ]; do
      if [ "$2" = 0.0.0.0 ]; then ip route replace "$1" dev "$interface"
      else ip route replace "$1" via "$2" dev "$interface"; fi
      shift 2
    done
    ;;
esac
