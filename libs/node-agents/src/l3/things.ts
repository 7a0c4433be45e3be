/** What the L3 agent has on its node, thing by thing: as its view wants it, with object and event of each, and as it is found. Pure. */
import { canonicalAddress, type ObjectKey, versionOf } from '@plumbline/contracts';
import {
  advertiserName,
  bornPolicyRules,
  type Chain,
  dialect,
  type FoundPolicyRules,
  type FoundRoute,
  type Gathered,
  hasIpv6,
  isOurChain,
  isForeignPolicyRule,
  isOurDevice,
  isOurJump,
  kernelRoutesOf,
  type L3State,
  type Link,
  linkLocalOf,
  netnsOf,
  portOfProgram,
  type Rendered,
  routerIdOf,
  type RouterState,
  type SavedTables,
  type Table,
} from '@plumbline/l3-core';
import type { SeenNetwork } from '@plumbline/exec';
import type { FoundThing, WantedThing } from '@plumbline/reasons/things';
import { isOwnOnLoopback, LOOPBACK } from '../things.js';

type Present = Extract<Rendered, { kind: 'present' }>;
const TOOLS = { 4: 'iptables', 6: 'ip6tables' } as const;

const kept = new WeakMap<RouterState, readonly WantedThing[]>();

/** All that routers as they are rendered want on the node. Made once of a router that does not change. */
export function wantedOf(rendered: Iterable<Rendered>): WantedThing[] {
  return [...rendered].flatMap((each): readonly WantedThing[] => {
    if (each.kind !== 'present') return [];
    let things = kept.get(each.state);
    if (!things) kept.set(each.state, (things = ofRouter(each)));
    return things;
  });
}

function ofRouter({ gathered, state }: Present): WantedThing[] {
  const router: ObjectKey = `router/${state.id}`;
  const { setAt } = gathered.router;
  const host = setAt['host'] ?? 0;
  const at = (sort: string, name: string, owner: string, position: number, text = name): WantedThing => ({
    ...{ sort, place: sort === 'namespace' ? '' : state.netns, name, text, owner, position, uses: [] },
  });
  const links = state.links.flatMap((link) => ofLink(link, gathered, state.netns));
  const routes = state.routes.map((route) => {
    const { version, destination, via, device } = route;
    const text = routeText(destination, via, device);
    const subnet = gathered.outsideSubnets.find(
      ({ gatewayIp }) => gatewayIp !== null && via === canonicalAddress(gatewayIp),
    );
    const extra = gathered.router.routes.some(
      ({ nexthop }) => versionOf(nexthop) === version && canonicalAddress(nexthop) === via,
    );
    if (extra && destination !== 'default') return at('route', text, router, setAt['routes'] ?? 0);
    return at('route', text, router, Math.max(setAt['gateway'] ?? 0, subnet?.setAt['subnet'] ?? 0));
  });
  const sysctls = Object.entries(state.sysctls).map(([key, value]) => {
    const link = state.links.find(({ device }) => key.includes(`/${device}/`));
    return at('sysctl', `${key} = ${value}`, link ? `port/${link.port.portId}` : router, link?.port.position ?? host);
  });
  const programs = state.advertising.flatMap(({ portId, device, text }): WantedThing[] => {
    const name = advertiserName(state.id, portId);
    const position = gathered.ports.find((each) => each.port.id === portId)?.position ?? 0;
    const lines = entriesOf(text).map((line): WantedThing => ({
      ...at('entry', line, subnetOf(line, gathered) ?? `port/${portId}`, position),
      place: name,
    }));
    return [{ ...at('process', name, `port/${portId}`, position, `radvd ${name} on ${device}`), place: '' }, ...lines];
  });
  return [
    at('namespace', state.netns, router, host),
    at('device', 'lo', router, host),
    ...links,
    ...routes,
    ...policyRulesIn(bornPolicyRules()).map(({ name, text }) => at('policy-rule', name, router, host, text)),
    ...sysctls,
    ...[
      ...state.rules4.flatMap((table) => ofTable(table, 4, state, router, host)),
      ...state.rules6.flatMap((table) => ofTable(table, 6, state, router, host)),
    ],
    ...programs,
  ];
}

