/** What a router's namespace said it does with a packet, as hops. */
import { type AnswerOf, keyOf, type Port, type Router, type TracedPacket } from '@plumbline/contracts';
import type { Objects } from '../doctor/subject.js';
import { type Hop, packetTold } from './told.js';
import type { Trail } from './trail.js';

type RoutingAnswer = AnswerOf<'routing'>;

/** Devices are named by the first characters of their port's id. */
export function portOf(objects: Objects, router: Router, device: string): Port | undefined {
  const ids = [...Object.keys(router.interfaces), ...(router.gateway ? [router.gateway.portId] : [])];
  const id = ids.find((each) => each.slice(0, 11) === device.slice(device.indexOf('-') + 1));
  return id === undefined ? undefined : objects.get('port', id);
}

export function routed(
  trail: Trail,
  router: Router,
  host: string,
  place: string,
  packet: TracedPacket,
  told: RoutingAnswer,
): void {
  let before = packet;
  const end = told.end === 'forwarded' || told.end === 'delivered';
  const isBehind = (chain: string): boolean => chain.includes('POSTROUTING') || chain.includes('snat');
  const rules = told.rules.filter(({ did }) => did !== 'mark');
  const rule = ({ table, chain, line, did, of, position, packet: after }: (typeof rules)[number]): void => {
    const changed = !isEqual(before, after);
    const what =
      did === 'back'
        ? `its connection translates it back`
        : `-t ${table} -A ${chain} ${line === '' ? '(policy of the chain)' : line}`;
    const more = { place, of, position, before: changed ? packetTold(before) : null };
    trail.hop('rule', host, after, what, more);
    before = after;
  };
  for (const each of rules.filter(({ chain }) => !end || !isBehind(chain))) rule(each);
  if (told.route !== '') trail.hop('route', host, before, told.route, { place, ...originOf(trail, router, told) });
  if (end) for (const each of rules.filter(({ chain }) => isBehind(chain))) rule(each);
}

/** What of the router a route is there for. */
function originOf(trail: Trail, router: Router, { route, device }: RoutingAnswer): Pick<Hop, 'object' | 'position'> {
  const out = portOf(trail.objects, router, device ?? '');
  const { setAt } = router;
  const object = keyOf(router);
  if (!out) return { object, position: setAt['host'] ?? null };
  if (!route.startsWith('default') && route.includes(' via ')) return { object, position: setAt['routes'] ?? null };
  return { object, position: setAt[out.id === router.gateway?.portId ? 'gateway' : `interface:${out.id}`] ?? null };
}

const isEqual = (a: TracedPacket, b: TracedPacket): boolean =>
  JSON.stringify(packetTold(a)) === JSON.stringify(packetTold(b));
