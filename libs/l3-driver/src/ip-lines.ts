/** Steps as lines of `ip -batch` (ip(8)), and what ip(8) prints when a step was done before. */
import { L3Step, ROUTE_PROTOCOL } from '@plumbline/l3-core';

/** Steps that ip(8) does in the node's root namespace. */
const IN_ROOT = ['add-netns', 'remove-netns', 'add-link', 'remove-link', 'set-outside'] as const;
/** Steps that it does inside a router's. */
const IN_NETNS = [
  'remove-device',
  'set-loopback-up',
  'set-link',
  'add-address',
  'remove-address',
  'replace-route',
  'remove-route',
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
      return `link set ${step.device} address ${step.mac} mtu ${step.mtuBytes} ${step.up ? 'up' : 'down'}`;
    case 'add-address': {
      // The API gives each address once: detection of duplicates would only keep an IPv6 address unusable for a second.
      const more = step.broadcast ? ` brd ${step.broadcast}` : step.address.includes(':') ? ' nodad' : '';
      return `address replace ${step.address}${more} dev ${step.device}`;
    }
    case 'remove-address':
      return `address del ${step.address} dev ${step.device}`;
    case 'replace-route':
      return `route replace ${routeText(step)}`;
    case 'remove-route':
      return `route del ${routeText(step)}`;
  }
}

/** A route to remove may have been made by somebody else with another protocol number, so it is found by its other attributes. */
function routeText(step: Extract<IpStep, { op: 'replace-route' | 'remove-route' }>): string {
  const family = step.destination === 'default' && step.version === 6 ? '::/0' : step.destination;
  const via = step.via ? ` via ${step.via}` : '';
  const scope = !step.via && step.version === 4 && step.op === 'replace-route' ? ' scope link' : '';
  const protocol = step.op === 'replace-route' ? ` proto ${ROUTE_PROTOCOL}` : '';
  return `${family}${via} dev ${step.device}${protocol}${scope}`;
}

/** True when ip(8)'s complaint about this line means that the step is done. */
export function isDoneAlready(line: string, complaint: string): boolean {
  const [object, verb] = line.split(' ');
  if (verb === 'add') return /File exists/.test(complaint);
  if (verb !== 'del') return false;
  if (object === 'netns') return /No such file or directory/.test(complaint);
  // "No such device": it disappeared between being found by name and being deleted.
  return /Cannot find device|Address not found|No such device|Cannot assign requested address|No such process/.test(
    complaint,
  );
}