/** A line of a file of radvd: the subnet whose prefix it says. */
function subnetOf(line: string, { ports }: Gathered): ObjectKey | null {
  const prefix = /^prefix (\S+)$/.exec(line)?.[1];
  const subnet =
    prefix === undefined
      ? undefined
      : ports.flatMap(({ addresses }) => addresses).find(({ subnet: { cidr } }) => cidr === prefix)?.subnet;
  return subnet ? `subnet/${subnet.id}` : null;
}

function ofLink(link: Link, gathered: Gathered, netns: string): WantedThing[] {
  const { device, outside, mac, mtuBytes, addresses, port, up } = link;
  const owner: ObjectKey = `port/${port.portId}`;
  const at = (sort: string, name: string, by: Owned, text = name): WantedThing => ({
    sort,
    place: netns,
    name,
    text,
    ...by,
    uses: [],
  });
  const own = { owner, position: port.position };
  const owned = (ip: string): Owned => ownerOf(ip, link, gathered) ?? own;
  return [
    at('device', device, own, deviceText(device, mac, mtuBytes)),
    { ...at('device', outside, own), place: '' },
    ...addresses.map(({ address }) => at('address', `${address} dev ${device}`, owned(address.replace(/\/.*/, '')))),
    // Those that the kernel makes by itself, for the link and for each address.
    ...(up && hasIpv6(mtuBytes) ? [at('address', `${linkLocalOf(mac)} dev ${device}`, own)] : []),
    ...(up ? kernelRoutesOf(withLinkLocal(link)) : []).map(({ type, destination }) =>
      at('route', kernelText(type, destination, device), owned(destination.replace(/\/.*/, ''))),
    ),
  ];
}

const withLinkLocal = ({
  device,
  mac,
  mtuBytes,
  addresses,
}: Link): Pick<Link, 'device' | 'mtuBytes' | 'addresses'> => ({
  ...{ device, mtuBytes },
  addresses: hasIpv6(mtuBytes) ? [...addresses, { address: linkLocalOf(mac), broadcast: null }] : addresses,
});

type Owned = Readonly<{ owner: string; position: number }>;

/** Of an address outside: the floating IP or port forwarding that it is there for. Null: the port's own. */
function ownerOf(
  ip: string,
  { device, port }: Link,
  { gateway, floatingIps, forwardings, ports }: Gathered,
): Owned | null {
  if (ports.find((each) => each.port.id === port.portId)?.addresses.some((each) => canonicalAddress(each.ip) === ip)) {
    const of = ports.find((each) => each.port.id === port.portId);
    return { owner: `port/${port.portId}`, position: of?.position ?? port.position };
  }
  if (gateway?.device !== device) return null;
  const floating = floatingIps.find(({ floatingIpAddress }) => canonicalAddress(floatingIpAddress) === ip);
  if (floating) return { owner: `floatingip/${floating.id}`, position: floating.setAt['association'] ?? 0 };
  const forwarding = forwardings.find(
    ({ object }) => object.externalIpAddress !== null && canonicalAddress(object.externalIpAddress) === ip,
  );
  return forwarding ? { owner: `portforwarding/${forwarding.object.id}`, position: forwarding.position } : null;
}

const deviceText = (device: string, mac: string, mtuBytes: number): string => `${device} ${mac} mtu ${mtuBytes}`;
const routeText = (destination: string, via: string | null, device: string): string =>
  `${destination}${via === null ? '' : ` via ${via}`} dev ${device}`;
const kernelText = (type: string, destination: string, device: string): string =>
  `${type === 'unicast' ? '' : `${type} `}${destination} dev ${device}`;
