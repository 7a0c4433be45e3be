/**
 * Which connections are not translated as the router's rules say. The kernel looks at NAT rules for the first packet of a connection only, so what began before a
 * rule stays as it was for as long as packets come: a UDP client that never pauses, an instance that talked outward before it had its floating IP. Pure.
 *
 *   destination   a floating address leads to its fixed one, a forwarded port to its target; all else stays
 *   source        a fixed address leaves as its floating one; by the gateway, with source NAT, all leave as the router's own; what came from inside to a
 *                 translated destination goes back through the router, so it has the router's own address, too
 *   metadata      what a guest asks the metadata address is answered by the router itself, where that is redirected
 *   the router    what ends at the router itself keeps its source; what it sends itself counts as from inside
 *
 * Of a source that may be inside or outside (nobody said where it is) both translations are right. With a new kind of translation among our rules this must learn
 * it, or it takes its connections for old ones.
 *
 * Road not taken: to end all connections of the addresses concerned. Those of neighbours on the same address, and those that are right, would end with them.
 */
import { addressToInt, PortRange, prefixLengthOf, rangeOf } from '@plumbline/contracts';
import { ForwardedTo, forwardingsIn } from './forwardings.js';
import { GATEWAY_PREFIX, ownChain } from './marks.js';
import { RuleBody } from './rule.js';
import { Connection, RouterState } from './state.js';
import { translationsIn } from './endings.js';

/** To which port of the router itself connections to this address and port go. */
export type Redirection = Readonly<{ address: string; port: number; to: number }>;

/** IPv4 only: of IPv6 nothing but questions for metadata is translated, and no such connection is looked at. */
export type Translation = Readonly<{
  /** Floating address and fixed address. */
  floating: readonly (readonly [floating: string, fixed: string])[];
  forwardings: readonly ForwardedTo[];
  /** TCP from inside. */
  redirections: readonly Redirection[];
  /** The router's own outside address, for what leaves by the gateway; null without source NAT. */
  shared: string | null;
  /** The same for what comes from inside to a translated destination; null without a gateway. */
  own: string | null;
  /** Where addresses are: the longest prefix that has one says whether it is reached by the gateway. */
  places: readonly Readonly<{ cidr: string; outside: boolean }>[];
  /** Addresses of the router's own: it answers them itself where they are not translated. */
  local: readonly string[];
}>;

const SNAT = ownChain('snat');

/** What the rules for connections without an address of their own say. */
export function sharedIn(rules: readonly RuleBody[]): Pick<Translation, 'shared' | 'own'> {
  let shared: string | null = null;
  let own: string | null = null;
  for (const { chain, match, action } of rules) {
    if (chain !== SNAT || action.do !== 'snat') continue;
    if (match.some(({ on }) => on === 'output')) shared = action.to;
    else own = action.to;
  }
  return { shared, own };
}

function redirectionsIn(rules: readonly RuleBody[]): Redirection[] {
  return rules.flatMap(({ match, action }): Redirection[] => {
    if (action.do !== 'redirect') return [];
    const [address] = match.flatMap((each) => (each.on === 'destination' ? [each.address] : []));
    const ports = match.flatMap((each) => (each.on === 'protocol' && each.ports ? [each.ports.first] : []));
    return address === undefined ? [] : ports.map((port) => ({ address, port, to: action.port }));
  });
}

/** `rules`: those of table nat that are wanted. */
export function translationOf({ links, routes }: RouterState, rules: readonly RuleBody[]): Translation {
  const isOutside = (device: string): boolean => device.startsWith(GATEWAY_PREFIX);
  const places = [
    ...links.flatMap(({ device, addresses }) =>
      addresses.map(({ address }) => ({ cidr: address, outside: isOutside(device) })),
    ),
    ...routes.map(({ destination, device }) => ({
      cidr: destination === 'default' ? '0.0.0.0/0' : destination,
      outside: isOutside(device),
    })),
  ].filter(({ cidr }) => !cidr.includes(':'));
  const local = links.flatMap(({ addresses }) =>
    addresses.flatMap(({ address, broadcast }) => [ipOf(address), ...(broadcast === null ? [] : [broadcast])]),
  );
  return {
    floating: [...translationsIn(rules)],
    forwardings: forwardingsIn(rules),
    redirections: redirectionsIn(rules),
    ...sharedIn(rules),
    ...{ places, local },
  };
}

const ipOf = (address: string): string => address.slice(0, address.indexOf('/'));

