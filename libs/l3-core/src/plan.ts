/**
 * From wanted and found to steps. Pure. A router's steps come in stages, so that a stage of many routers can share one batch; inside a stage, and
 * between stages, order is part of the contract:
 *
 *   build      namespace, links            everything else needs them; before a link is made anew its port is taken off the switch
 *   quiet      IPv6 of outer ends off      before the inner end goes up and gives the outer one a carrier
 *   plug       OVS ports                   a device must exist before OVS opens it
 *   configure  rules, then parameters,     Rules before addresses: a packet for a floating IP that arrives between the two would be answered by the
 *              then addresses and routes,  router itself (a reset), and what leaves before its NAT rule would leave untranslated. Forwarding after rules:
 *              then what must go           an error in between leaves a router that forwards nothing. Adds before removals: the other way round an address
 *                                          or a default route would be missing for a moment.
 *   unplug     OVS ports                   the reverse of plug and
 *   remove     links, namespaces           build
 *   announce   gratuitous ARP              after the addresses, which it does not hold up; what must go may still be going (tasks.ts)
 *
 * Of what goes: rules first (with the same restore that adds), then the connections (else the next packet would remake them), then the address: what
 * still comes is answered by the router with a reset, so that the peer learns at once. An address is removed only after its connections, so a crash in
 * between is mended by the next plan. An address that stays and goes to another instance, or whose forwardings change, does not show by itself that
 * connections must end: the restore that changes its rules adds a note (endings.ts), which is removed when the connections have been ended.
 */
import { Announcement, L3Step } from './driver.js';
import { isOurChain, isOurDevice, netnsOf, outsideOf } from './marks.js';
import { dialect } from './dialects/index.js';
import { Ending, endingsIn, endingText, notesOf, removalOf, translationsIn, withNotes } from './endings.js';
import { ForwardedTo, forwardedText, forwardingsIn, takenText } from './forwardings.js';
import { editsFor, isOurJump } from './rule-diff.js';
import { hasIpv6, isLinkLocal, linkLocalOf } from './ipv6.js';
import {
  foundKernelRoute,
  foundRoutes,
  kernelRoutesIn,
  KernelRoutes,
  kernelRoutesOf,
  planRoutes,
  withoutLocalRoute,
} from './routes.js';
import { bornPolicyRules, planPolicyRules } from './policy-rules.js';
import { areAsWanted, rulesIn, savedFrom } from './rule-lines.js';
import { farewellEdits, farewellRules, withFarewell } from './farewell.js';
import { Rule, RuleBody, Table, TableEdits } from './rule.js';
import { sharedIn, staleness, Translation, translationOf } from './translation.js';
import { IP_FORWARD } from './sysctls.js';
import { L3State, Link, ObservedLink, ObservedPort, ObservedRouter, OutsideLink, RouterState } from './state.js';

export const STAGES = ['build', 'quiet', 'plug', 'configure', 'unplug', 'remove', 'announce'] as const;
export type Stage = (typeof STAGES)[number];
export type RouterPlan = Readonly<{ routerId: string } & Record<Stage, readonly L3Step[]>>;

export const stepsOf = (plan: RouterPlan): L3Step[] => STAGES.flatMap((stage) => plan[stage]);
export const isEmpty = (plan: RouterPlan): boolean => STAGES.every((stage) => plan[stage].length === 0);

type Draft = Record<Stage, L3Step[]>;
const draft = (): Draft => ({ build: [], quiet: [], plug: [], configure: [], unplug: [], remove: [], announce: [] });