const chainName = (version: 4 | 6, table: string, chain: string): string => `${TOOLS[version]} -t ${table} -N ${chain}`;
const ruleName = (version: 4 | 6, table: string, chain: string, line: string): string =>
  `${TOOLS[version]} -t ${table} -A ${chain} ${dialect.effectOf(line)}`;
const ruleText = (version: 4 | 6, table: string, chain: string, line: string): string =>
  `${TOOLS[version]} -t ${table} -A ${chain} ${line}`;

function ofTable(
  { table, jumps, chains }: Table,
  version: 4 | 6,
  { netns }: RouterState,
  router: ObjectKey,
  host: number,
): WantedThing[] {
  const rules = [...jumps.map(({ rule }) => rule), ...chains.flatMap((chain) => chain.rules)];
  const positionOf = ({ rules: its }: Chain): number =>
    Math.min(...its.flatMap(({ position }) => position ?? []), Infinity);
  return [
    ...chains.map((chain): WantedThing => {
      const [first] = chain.rules;
      const position = positionOf(chain);
      const alone = new Set(chain.rules.map(({ owner }) => owner)).size === 1;
      const name = chainName(version, table, chain.name);
      return {
        ...{ sort: 'chain', place: netns, name, text: name },
        ...{ owner: alone && first ? first.owner : router, position: Number.isFinite(position) ? position : host },
        uses: [...new Set(chain.rules.map(({ owner }) => owner))].slice(0, 50),
      };
    }),
    ...rules.map((rule): WantedThing => {
      const line = dialect.lineOf(rule);
      return {
        ...{ sort: 'rule', place: netns, name: ruleName(version, table, rule.chain, line) },
        text: ruleText(version, table, rule.chain, line),
        ...{ owner: rule.owner, position: rule.position, uses: [] },
      };
    }),
  ];
}

