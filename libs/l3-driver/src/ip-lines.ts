/** Steps as lines of `ip -batch` (ip(8)), and what ip(8) prints when a step was done before. */
import { Hop, L3Step, ROUTE_PROTOCOL } from '@plumbline/l3-core';

/** Steps that ip(8) does in the node's root namespace. */
const IN_ROOT = ['add-netns', 'remove-netns', 'add-link', 'remove-link', 'set-outside'] as const;
/** Steps that it does inside a router's. */
const IN_NETNS = [
  'remove-device',
  'set-loopback-up',
  'set-link',
  'set-mtu',
  'add-address',
  'remove-address',
  'replace-route',
  'restore-route',
  'remove-route',
  'remove-neighbour',
] as const;

export type IpStep = Extract<L3Step, { op: (typeof IN_ROOT)[number] | (typeof IN_NETNS)[number] }>;

/** The namespace ip(8) has to run in: '' for the root namespace; null when the step is not one of its. */
export function ipNetnsOf(step: L3Step): string | null {
  if ((IN_ROOT as readonly string[]).includes(step.op)) return '';
  return (IN_NETNS as readonly string[]).includes(step.op) && 'netns' in step ? step.netns : null;
}

/** One line. All values are names and addresses made by l3-core: nothing in them can be taken for another word. */
export function ipLine(step: IpStep): string {
  switch (step.op) {
    case 'add-netns':
      return `netns add ${step.netns}`;
    case 'remove-netns':
      return `netns del ${step.netns}`;
    case 'add-link': {
      const { outside, device, mac, mtuBytes, netns } = step;
      // The outer end is up but without carrier until the inner one is, so nothing is sent from it yet.
      return `link add ${outside} up mtu ${mtuBytes} type veth peer name ${device} address ${mac} mtu ${mtuBytes} netns ${netns}`;
    }
    case 'remove-link':
      return `link del ${step.outside}`;
    case 'remove-device':
      return `link del ${step.device}`;
    case 'set-outside':
      return `link set ${step.outside} mtu ${step.mtuBytes} up`;
    case 'set-loopback-up':
      return 'link set lo up';
    case 'set-link':
      return `link set ${step.device} address ${step.mac} mtu ${step.mtuBytes} arp on multicast on nomaster ${step.up ? 'up' : 'down'}`;
    case 'set-mtu':
      return `link set ${step.device} mtu ${step.mtuBytes}`;
    case 'add-address': {
      // The API gives each address once: detection of duplicates would only keep an IPv6 address unusable for a second.
      const more = step.broadcast ? ` brd ${step.broadcast}` : step.address.includes(':') ? ' nodad' : '';
      return `address replace ${step.address}${more} dev ${step.device}`;
    }
    case 'remove-address':
      return `address del ${step.address} dev ${step.device}`;
    case 'replace-route': {
      const { version, hops } = step;
      const onLink = version === 4 && hops.every(({ via }) => via === null);
      return `route replace ${prefixText(step)}${hopsText(hops, ` proto ${ROUTE_PROTOCOL}${onLink ? ' scope link' : ''}`)}`;
    }
    case 'restore-route':
      return restoreText(step);
    case 'remove-route': {
      // Found by all that tells it from others, but for its protocol: it may have been made by somebody else.
      const { type, table, metric, hops } = step;
      const kind = type === 'unicast' ? '' : `${type} `;
      const where = table === 'main' ? '' : ` table ${table}`;
      return `route del ${kind}${prefixText(step)}${hopsText(hops, `${where}${metric === null ? '' : ` metric ${metric}`}`)}`;
    }
    case 'remove-neighbour':
      return `neighbour del ${step.proxy ? 'proxy ' : ''}${step.address} dev ${step.device}`;
  }
}

/** `default` alone would be that of IPv4. */
const prefixText = ({ version, destination }: { version: 4 | 6; destination: string }): string =>
  destination === 'default' && version === 6 ? '::/0' : destination;

/** `attributes`: of the route. ip(8) takes nothing behind several next hops. */
function hopsText(hops: readonly Hop[], attributes: string): string {
  const text = ({ via, device }: Hop): string => `${via ? ` via ${via}` : ''} dev ${device}`;
  if (hops.length < 2) return `${hops.map(text).join('')}${attributes}`;
  return `${attributes}${hops.map((hop) => ` nexthop${text(hop)}`).join('')}`;
}

/** With what the kernel gives a route of its own. `replace` and `add` look at IPv6 routes to the same destination on any device: they would take its place, or refuse. */
function restoreText({ version, type, destination, device, source }: Extract<IpStep, { op: 'restore-route' }>): string {
  const kind = type === 'unicast' ? '' : `${type} `;
  const table = type === 'unicast' ? '' : ' table local';
  if (version === 6) return `route append ${kind}${destination} dev ${device}${table} proto kernel metric 256`;
  const scope = type === 'local' ? 'host' : 'link';
  // In table local one destination has several: a replacement would take the place of another one, and what stands behind it has no effect.
  const verb = type === 'unicast' ? 'replace' : 'prepend';
  return `route ${verb} ${kind}${destination} dev ${device}${table} proto kernel scope ${scope}${source ? ` src ${source}` : ''}`;
}

/** True when ip(8)'s complaint about this line means that the step is done. */
export function isDoneAlready(line: string, complaint: string): boolean {
  const [object, verb] = line.split(' ');
  if (verb === 'add' || verb === 'append' || verb === 'prepend') return /File exists/.test(complaint);
  if (verb !== 'del') return false;
  if (object === 'netns') return /No such file or directory/.test(complaint);
  // "No such device": it disappeared between being found by name and being deleted.
  return /Cannot find device|Address not found|No such device|Cannot assign requested address|No such process/.test(
    complaint,
  );
}