/** Steps that make `wanted` of what was found. Without `mayRemove` only what adds or repairs. `plan(d, observedAs(d))` is empty. */
export function planRouter(wanted: RouterState, found: L3State, mayRemove: boolean): RouterPlan {
  const steps = draft();
  const have = found.routers.get(wanted.id);
  const { netns } = wanted;
  const open = have ? withoutSettled(wanted, have, found) : { wanted, have };
  if (found.damaged.has(wanted.id)) steps.build.push({ op: 'remove-netns', netns });
  if (!have) steps.build.push({ op: 'add-netns', netns });
  const { rules, led } = natIn(wanted.rules4);
  const rules4 = have?.rules4 ?? new Map();
  const isKnown = isUnreadable(have, 4, 'nat') || areAsWanted(rules4, 'nat', wanted.rules4);
  const foundLed = isKnown ? led : ledBy(rulesIn(rules4, 'nat', wanted.rules4));
  const nat = { wanted: led, found: foundLed, rules };
  const leaving = open.have && mayRemove ? leavingIn(open.wanted, open.have) : NOTHING;
  const endings = have && mayRemove ? toBeNoted(nat, leaving) : [];
  const notes = notesOf(endings, wanted.rules4, `router/${wanted.id}`);
  const going = have && mayRemove ? leavingLinks(wanted.links, have) : [];
  const farewell = farewellRules(going, `router/${wanted.id}`);
  for (const version of [4, 6] as const) {
    const tables = withFarewell(version === 4 ? withNotes(wanted.rules4, notes) : wanted.rules6, farewell);
    const saved = (version === 4 ? have?.rules4 : have?.rules6) ?? new Map();
    const readable = tables.filter(({ table }) => !isUnreadable(have, version, table));
    const edits = editsFor(readable, saved, mayRemove);
    if (edits.length > 0) steps.configure.push(restore(netns, version, edits));
  }
  // Without IPv6 a device has none of its parameters, and loses its addresses.
  for (const { device, mtuBytes } of wanted.links) {
    const was = have?.links.find((each) => each.device === device);
    if (was && isWhole(device, was, found) && !hasIpv6(was.mtuBytes) && hasIpv6(mtuBytes))
      steps.configure.push({ op: 'set-mtu', netns, device, mtuBytes });
  }
  const { [IP_FORWARD]: forward, ...others } = wanted.sysctls;
  const differs = ([key, value]: [string, string]): boolean => have?.sysctls[key] !== value;
  // Writing it resets others: those that are right are written again with it, before those that are not.
  if (forward !== undefined && differs([IP_FORWARD, forward])) {
    const right = Object.entries(others).filter((each) => !differs(each));
    steps.configure.push({ op: 'set-sysctls', netns, values: { [IP_FORWARD]: forward, ...Object.fromEntries(right) } });
  }
  const values = Object.entries(others).filter(differs);
  if (values.length > 0) steps.configure.push({ op: 'set-sysctls', netns, values: Object.fromEntries(values) });
  for (const { device, txChecksum } of wanted.links) {
    const was = have?.links.find((each) => each.device === device);
    if (isWhole(device, was, found) ? was?.txChecksum !== txChecksum : !txChecksum)
      steps.configure.push({ op: 'set-tx-checksum', netns, device, on: txChecksum });
    if (was && (was.qdisc !== null || was.ingress !== null) && isWhole(device, was, found))
      steps.configure.push({ op: 'reset-queue', netns, device, ingress: was.ingress });
  }
  steps.configure.push(...planPolicyRules(netns, have?.policyRules ?? new Map(), mayRemove));
  // From here on all is one batch of ip(8).
  if (!have?.loUp) steps.configure.push({ op: 'set-loopback-up', netns });
  const remade = new Set<string>();
  const kernels = kernelRoutesIn(open.have?.routes ?? []);
  for (const link of open.wanted.links) planLink(link, open.wanted, open.have, found, kernels, steps, remade);
  const standing = new Map(
    open.have?.links.flatMap((link) => (remade.has(link.device) ? [] : [[link.device, link] as const])),
  );
  steps.configure.push(...planRoutes(open.wanted, open.have, mayRemove, standing, kernels));
  if (mayRemove)
    for (const neighbour of have?.neighbours ?? [])
      if (standing.has(neighbour.device)) steps.configure.push({ op: 'remove-neighbour', netns, ...neighbour });
  if (have) endConnections(wanted, have, mayRemove, nat, leaving, endings, steps);
  if (going.length > 0) steps.configure.push({ op: 'farewell', netns, devices: going });
  if (notes.length > 0) steps.configure.push(restore(netns, 4, removalOf(notes)));
  if (open.have && mayRemove) removeAddresses(open.wanted, open.have, steps, remade);
  if (mayRemove) removeLinks(wanted.links, have, found, steps);
  return { routerId: wanted.id, ...steps };
}

/**
 * The same without the floating addresses that are on the node as they are wanted, with the kernel's route to each: no step is about them, and a router may have hundreds.
 * Only of links that stay as they are; on any other the addresses are to be made anew.
 */
