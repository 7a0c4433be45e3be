/**
 * How a process with no memory recognises what is ours on a node (docs/reference/marks.md). Every name and number that marks kernel or OVS state as
 * made by the L3 agent is here and nowhere else. Names follow the reference implementation, so that operators and their tools find what they know.
 */

/** Network namespace of a router: `qrouter-<router id>`. A namespace of this name is ours, whole, except foreign devices and chains inside it. */
export const NETNS_PREFIX = 'qrouter-';
/** Inner ends of a router's links. Every address and route on such a device is ours. */
export const INTERFACE_PREFIX = 'qr-';
export const GATEWAY_PREFIX = 'qg-';
/** Outer end: the port of the integration bridge. Ours when its peer is one of the above, or when its OVS port says so. */
export const OUTSIDE_PREFIX = 'tap';
export const INTEGRATION_BRIDGE = 'br-int';
/** Local VLAN of a port that is not wired yet; OVS drops its packets (the OVS agent replaces it). */
export const DEAD_VLAN = 4095;
/** Routing protocol number (rtm_protocol) of routes we make; free in rtnetlink(7) and in iproute2's rt_protos. */
export const ROUTE_PROTOCOL = 201;

/** `external_ids` of an OVS interface of ours. */
export const OWNER_KEY = 'plumb-owner';
export const OWNER = 'l3';
export const POSITION_KEY = 'plumb';

/**
 * Own chains by name. Everything in them is ours; of a built-in chain only our jumps are. Each rule has its position, in words of the dialect that it is
 * written in (dialects/).
 */
export const CHAIN_PREFIX = 'neutron-l3-agent-';
export const FILTER_TOP = 'neutron-filter-top';
export const POSTROUTING_BOTTOM = 'neutron-postrouting-bottom';
/** The chain of ours that is known by this name: `float-snat`, or a hook's. */
export const ownChain = (name: string): string => `${CHAIN_PREFIX}${name}`;
export const isOurChain = (name: string): boolean =>
  name.startsWith(CHAIN_PREFIX) || name === FILTER_TOP || name === POSTROUTING_BOTTOM;

/** The 11 characters of a port id that fit behind a prefix in a device name (IFNAMSIZ is 16). */
const short = (portId: string): string => portId.slice(0, 11);
export const netnsOf = (routerId: string): string => `${NETNS_PREFIX}${routerId}`;
export const interfaceDevice = (portId: string): string => `${INTERFACE_PREFIX}${short(portId)}`;
export const gatewayDevice = (portId: string): string => `${GATEWAY_PREFIX}${short(portId)}`;
export const outsideDevice = (portId: string): string => `${OUTSIDE_PREFIX}${short(portId)}`;
export const isOurDevice = (name: string): boolean =>
  name.startsWith(INTERFACE_PREFIX) || name.startsWith(GATEWAY_PREFIX);
/** The outer end that belongs to an inner one: `qr-1234` and `tap1234`. */
export const outsideOf = (device: string): string => `${OUTSIDE_PREFIX}${device.slice(device.indexOf('-') + 1)}`;

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const ROUTER_NETNS = new RegExp(`^${NETNS_PREFIX}(${UUID})$`);
/** Router id of a namespace of ours, null for a foreign one. */
export const routerIdOf = (netns: string): string | null => ROUTER_NETNS.exec(netns)?.[1] ?? null;

/** Name of the program (libs/processes) that advertises an interface: `radvd-<router id>.<port id>`. */
export const advertiserName = (routerId: string, portId: string): string => `radvd-${routerId}.${portId}`;
const ADVERTISER = new RegExp(`^radvd-(${UUID})\\.(${UUID})$`);
/** Router of a program of ours, by its name. One of no router is a unit of its own. */
export const routerOfProgram = (name: string): string => ADVERTISER.exec(name)?.[1] ?? name;
/** Port of the interface that a program of ours advertises; null for another program. */
export const portOfProgram = (name: string): string | null => ADVERTISER.exec(name)?.[2] ?? null;
