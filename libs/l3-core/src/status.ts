/** What the API is told of a router's objects: ACTIVE only when all of it was read back (invariant 11). */
import { ObjectKey, ObjectStatus } from '@plumbline/contracts';
import { L3Step } from './driver.js';
import { forwardingChain, isForwardingHub } from './forwardings.js';
import { Held, heldObjects } from './probation.js';
import { Rendered } from './render.js';
import { outsideDevice } from './marks.js';
import { Rule, rulesOf } from './rule.js';

const REASON_LENGTH = 500;

/** `left`: steps that would still be needed, by what was read back. `error`: why the router could not be applied, if so. `held`: outside addresses left out. */
export function statusesOf(
  rendered: Rendered,
  position: number,
  left: readonly L3Step[],
  error: string | null,
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
      const down = rendered.kind === 'down';
      const why =
        error ?? (left.length > 0 ? `not in place yet: ${left.map((step) => step.op).join(', ')}` : undefined);
      const back = new Map(heldObjects(gathered, held).map(({ id, reason }) => [id, reason]));
      const judge = (kind: ObjectStatus['kind'], id: string, wantedUp: boolean, lacks: boolean): ObjectStatus => {
        if (lacks) return at(kind, id, 'ERROR', why);
        const heldBack = back.get(kind === 'router' ? (gathered.gateway?.port.id ?? '') : id);
        if (heldBack !== undefined) return at(kind, id, 'ERROR', heldBack);
        return at(kind, id, down || !wantedUp ? 'DOWN' : 'ACTIVE');
      };
      const nothingThere = left.some((step) => step.op === 'add-netns');
      const router = judge('router', rendered.id, true, why !== undefined);
      const ports = gathered.legs.map((leg) =>
        judge('port', leg.port.id, leg.port.adminStateUp, nothingThere || lacksLink(left, leg.device, leg.port.id)),
      );
      const gateway = gathered.gateway;
      const floating = gathered.floatingIps.map((fip) => {
        const lacks =
          nothingThere ||
          lacksRules(left, `floatingip/${fip.id}`) ||
          (gateway !== null && lacksLink(left, gateway.device, gateway.port.id, fip.floatingIpAddress));
        return judge('floatingip', fip.id, gateway?.port.adminStateUp ?? false, lacks);
      });
      const forwarded = gathered.forwardings.map(({ object, address }) => {
        const lacks =
          nothingThere ||
          lacksRules(left, `portforwarding/${object.id}`, forwardingChain(object.id)) ||
          (gateway !== null && lacksLink(left, gateway.device, gateway.port.id, object.externalIpAddress ?? undefined));
        return judge('portforwarding', object.id, address !== null && (gateway?.port.adminStateUp ?? false), lacks);
      });
      return [router, ...ports, ...floating, ...forwarded];
    }
  }
}

/** Steps that concern a link; of its addresses only `address` when given. */
const lacksLink = (left: readonly L3Step[], device: string, portId: string, address?: string): boolean =>
  left.some((step) => {
    if (step.op === 'add-address' && address !== undefined) return step.address === `${address}/32`;
    if ('outside' in step && step.outside === outsideDevice(portId)) return true;
    return 'device' in step && step.device === device && step.op !== 'announce' && step.op !== 'remove-address';
  });

/** Every packet from or to an address outside passes these. */
const HOOKS: readonly string[] = ['PREROUTING', 'POSTROUTING'];

/** IPv4 rules of an object, or on the way to them, that a step would still write or take away. `chain`: where a forwarding's rules are. */
const lacksRules = (left: readonly L3Step[], owner: ObjectKey, chain?: string): boolean => {
  const isOnTheWay = (rule: Rule): boolean => {
    const { action } = rule;
    if (HOOKS.includes(rule.chain) || rule.owner === owner) return true;
    if (chain === undefined) return false;
    return rule.chain === chain || (action.do === 'jump' && (action.chain === chain || isForwardingHub(action.chain)));
  };
  return left.some((step) => step.op === 'restore' && step.version === 4 && rulesOf(step.edits).some(isOnTheWay));
};