function withoutSettled(
  wanted: RouterState,
  have: ObservedRouter,
  found: L3State,
): Readonly<{ wanted: RouterState; have: ObservedRouter }> {
  // Only the kernel's own: one that somebody else made to the same address is still to be seen.
  const deviceOf = ({ type, kernel, plain, hops }: ObservedRouter['routes'][number]): string | null =>
    type === 'local' && kernel && plain && hops.length === 1 && hops[0]?.via === null ? hops[0].device : null;
  const routed = new Map<string, Set<string>>();
  for (const route of have.routes) {
    const device = deviceOf(route);
    if (device === null) continue;
    const destinations = routed.get(device);
    if (destinations) destinations.add(route.destination);
    else routed.set(device, new Set([route.destination]));
  }
  const settled = new Map<string, ReadonlySet<string>>();
  for (const link of wanted.links) {
    const { device } = link;
    const now = have.links.find((each) => each.device === device);
    if (!now?.up || !link.up || !isWhole(device, now, found) || isAltered(link, now)) continue;
    const broadcasts = new Map(now.addresses.map(({ address, broadcast }) => [address, broadcast]));
    const well = link.addresses.filter(
      ({ address, broadcast }) =>
        address.endsWith('/32') && broadcasts.get(address) === broadcast && routed.get(device)?.has(address),
    );
    if (well.length > 0) settled.set(device, new Set(well.map(({ address }) => address)));
  }
  if (settled.size === 0) return { wanted, have };
  const open = <L extends ObservedLink | Link>(link: L): L => {
    const well = settled.get(link.device);
    return well ? { ...link, addresses: link.addresses.filter(({ address }) => !well.has(address)) } : link;
  };
  const routes = have.routes.filter((route) => !settled.get(deviceOf(route) ?? '')?.has(route.destination));
  return {
    wanted: { ...wanted, links: wanted.links.map(open) },
    have: { ...have, links: have.links.map(open), routes },
  };
}

function planLink(
  link: Link,
  { netns }: RouterState,
  have: ObservedRouter | undefined,
  found: L3State,
  kernels: KernelRoutes,
  steps: Draft,
  remade: Set<string>,
): void {
  const { device, outside, mac, mtuBytes, up } = link;
  const was = have?.links.find((each) => each.device === device);
  const outer = found.outsides.get(outside);
  const whole = outer !== undefined && isWhole(device, was, found);
  const port = found.ports.get(outside);
  if (!whole) {
    remade.add(device);
    // The userspace datapath keeps the device that it opened, by number, and does not notice a new one of the same name: the port is removed first.
    if (port) steps.build.push({ op: 'remove-port', outside });
    if (outer) steps.build.push({ op: 'remove-link', outside });
    else if (was) steps.build.push({ op: 'remove-device', netns, device });
    steps.build.push({ op: 'add-link', netns, device, outside, mac, mtuBytes });
  } else if (!outer.up || outer.mtuBytes !== mtuBytes) steps.build.push({ op: 'set-outside', outside, mtuBytes });
  // The outer end has IPv6 once its MTU allows it, and is then to be silent from the start.
  const speaks = !whole || outer.ipv6 || !hasIpv6(outer.mtuBytes);
  if (speaks && hasIpv6(mtuBytes)) steps.quiet.push({ op: 'silence-outside', outside });
  if (!whole || !samePort(port, link)) steps.plug.push({ op: 'add-port', outside, port: link.port });
  const now = whole ? was : undefined;
  const addresses = missingAddresses(link, now, kernels);
  const set: L3Step = { op: 'set-link', netns, device, mac, mtuBytes, up };
  const isOther = now === undefined ? up : isAltered(link, now);
  for (const { address, broadcast } of addresses) {
    // The kernel keeps the old broadcast address of an address that is there already.
    if (now?.addresses.some((each) => each.address === address))
      steps.configure.push({ op: 'remove-address', netns, device, address });
    steps.configure.push({ op: 'add-address', netns, device, address, broadcast });
  }
  // A new link comes up with its addresses already on it.
  if (isOther) steps.configure.push(set);
  steps.announce.push(...announcementsOf(netns, link, isOther ? link.addresses : addresses));
}

