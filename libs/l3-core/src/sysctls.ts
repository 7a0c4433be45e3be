/**
 * Kernel parameters of a router's namespace. A new namespace inherits some from the node, some from the kernel, by kernel version
 * (net.core.devconf_inherit_init_net), so all that matter are set. Order: `ip_forward` first, because writing it resets others (kernel
 * Documentation/networking/ip-sysctl.rst).
 */

export const IP_FORWARD = 'net/ipv4/ip_forward';

const ROUTER: Readonly<Record<string, string>> = {
  [IP_FORWARD]: '1',
  'net/ipv6/conf/all/forwarding': '1',
  // Answer ARP only for addresses of the interface that the question came in by, and ask with an address of that interface's own subnet.
  'net/ipv4/conf/all/arp_ignore': '1',
  'net/ipv4/conf/all/arp_announce': '2',
  'net/ipv4/conf/all/rp_filter': '0',
  'net/ipv4/conf/all/accept_redirects': '0',
  'net/ipv4/conf/all/proxy_arp': '0',
  // A changed gateway address must not take the addresses that share its prefix with it.
  'net/ipv4/conf/all/promote_secondaries': '1',
  'net/ipv4/ip_nonlocal_bind': '0',
  'net/ipv6/conf/all/disable_ipv6': '0',
  'net/ipv6/conf/default/accept_ra': '0',
  'net/netfilter/nf_conntrack_tcp_be_liberal': '0',
};

/**
 * A device gets its values from `default` or `all` when it is born, or when `all` is written; one that is changed later stays changed, whatever `all` says.
 * So each that stops packets, or answers for others, is state of its own.
 */
const ofDevice = (device: string): Record<string, string> => ({
  [`net/ipv4/conf/${device}/forwarding`]: '1',
  [`net/ipv4/conf/${device}/rp_filter`]: '0',
  [`net/ipv4/conf/${device}/proxy_arp`]: '0',
});
const ipv6OfDevice = (device: string): Record<string, string> => ({
  [`net/ipv6/conf/${device}/disable_ipv6`]: '0',
  [`net/ipv6/conf/${device}/forwarding`]: '1',
  // Addresses and routes come from the log, never from a neighbour's advertisement.
  [`net/ipv6/conf/${device}/accept_ra`]: '0',
  // The link-local address follows from the port's MAC, which the API gives once: it speaks as soon as it is there, also while the router moves from another node.
  [`net/ipv6/conf/${device}/accept_dad`]: '0',
});

/** What a router with these devices needs; `withIpv6`: those of them that have IPv6 (ipv6.ts). Keys as for sysctl(8), with slashes. */
export function sysctlsOf(
  devices: readonly string[],
  withIpv6: readonly string[] = devices,
): Readonly<Record<string, string>> {
  return Object.assign({}, ROUTER, ...devices.map(ofDevice), ...withIpv6.map(ipv6OfDevice)) as Record<string, string>;
}

/** The outer end of a link: the node itself must not speak, or listen to, IPv6 on a tenant's network. */
export const outsideSysctl = (outside: string): string => `net/ipv6/conf/${outside}/disable_ipv6`;