/** The router's own, or nobody's in particular: 127.0.0.0/8, 224.0.0.0 and above. */
const isSpecial = (address: string): boolean => address.startsWith('127.') || Number(address.split('.')[0]) >= 224;

/** Of a connection, by the rules: whether it is not translated as it would be if it began now, and what it may then be sent from. */
export type Judgement = Readonly<{ stale: boolean; translatesDestination: boolean; sources: readonly string[] }>;

/** Tells of a connection whether it is not translated as it would be if it began now. */
export function staleness(translation: Translation): (connection: Connection) => boolean {
  const judge = judgeBy(translation);
  return (connection) => judge(connection).stale;
}

/** Judges connections. */
export function judgeBy(translation: Translation): (connection: Connection) => Judgement {
  const { forwardings, shared, own } = translation;
  const fixedOf = new Map(translation.floating);
  const floatingOf = new Map<string, string>();
  for (const [floating, fixed] of translation.floating) if (!floatingOf.has(fixed)) floatingOf.set(fixed, floating);
  // Nearly all places are single addresses, and a longer prefix there is none.
  const single = new Map<string, boolean>();
  for (const { cidr, outside } of translation.places)
    if (cidr.endsWith('/32') && !single.has(cidr)) single.set(cidr, outside);
  const places = translation.places
    .filter(({ cidr }) => !cidr.endsWith('/32'))
    .map(({ cidr, outside }) => ({ ...rangeOf(cidr), length: prefixLengthOf(cidr), outside }))
    .sort((a, b) => b.length - a.length);
  const placeOf = (address: string): boolean | undefined => {
    const known = single.get(`${address}/32`);
    if (known !== undefined) return known;
    const value = addressToInt(address);
    const place = places.find(({ first, last }) => first <= value && value <= last);
    // The default route says where packets go, not where others come from.
    return place && place.length > 0 ? place.outside : undefined;
  };
  const mine = new Set(translation.local);
  const isLocal = (address: string): boolean => mine.has(address) || isSpecial(address);
  /** What a connection to `to`, which is not `destination` if that is translated, may be sent from. */
  const sourcesFor = (source: string, to: string, translated: boolean): readonly string[] => {
    if (!translated && isLocal(to)) return [source];
    const leaves = placeOf(to) ?? true;
    if (!translated && !leaves) return [source];
    const floating = floatingOf.get(source);
    if (floating !== undefined) return [floating];
    if (leaves) return [shared ?? source];
    if (own === null) return [source];
    if (isLocal(source)) return [own];
    const outside = placeOf(source);
    return outside === undefined ? [own, source] : [outside ? source : own];
  };
  return ({ protocol, source, destination, destinationPort, answerFrom, answerTo, answerPort }) => {
    const redirected = translation.redirections.find(
      ({ address, port }) => protocol === 'tcp' && address === destination && port === destinationPort,
    );
    if (redirected && !isLocal(source) && placeOf(source) !== true) {
      const stale = !mine.has(answerFrom) || answerPort !== redirected.to || answerTo !== source;
      return { stale, translatesDestination: true, sources: [source] };
    }
    const forwarded = fixedOf.has(destination)
      ? undefined
      : forwardings.find((each) => takes(each, protocol, destination, destinationPort));
    const to = fixedOf.get(destination) ?? forwarded?.target.to ?? destination;
    const sources = sourcesFor(source, to, to !== destination);
    const wrongPort = forwarded !== undefined && !answers(forwarded, destinationPort, answerPort);
    const stale = answerFrom !== to || wrongPort || !sources.includes(answerTo);
    return { stale, translatesDestination: to !== destination, sources };
  };
}

/** Names of conntrack for the protocols of forwardings that it calls otherwise. */
const NAMES: Readonly<Record<string, string>> = { icmp6: 'icmpv6' };

const within = (ports: PortRange, port: number | null): boolean =>
  port !== null && ports.first <= port && port <= ports.last;

const takes = (each: ForwardedTo, protocol: string, destination: string, port: number | null): boolean =>
  each.address === destination &&
  (NAMES[each.protocol] ?? each.protocol) === protocol &&
  (each.ports === null || within(each.ports, port));

/** Whether the answer comes from a port that the forwarding leads to. The kernel may have chosen another one of a shifted range. */
function answers({ ports, target }: ForwardedTo, port: number | null, answerPort: number | null): boolean {
  if (ports === null || answerPort === null) return true;
  return target.ports === null ? answerPort === port : within(target.ports, answerPort);
}