const isAltered = ({ mac, mtuBytes, up }: Link, now: ObservedLink): boolean =>
  now.mac !== mac || now.mtuBytes !== mtuBytes || now.up !== up || !now.plain;

/** Tells the neighbours where these addresses of a link are. None when the link is down. */
export const announcementsOf = (
  netns: string,
  { device, mac, mtuBytes, up }: Link,
  addresses: Link['addresses'],
): Announcement[] =>
  addresses.flatMap(({ address }) =>
    up && (!address.includes(':') || hasIpv6(mtuBytes))
      ? [{ op: 'announce', netns, device, mac, address: ipOf(address) }]
      : [],
  );

/** Both ends of a link are there and belong together. */
export const isWhole = (device: string, link: ObservedLink | undefined, found: L3State): boolean =>
  link !== undefined && link.outside === outsideOf(device) && found.outsides.has(outsideOf(device));

function missingAddresses(link: Link, now: ObservedLink | undefined, kernels: KernelRoutes): Link['addresses'] {
  if (!now) return link.addresses;
  const there = new Map(now.addresses.map(({ address, broadcast }) => [address, broadcast]));
  const lost = withoutLocalRoute(now, kernels);
  const missing = link.addresses.filter(
    ({ address, broadcast }) => there.get(address) !== broadcast || lost.has(address),
  );
  // The kernel gives the link-local address when a link comes up, and not again.
  const standing = link.up && now.ipv6 && hasIpv6(link.mtuBytes);
  const locals = now.addresses.filter(({ address }) => isLinkLocal(address));
  if (standing && locals.every(({ address }) => lost.has(address)))
    missing.push(locals[0] ?? { address: linkLocalOf(link.mac), broadcast: null });
  return missing;
}

const samePort = (port: ObservedPort | undefined, { port: wanted }: Link): boolean =>
  port !== undefined &&
  port.ours &&
  port.portId === wanted.portId &&
  port.mac === wanted.mac &&
  port.position === wanted.position;

/** A transaction of one IP version's rules: what it changes, and the lines that a driver hands on. */
const restore = (netns: string, version: 4 | 6, edits: readonly TableEdits[]): L3Step => ({
  op: 'restore',
  netns,
  version,
  lines: dialect.inputOf(edits),
  edits,
});

/** Where rules of the nat table lead packets, and what is noted among them. */
type Led = Readonly<{
  translations: ReadonlyMap<string, string>;
  forwardings: readonly ForwardedTo[];
  endings: readonly Ending[];
}> &
  Pick<Translation, 'shared' | 'own'>;
/** `rules`: those that are wanted. */
type Nat = Readonly<{ wanted: Led; found: Led; rules: readonly Rule[] }>;
const ledBy = (rules: readonly RuleBody[]): Led => ({
  translations: translationsIn(rules),
  forwardings: forwardingsIn(rules),
  endings: endingsIn(rules),
  ...sharedIn(rules),
});
const nats = new WeakMap<readonly Table[], Readonly<{ rules: readonly Rule[]; led: Led }>>();
/** The wanted rules of the nat table and where they lead; read once of tables that stay the same. */
function natIn(tables: readonly Table[]): Readonly<{ rules: readonly Rule[]; led: Led }> {
  let nat = nats.get(tables);
  if (!nat) {
    const rules = tables.flatMap(({ table, chains }) =>
      table === 'nat' ? chains.flatMap((chain) => chain.rules) : [],
    );
    nats.set(tables, (nat = { rules, led: ledBy(rules) }));
  }
  return nat;
}

const NOTHING: ReadonlySet<string> = new Set();

const addressesOf = (links: readonly Pick<Link, 'addresses'>[]): Set<string> =>
  new Set(links.flatMap(({ addresses }) => addresses.map(({ address }) => address)));

const ipOf = (address: string): string => address.slice(0, address.indexOf('/'));

/** Floating addresses on the node that are not wanted any more. What is left of them when their rules are gone says that their connections must end. */
function leavingIn(wanted: RouterState, have: ObservedRouter): Set<string> {
  const kept = addressesOf(wanted.links);
  const leaving = [...addressesOf(have.links)].filter((address) => address.endsWith('/32') && !kept.has(address));
  return new Set(leaving.map(ipOf));
}

