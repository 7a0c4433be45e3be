/**
 * What the API is told of a router's objects: ACTIVE only when all that is theirs was read back (invariant 11), and a reason with whose it is. A refused route is the
 * router's, a floating address its floating IP's or its forwardings', a link its port's and, of the gateway, of all that goes in and out by it.
 */
import { canonicalAddress, keyOf, ObjectKey, ObjectStatus } from '@plumbline/contracts';
import { L3Step } from './driver.js';
import { forwardingChain, isForwardingHub } from './forwardings.js';
import { Gathered, Leg } from './legs.js';
import { outsideDevice } from './marks.js';
import { Held, heldObjects } from './probation.js';
import { Rendered } from './render.js';
import { Rule, rulesOf } from './rule.js';

const REASON_LENGTH = 500;

/** A step that would still be needed, and why it is not done: its own failure, or that of what it needs. */
export type Lack = Readonly<{ step: L3Step; reason: string }>;

/** `lacks`: by what was read back. `held`: outside addresses left out. */
export function statusesOf(
  rendered: Rendered,
  position: number,
  lacks: readonly Lack[],
  held: Held = new Map(),
): ObjectStatus[] {
  const at = (kind: ObjectStatus['kind'], id: string, status: ObjectStatus['status'], why?: string): ObjectStatus =>
    why === undefined
      ? { kind, id, position, status }
      : { kind, id, position, status, reason: why.slice(0, REASON_LENGTH) };
  switch (rendered.kind) {
    case 'frozen':
      return [];
    case 'incomplete':
      return [at('router', rendered.id, 'ERROR', rendered.reason)];
    case 'down':
    case 'present': {
      const { gathered } = rendered;
      const { gateway } = gathered;
      const reasons = new Map<ObjectKey, Set<string>>();
      for (const { step, reason } of lacks)
        for (const key of concernedBy(step, gathered)) reasons.set(key, (reasons.get(key) ?? new Set()).add(reason));
      const back = new Map(heldObjects(gathered, held).map(({ id, reason }) => [id, reason]));
      const judge = (kind: ObjectStatus['kind'], id: string, wantedUp: boolean): ObjectStatus => {
        const why = reasons.get(`${kind}/${id}`);
        if (why) return at(kind, id, 'ERROR', [...why].join('; '));
        const heldBack = back.get(kind === 'router' ? (gateway?.port.id ?? '') : id);
        if (heldBack !== undefined) return at(kind, id, 'ERROR', heldBack);
        return at(kind, id, rendered.kind === 'down' || !wantedUp ? 'DOWN' : 'ACTIVE');
      };
      const outside = gateway?.port.adminStateUp ?? false;
      return [
        judge('router', rendered.id, true),
        ...gathered.legs.map(({ port }) => judge('port', port.id, port.adminStateUp)),
        ...gathered.floatingIps.map(({ id }) => judge('floatingip', id, outside)),
        ...gathered.forwardings.map(({ object, address }) =>
          judge('portforwarding', object.id, address !== null && outside),
        ),
      ];
    }
  }
}

/** The objects that are not as they should be while a step is needed; the one to blame for it first. At least one. */
export function concernedBy(step: L3Step, gathered: Gathered): readonly ObjectKey[] {
  const router = keyOf(gathered.router);
  const { legs, gateway, floatingIps, forwardings } = gathered;
  const outside = [...floatingIps.map(keyOf), ...forwardings.map(({ object }) => keyOf(object))];
  const ofLink = (leg: Leg | undefined): ObjectKey[] => {
    if (!leg) return [router];
    return leg === gateway ? [keyOf(leg.port), router, ...outside] : [keyOf(leg.port)];
  };
  switch (step.op) {
    case 'add-netns':
      return [router, ...legs.map(({ port }) => keyOf(port)), ...outside];
    case 'restore':
      return step.version === 4 ? [router, ...ruledBy(step, gathered)] : [router];
    case 'add-link':
    case 'remove-device':
    case 'set-link':
      return ofLink(legs.find(({ device }) => device === step.device));
    case 'remove-link':
    case 'set-outside':
    case 'silence-outside':
    case 'add-port':
    case 'remove-port':
      return ofLink(legs.find(({ port }) => outsideDevice(port.id) === step.outside));
    case 'set-tx-checksum':
      return [keyOf(legs.find(({ device }) => device === step.device)?.port ?? gathered.router)];
    case 'set-sysctls': {
      const [key = ''] = Object.keys(step.values);
      return [keyOf(legs.find(({ device }) => key.includes(`/${device}/`))?.port ?? gathered.router)];
    }
    case 'add-address': {
      const ip = canonicalAddress(step.address.slice(0, step.address.indexOf('/')));
      const leg = legs.find(({ device }) => device === step.device);
      if (leg?.addresses.some((address) => canonicalAddress(address.ip) === ip))
        return leg === gateway ? [keyOf(leg.port), router] : [keyOf(leg.port)];
      const here = [
        ...floatingIps.filter(({ floatingIpAddress }) => canonicalAddress(floatingIpAddress) === ip).map(keyOf),
        ...forwardings
          .filter(({ address }) => address !== null && canonicalAddress(address) === ip)
          .map(({ object }) => keyOf(object)),
      ];
      return here.length > 0 ? here : [router];
    }
    default:
      return [router];
  }
}

/** Every packet from or to an address outside passes these. */
const HOOKS: readonly string[] = ['PREROUTING', 'POSTROUTING'];

/** Floating IPs and forwardings whose IPv4 rules, or those on the way to them, a restore would still write or take away. */
function ruledBy(step: Extract<L3Step, { op: 'restore' }>, { floatingIps, forwardings }: Gathered): ObjectKey[] {
  const rules = rulesOf(step.edits);
  const owners = new Set<string>(rules.map(({ owner }) => owner));
  const hooked = rules.some(({ chain }) => HOOKS.includes(chain));
  const leadsTo = ({ chain, action }: Rule, own: string): boolean =>
    chain === own || (action.do === 'jump' && (action.chain === own || isForwardingHub(action.chain)));
  return [
    ...floatingIps.map(keyOf).filter((key) => hooked || owners.has(key)),
    ...forwardings
      .map(({ object }) => object)
      .filter(
        (object) =>
          hooked || owners.has(keyOf(object)) || rules.some((rule) => leadsTo(rule, forwardingChain(object.id))),
      )
      .map(keyOf),
  ];
}