/** Lines of a program's file that say something. */
const entriesOf = (text: string): string[] => [
  ...new Set(
    text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !/^[{}#]|^};?$/.test(line)),
  ),
];

/** What was read of a node. `networks`: of routers' namespaces, by name. `files`: of programs, by name. `others`: programs of the kind that bear no mark of ours. */
export type Read = Readonly<{
  state: L3State;
  networks: ReadonlyMap<string, SeenNetwork>;
  files: ReadonlyMap<string, string>;
  others: readonly string[];
}>;

/** Pure. What is in a router's namespace and has no mark is foreign; what is on a device of ours is ours whoever put it there (docs/reference/marks.md). */
export function foundIn({ state, networks, files, others }: Read): FoundThing[] {
  const things: FoundThing[] = [];
  const add = (sort: string, place: string, name: string, ours: boolean, more: Partial<FoundThing> = {}): void => {
    things.push({ sort, place, name, text: name, position: null, ours, ...more });
  };
  for (const id of [...state.routers.keys(), ...state.unreadable.keys(), ...state.damaged]) {
    add('namespace', '', netnsOf(id), true, { owner: `router/${id}` });
  }
  for (const { name } of state.outsides.values()) add('device', '', name, true);
  for (const [netns, { links, routes, neighbours }] of networks) {
    const router = routerIdOf(netns);
    const owner = router === null ? null : `router/${router}`;
    for (const { name, mac, mtuBytes, addresses } of links) {
      const ours = isOurDevice(name) || name === 'lo';
      add('device', netns, name, ours, {
        ...(name !== 'lo' && { text: deviceText(name, mac, mtuBytes) }),
        owner: ours ? owner : null,
      });
      for (const { address } of addresses) {
        const isOurs = name === 'lo' ? LOOPBACK.includes(address) : ours;
        add('address', netns, `${address} dev ${name}`, isOurs, {
          owner: isOurs ? owner : null,
          ...(isOurs && name === 'lo' && { as: 'ours' as const }),
        });
      }
    }
    const own = links.flatMap(({ name, addresses }) =>
      isOurDevice(name) ? addresses.map(({ address }) => address) : [],
    );
    const isOn = ({ hops, kernel, destination }: Pick<FoundRoute, 'hops' | 'kernel' | 'destination'>): boolean =>
      hops.every(
        ({ device }) => isOurDevice(device) || (device === 'lo' && kernel && isOwnOnLoopback(destination, own)),
      );
    for (const route of routes)
      for (const name of routeNames(route))
        add(
          'route',
          netns,
          name,
          isOn(route),
          // The kernel makes some of an address that nobody asks it for.
          { owner: isOn(route) ? owner : null, ...(route.kernel && isOn(route) && { as: 'ours' as const }) },
        );
    for (const { device, address, proxy } of neighbours)
      add('neighbour', netns, `${proxy ? 'proxy ' : ''}${address} dev ${device}`, isOurDevice(device), { owner });
  }
  for (const { netns, id, rules4, rules6, sysctls, policyRules } of state.routers.values()) {
    for (const { name, text, ours } of policyRulesIn(policyRules))
      add('policy-rule', netns, name, ours, { text, owner: ours ? `router/${id}` : null });
    for (const [version, saved] of [
      [4, rules4],
      [6, rules6],
    ] as const)
      things.push(...rulesIn(saved, version, netns, id));
    for (const [key, value] of Object.entries(sysctls))
      add('sysctl', netns, `${key} = ${value}`, true, { owner: `router/${id}` });
  }
  const { found } = state.programs ?? { found: { processes: [] } };
  for (const { name, main } of found.processes)
    if (main) add('process', '', name, true, { text: `radvd ${name}`, owner: `port/${portOfProgram(name) ?? ''}` });
  for (const [name, text] of files)
    for (const line of entriesOf(text)) add('entry', name, line, true, { owner: `port/${portOfProgram(name) ?? ''}` });
  for (const text of others) add('process', '', text, false);
  return things;
}

/** As ip-rule(8) prints them; of one that is not for all packets its priority, and devices. */
function policyRulesIn(all: FoundPolicyRules): readonly Readonly<{ name: string; text: string; ours: boolean }>[] {
  return [...all].flatMap(([version, rules]) =>
    rules.map((rule) => {
      const { priority, table, devices } = rule;
      const what = table === null ? devices.map((device) => ` ${device}`).join('') : ` from all lookup ${table}`;
      const text = `${priority}:${what}`;
      return { name: version === 6 ? `inet6 ${text}` : text, text, ours: !isForeignPolicyRule(rule) };
    }),
  );
}

function routeNames({
  type,
  destination,
  hops,
  kernel,
}: Pick<FoundRoute, 'type' | 'destination' | 'hops' | 'kernel'>): string[] {
  if (hops.length === 0) return [`${type} ${destination}`];
  return hops.map(({ via, device }) =>
    kernel || via === null ? kernelText(type, destination, device) : routeText(destination, via, device),
  );
}

function rulesIn(saved: SavedTables, version: 4 | 6, netns: string, id: string): FoundThing[] {
  return [...saved].flatMap(([table, chains]) =>
    [...chains].flatMap(([chain, lines]): FoundThing[] => {
      const ours = isOurChain(chain);
      const name = chainName(version, table, chain);
      return [
        ...(ours || !/^[A-Z]+$/.test(chain)
          ? [
              {
                sort: 'chain',
                place: netns,
                name,
                text: name,
                position: null,
                ours,
                owner: ours ? `router/${id}` : null,
              },
            ]
          : []),
        ...lines.map((line): FoundThing => {
          const position = /plumb:(\d+)/.exec(line)?.[1];
          const marked = /plumb:/.test(line) || (!ours && isOurJump(line));
          return {
            ...{
              sort: 'rule',
              place: netns,
              name: ruleName(version, table, chain, line),
              text: ruleText(version, table, chain, line),
            },
            ...{
              position: position === undefined ? null : Number(position),
              ours: marked,
              owner: marked ? `router/${id}` : null,
            },
          };
        }),
      ];
    }),
  );
}