/** Endings of addresses that stay: floating IPs and forwardings that go elsewhere or end, and what an interrupted plan left a note of. */
function toBeNoted(nat: Nat, leaving: ReadonlySet<string>): Ending[] {
  const forwardings = new Set(nat.wanted.forwardings.map(forwardedText));
  const turned = [...nat.found.translations]
    .filter(([floating, fixed]) => nat.wanted.translations.get(floating) !== fixed)
    .map(([address]): Ending => ({ address, forwarded: null }));
  const ended = nat.found.forwardings
    .filter((each) => !forwardings.has(forwardedText(each)))
    .map(({ address, protocol, ports, target }): Ending => ({
      address,
      forwarded: { address, protocol, ports, answeredBy: target.to },
    }));
  const all = [...turned, ...nat.found.endings, ...ended].filter(({ address }) => !leaving.has(address));
  const byText = new Map(all.map((ending) => [endingText(ending), ending]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, ending]) => ending);
}

function endConnections(
  wanted: RouterState,
  have: ObservedRouter,
  mayRemove: boolean,
  nat: Nat,
  leaving: ReadonlySet<string>,
  noted: readonly Ending[],
  steps: Draft,
): void {
  const { netns } = wanted;
  const whole = new Set(leaving);
  for (const { address, forwarded } of noted) if (!forwarded) whole.add(address);
  for (const address of [...whole].sort()) steps.configure.push({ op: 'end-connections', netns, address });
  for (const { address, forwarded } of noted)
    if (forwarded && !whole.has(address)) steps.configure.push({ op: 'end-forwarded', netns, ...forwarded });
  // What came to the router itself before there was a forwarding would go on doing so for as long as it comes.
  const before = new Set(nat.found.forwardings.map(takenText));
  for (const each of nat.wanted.forwardings) {
    const { address, protocol, ports } = each;
    if (!before.has(takenText(each)) && !whole.has(address))
      steps.configure.push({ op: 'end-forwarded', netns, address, protocol, ports, answeredBy: address });
  }
  // Likewise what went to an address, or came from its instance, before the address was associated; and all, where the
  // router's own translation changes, or some of them are older than the rules.
  const begun = [...nat.wanted.translations].filter(
    ([floating, fixed]) => nat.found.translations.get(floating) !== fixed,
  );
  const { shared, own } = nat.found;
  const others =
    mayRemove &&
    (shared !== nat.wanted.shared ||
      own !== nat.wanted.own ||
      (have.connections?.some(staleness(translationOf(wanted, nat.rules))) ?? false)) &&
    !translatesOtherwise(have);
  if (begun.length === 0 && !others) return;
  const translation = translationOf(wanted, nat.rules);
  const keep = addressesOf(wanted.links);
  const lingers = mayRemove && [...addressesOf(have.links)].some((each) => !each.includes(':') && !keep.has(each));
  const addresses = others ? null : begun.flat();
  steps.configure.push({ op: 'end-untranslated', netns, addresses, translation, lingers });
}

const isUnreadable = (have: ObservedRouter | undefined, version: 4 | 6, table: string): boolean =>
  have?.unreadable.some((each) => each.version === version && each.table === table) ?? false;

/** Somebody else's rules translate, too: which of the connections that ours do not explain are theirs is not known. */
const translatesOtherwise = (have: ObservedRouter): boolean =>
  isUnreadable(have, 4, 'nat') ||
  [...(have.rules4.get('nat') ?? [])].some(([chain, lines]) =>
    isOurChain(chain) ? false : lines.some((line) => !isOurJump(line)),
  );

function removeAddresses(wanted: RouterState, have: ObservedRouter, steps: Draft, remade: ReadonlySet<string>): void {
  for (const { device, addresses } of have.links) {
    const link = wanted.links.find((each) => each.device === device);
    if (!link || remade.has(device)) continue;
    const keep = new Set(link.addresses.map(({ address }) => address));
    for (const { address } of addresses)
      if (!keep.has(address) && !isLinkLocal(address))
        steps.configure.push({ op: 'remove-address', netns: have.netns, device, address });
  }
}

const leavingLinks = (wanted: readonly Link[], have: ObservedRouter): string[] => {
  const names = new Set(wanted.map(({ device }) => device));
  return have.links.map(({ device }) => device).filter((device) => !names.has(device) && isOurDevice(device));
};

