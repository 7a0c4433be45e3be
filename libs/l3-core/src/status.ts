/**
 * What the API is told of a router's objects: ACTIVE only when all that is theirs was read back (invariant 11), and a reason where
 * something failed. A refused route is told of the router; a floating address of its floating IP or its forwardings; a link of its port and, when it is the
 * gateway's, of all that uses the gateway.
 */
import {
  canonicalAddress,
  type FloatingIp,
  keyOf,
  ObjectKey,
  ObjectStatus,
  type Port,
  type PortForwarding,
  type Router,
} from '@plumbline/contracts';
import { L3Step } from './driver.js';
import { forwardingChain, isForwardingHub } from './forwardings.js';
import { Gathered, RouterPort } from './router-ports.js';
import { outsideDevice, portOfProgram } from './marks.js';
import { Held, heldObjects } from './probation.js';
import { Rendered } from './render.js';
import { Rule, rulesOf } from './rule.js';

const REASON_LENGTH = 500;

/** A step that would still be needed, and why it is not done: its own failure, or that of what it needs. */
export type Lack = Readonly<{ step: L3Step; reason: string }>;

/**
 * `lacks`: what was still missing when the node was read back. `held`: outside addresses that are held back. `position`: the view's; a router that cannot be rendered has
 * it. All else has that of the last event that set the object, or brought its router here: a change of one floating IP says nothing new of its router's six hundred others.
 */
export function statusesOf(
  rendered: Rendered,
  position: number,
  lacks: readonly Lack[],
  held: Held = new Map(),
): ObjectStatus[] {
  switch (rendered.kind) {
    case 'frozen':
      return [];
    case 'incomplete':
      return [statusOf({ kind: 'router', id: rendered.id }, position, 'ERROR', rendered.reason)];
    case 'down':
    case 'present': {
      const { gathered } = rendered;
      const { gateway, router } = gathered;
      const cameAt = router.setAt['host'] ?? 0;
      const reasons = new Map<ObjectKey, Set<string>>();
      for (const { step, reason } of lacks)
        for (const key of concernedBy(step, gathered)) reasons.set(key, (reasons.get(key) ?? new Set()).add(reason));
      const back = new Map(heldObjects(gathered, held).map(({ id, reason }) => [id, reason]));
      const judge = (object: Judged, wantedUp: boolean): ObjectStatus => {
        const { kind, id } = object;
        const at = Math.max(cameAt, ...Object.values(object.setAt));
        const why = reasons.get(`${kind}/${id}`);
        if (why) return statusOf(object, at, 'ERROR', [...why].join('; '));
        const heldBack = back.get(kind === 'router' ? (gateway?.port.id ?? '') : id);
        if (heldBack !== undefined) return statusOf(object, at, 'ERROR', heldBack);
        return statusOf(object, at, rendered.kind === 'down' || !wantedUp ? 'DOWN' : 'ACTIVE');
      };
      const outside = gateway?.port.adminStateUp ?? false;
      return [
        judge(router, true),
        ...gathered.ports.map(({ port }) => judge(port, port.adminStateUp)),
        ...gathered.floatingIps.map((floatingIp) => judge(floatingIp, outside)),
        ...gathered.forwardings.map(({ object, address }) => judge(object, address !== null && outside)),
      ];
    }
  }
}

type Judged = Pick<Port | Router | FloatingIp | PortForwarding, 'kind' | 'id' | 'setAt'>;

const statusOf = (
  { kind, id }: Pick<Judged, 'kind' | 'id'>,
  position: number,
  status: ObjectStatus['status'],
  why?: string,
): ObjectStatus => ({
  ...{ kind, id, position, status },
  ...(why !== undefined && { reason: why.slice(0, REASON_LENGTH) }),
});

/** The objects that are not as they should be while this step is still needed; the one whose step it is comes first. At least one. */
export function concernedBy(step: L3Step, gathered: Gathered): readonly ObjectKey[] {
  const router = keyOf(gathered.router);
  const { ports, gateway, floatingIps, forwardings } = gathered;
  const outside = [...floatingIps.map(keyOf), ...forwardings.map(({ object }) => keyOf(object))];
  const ofLink = (routerPort: RouterPort | undefined): ObjectKey[] => {
    if (!routerPort) return [router];
    return routerPort === gateway ? [keyOf(routerPort.port), router, ...outside] : [keyOf(routerPort.port)];
  };
  switch (step.op) {
    case 'process':
      return [keyOf(ports.find(({ port }) => port.id === portOfProgram(step.step.name))?.port ?? gathered.router)];
    case 'add-netns':
      return [router, ...ports.map(({ port }) => keyOf(port)), ...outside];
    case 'restore':
      return step.version === 4 ? [router, ...ruledBy(step, gathered)] : [router];
    case 'add-link':
    case 'remove-device':
    case 'set-link':
    case 'set-mtu':
    case 'reset-queue':
    case 'restore-route':
    case 'remove-neighbour':
      return ofLink(ports.find(({ device }) => device === step.device));
    case 'remove-link':
    case 'set-outside':
    case 'silence-outside':
    case 'add-port':
    case 'remove-port':
      return ofLink(ports.find(({ port }) => outsideDevice(port.id) === step.outside));
    case 'set-tx-checksum':
      return [keyOf(ports.find(({ device }) => device === step.device)?.port ?? gathered.router)];
    case 'set-sysctls': {
      const [key = ''] = Object.keys(step.values);
      return [keyOf(ports.find(({ device }) => key.includes(`/${device}/`))?.port ?? gathered.router)];
    }
    case 'add-address': {
      const ip = canonicalAddress(step.address.slice(0, step.address.indexOf('/')));
      const routerPort = ports.find(({ device }) => device === step.device);
      if (routerPort?.addresses.some((address) => canonicalAddress(address.ip) === ip))
        return routerPort === gateway ? [keyOf(routerPort.port), router] : [keyOf(routerPort.port)];
      const here = [
        ...floatingIps.filter(({ floatingIpAddress }) => canonicalAddress(floatingIpAddress) === ip).map(keyOf),
        ...forwardings
          .filter(({ address }) => address !== null && canonicalAddress(address) === ip)
          .map(({ object }) => keyOf(object)),
      ];
      return here.length > 0 ? here : [router];
    }
    case 'remove-netns':
    case 'set-loopback-up':
    case 'add-policy-rule':
    case 'remove-policy-rule':
    case 'remove-address':
    case 'replace-route':
    case 'remove-route':
    case 'end-connections':
    case 'end-forwarded':
    case 'end-untranslated':
    case 'farewell':
    case 'announce':
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
