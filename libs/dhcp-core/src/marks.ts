/**
 * How a process with no memory recognises what is ours of DHCP on a node (docs/reference/marks.md). Names are the reference implementation's with `ovs_use_veth`.
 */
import { outsideDevice } from '@plumbline/l3-core';

/** Network namespace of a network's DHCP: `qdhcp-<network id>`. One of this name is ours, whole. */
export const DHCP_NETNS_PREFIX = 'qdhcp-';
/** Inner end of its link. The outer one is `tap<the same>`, as a router's. */
export const DHCP_DEVICE_PREFIX = 'ns-';
/** Value of `plumb-owner` in the `external_ids` of our ports on the integration bridge. */
export const DHCP_PORT_OWNER = 'dhcp';

const PROCESS_PREFIX = 'dnsmasq-';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const idBehind = (prefix: string, name: string): string | null => {
  const id = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return UUID.test(id) ? id : null;
};

export const dhcpNetns = (networkId: string): string => `${DHCP_NETNS_PREFIX}${networkId}`;
/** Network of a namespace of ours; null for a foreign one. */
export const networkOfNetns = (netns: string): string | null => idBehind(DHCP_NETNS_PREFIX, netns);
export const dhcpDevice = (portId: string): string => `${DHCP_DEVICE_PREFIX}${portId.slice(0, 11)}`;
export const dhcpOutside = outsideDevice;
export const dnsmasqName = (networkId: string): string => `${PROCESS_PREFIX}${networkId}`;
/** Network of a process of ours, by its name. One of no network is a unit of its own. */
export const networkOfProcess = (name: string): string => idBehind(PROCESS_PREFIX, name) ?? name;