/** Removes links in the namespace that belong to no port of the router, with their switch ports. */
function removeLinks(wanted: readonly Link[], have: ObservedRouter | undefined, found: L3State, steps: Draft): void {
  const names = new Set(wanted.map((link) => link.device));
  for (const link of have?.links ?? []) {
    if (names.has(link.device) || !isOurDevice(link.device)) continue;
    const outside = link.outside ?? outsideOf(link.device);
    if (found.ports.get(outside)?.ours) steps.unplug.push({ op: 'remove-port', outside });
    if (link.outside) steps.remove.push({ op: 'remove-link', outside: link.outside });
    else if (have) steps.remove.push({ op: 'remove-device', netns: have.netns, device: link.device });
  }
}

/**
 * Steps that leave nothing of a router: it was deleted, moved to another host, or is administratively down. `elsewhere`: it moved; what passes it passes it there
 * from now on, and is not reset.
 */
export function planRemoval(routerId: string, found: L3State, elsewhere = false): RouterPlan {
  const steps = draft();
  const have = found.routers.get(routerId);
  if (have) {
    const devices = leavingLinks([], have);
    if (devices.length > 0 && !elsewhere) {
      for (const version of [4, 6] as const) {
        const edits = farewellEdits(version === 4 ? have.rules4 : have.rules6, devices, `router/${routerId}`);
        if (edits.length > 0) steps.configure.push(restore(have.netns, version, edits));
      }
      steps.configure.push({ op: 'farewell', netns: have.netns, devices });
    }
    removeLinks([], have, found, steps);
  }
  if (have || found.damaged.has(routerId)) {
    steps.remove.push({ op: 'remove-netns', netns: netnsOf(routerId) });
  }
  return { routerId, ...steps };
}

/** Ports of ours on the bridge that are neither wanted nor outer ends of what was found in a router's namespace. */
export const orphanPorts = (
  { ports }: Pick<L3State, 'ports'>,
  wanted: ReadonlySet<string>,
  inner: ReadonlySet<string>,
): L3Step[] =>
  [...ports.values()]
    .filter((port) => port.ours && !wanted.has(port.name) && !inner.has(port.name))
    .map(({ name }): L3Step => ({ op: 'remove-port', outside: name }));

/** With the one that the kernel gives. */
const allAddresses = ({ up, mac, mtuBytes, addresses }: Omit<Link, 'port'>): Link['addresses'] =>
  up && hasIpv6(mtuBytes) ? [...addresses, { address: linkLocalOf(mac), broadcast: null }] : addresses;

/** What a node shows when these routers are applied and nothing else is there. */
export function observedAs(routers: readonly RouterState[], userspace: boolean): L3State {
  const links = routers.flatMap((router) => router.links);
  return {
    bridge: true,
    userspace,
    unreadable: new Map(),
    damaged: new Set(),
    routers: new Map(
      routers.map((router): [string, ObservedRouter] => [
        router.id,
        {
          id: router.id,
          netns: router.netns,
          loUp: true,
          links: router.links.map(({ port: _port, ...link }) => ({
            ...link,
            plain: true,
            qdisc: null,
            ingress: null,
            ipv6: link.up && hasIpv6(link.mtuBytes),
            addresses: allAddresses(link),
            tentative: new Set<string>(),
          })),
          routes: [
            ...foundRoutes(router.routes),
            ...router.links
              .filter(({ up }) => up)
              .flatMap((link) => kernelRoutesOf({ ...link, addresses: allAddresses(link) }).map(foundKernelRoute)),
          ],
          neighbours: [],
          policyRules: bornPolicyRules(),
          sysctls: router.sysctls,
          rules4: savedFrom(router.rules4),
          rules6: savedFrom(router.rules6),
          unreadable: [],
          connections: null,
        },
      ]),
    ),
    outsides: new Map(
      links.map((link): [string, OutsideLink] => [
        link.outside,
        { name: link.outside, up: true, mtuBytes: link.mtuBytes, ipv6: false },
      ]),
    ),
    ports: new Map(
      links.map(({ outside, port }): [string, ObservedPort] => [outside, { name: outside, ...port, ours: true }]),
    ),
    programs: null,
  };
}
