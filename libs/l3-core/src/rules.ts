/**
 * The firewall and NAT rules of a router: chain names and order are the reference implementation's (docs/design/l3-dataplane.md has the table of
 * differences). Rules are data (rule.ts); a dialect writes them.
 *
 *   nat POSTROUTING ─► l3-agent-POSTROUTING      neither translated inwards nor leaving by qg-: left as it is
 *                  └─► neutron-postrouting-bottom ─► l3-agent-snat ─► l3-agent-float-snat    a floating IP's own address first,
 *                                                               └─► the router's address     then the shared one
 *
 * Port forwardings have chains of their own (forwardings.ts).
 */
import { ObjectKey } from '@plumbline/contracts';
import { forwardingChains } from './forwardings.js';
import { Gathered, RouterPort, outsideIpv4 } from './router-ports.js';
import { FILTER_TOP, INTERFACE_PREFIX, ownChain, POSTROUTING_BOTTOM } from './marks.js';
import { Action, Draft, Hook, jump, Jump, Mark, Match, Origin, Rule, rule, Table, TableName } from './rule.js';

/** High half of the packet mark. */
const SCOPE_BITS = 0xffff0000;
/** Address scope of traffic that belongs to none. All networks share it until address scopes exist. */
const SCOPE: Mark = { value: 0x4000000, mask: SCOPE_BITS };
/** Low half of the packet mark: came in by the gateway. */
const FROM_OUTSIDE: Mark = { value: 0x2, mask: 0xffff };
/** Low half of the packet mark: leads to the metadata proxy. */
const TO_METADATA: Mark = { value: 0x1, mask: 0xffff };
/** Where a guest asks who it is, by IPv4 and by IPv6, and where that is answered in the router's namespace. The reference's. */
const METADATA = { 4: '169.254.169.254', 6: 'fe80::a9fe:a9fe' } as const;
export const METADATA_PORT = 9697;
const HTTP = { first: 80, last: 80 } as const;

const DROP: Action = { do: 'drop' };
const NO_SCOPE: Mark = { value: 0, mask: SCOPE_BITS };
const translated = (not: boolean): Match => ({ on: 'connection-state', state: 'DNAT', not });

const saveScope = (origin: Origin, ...match: Match[]): Draft =>
  rule(origin, [...match, { on: 'connection-mark', mark: NO_SCOPE, not: false }], {
    do: 'save-mark',
    mask: SCOPE_BITS,
  });
const restoreScope = (origin: Origin): Draft =>
  rule(origin, [{ on: 'connection-mark', mark: NO_SCOPE, not: true }], { do: 'restore-mark', mask: SCOPE_BITS });

type DraftJump = Readonly<{ hook: Hook; draft: Draft; place: Jump['place'] }>;

function table(
  name: TableName,
  jumps: readonly DraftJump[],
  chains: Readonly<Record<string, readonly Draft[]>>,
): Table {
  const placed = (chain: string, { match, action, owner, position }: Draft): Rule => ({
    table: name,
    chain,
    match,
    action,
    owner,
    position,
  });
  return {
    table: name,
    jumps: jumps.map(({ hook, draft, place }) => ({ rule: placed(hook, draft), place })),
    chains: Object.entries(chains)
      .map(([chain, drafts]) => ({ name: chain, rules: drafts.map((draft) => placed(chain, draft)) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

const jumpsFrom = (origin: Origin, hooks: readonly Hook[]): DraftJump[] =>
  hooks.map((hook) => ({ hook, draft: jump(origin, ownChain(hook)), place: 'first' }));

/** `neutron-filter-top` is seen before the agent's own chain, and both before anything an operator appended. */
const filterJumps = (origin: Origin): DraftJump[] => [
  ...jumpsFrom(origin, ['INPUT']),
  ...(['FORWARD', 'OUTPUT'] as const).flatMap((hook): DraftJump[] => [
    { hook, draft: jump(origin, FILTER_TOP), place: 'first' },
    ...jumpsFrom(origin, [hook]),
  ]),
];

const hasAddressOf = (port: RouterPort, version: 4 | 6): boolean =>
  port.addresses.some((address) => address.version === version);
const originOf = ({ port, position }: RouterPort): Origin => ({ owner: `port/${port.id}`, position });
const enters = ({ device }: RouterPort): Match => ({ on: 'input', device, not: false });
const leaves = ({ device }: RouterPort): Match => ({ on: 'output', device, not: false });

const markScopes = (ports: readonly RouterPort[]): Draft[] =>
  ports.map((port) => rule(originOf(port), [enters(port)], { do: 'set-mark', mark: SCOPE }));

/** What a guest of one of the router's networks asks for metadata. */
const asksForMetadata = (version: 4 | 6): Match[] => [
  { on: 'destination', address: METADATA[version] },
  { on: 'input', device: `${INTERFACE_PREFIX}+`, not: false },
  { on: 'protocol', protocol: 'tcp', ports: HTTP },
];
const markMetadata = (base: Origin, version: 4 | 6): Draft =>
  rule(base, asksForMetadata(version), { do: 'set-mark', mark: TO_METADATA });
const redirectMetadata = (base: Origin, version: 4 | 6): Draft =>
  rule(base, asksForMetadata(version), { do: 'redirect', port: METADATA_PORT });

function filter(base: Origin, interfaces: readonly RouterPort[], metadata: boolean): Table {
  return table('filter', filterJumps(base), {
    [FILTER_TOP]: [jump(base, ownChain('local'))],
    [ownChain('FORWARD')]: [jump(base, ownChain('scope'))],
    // Nobody may reach a metadata proxy directly: only what was redirected to it is let in, and nothing where nothing is redirected.
    [ownChain('INPUT')]: [
      ...(metadata ? [rule(base, [{ on: 'packet-mark', mark: TO_METADATA, not: false }], { do: 'accept' })] : []),
      rule(base, [{ on: 'protocol', protocol: 'tcp', ports: { first: METADATA_PORT, last: METADATA_PORT } }], DROP),
    ],
    [ownChain('OUTPUT')]: [],
    [ownChain('local')]: [],
    [ownChain('scope')]: interfaces.map((port) =>
      rule(originOf(port), [leaves(port), { on: 'packet-mark', mark: SCOPE, not: true }], DROP),
    ),
  });
}

const raw = (base: Origin): Table =>
  table('raw', jumpsFrom(base, ['PREROUTING', 'OUTPUT']), { [ownChain('OUTPUT')]: [], [ownChain('PREROUTING')]: [] });

const HOOKS = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const;

const baseOf = ({ router }: Gathered): Origin => ({
  owner: `router/${router.id}`,
  position: router.setAt['host'] ?? 0,
});

/** IPv4 rules, tables in the order in which they are loaded. `metadata`: guests that ask for it are answered on this node. */
export function rulesV4(gathered: Gathered, metadata: boolean): readonly Table[] {
  const { gateway, floatingIps } = gathered;
  const base = baseOf(gathered);
  const ports = gathered.ports.filter((port) => hasAddressOf(port, 4));
  const interfaces = ports.filter((port) => port.role === 'interface');
  const outside = outsideIpv4(gateway);
  const way = gateway && outside ? { gateway, address: outside, origin: originOf(gateway) } : null;
  const mangle = table('mangle', jumpsFrom(base, HOOKS), {
    [ownChain('FORWARD')]: [],
    [ownChain('INPUT')]: [],
    [ownChain('OUTPUT')]: [],
    [ownChain('POSTROUTING')]: way ? [saveScope(way.origin, leaves(way.gateway))] : [],
    [ownChain('PREROUTING')]: [
      jump(base, ownChain('mark')),
      jump(base, ownChain('scope')),
      restoreScope(base),
      jump(base, ownChain('floatingip')),
      ...(metadata ? [markMetadata(base, 4)] : []),
    ],
    [ownChain('float-snat')]: [saveScope(base)],
    [ownChain('floatingip')]: [],
    [ownChain('mark')]: way ? [rule(way.origin, [enters(way.gateway)], { do: 'set-mark', mark: FROM_OUTSIDE })] : [],
    [ownChain('scope')]: markScopes(ports),
  });
  // As they were associated: a new one comes behind the others, which costs the kernel nothing, whereas to insert it among them costs as much as there are.
  const associated = (way ? floatingIps : [])
    .map((fip) => ({
      origin: { owner: `floatingip/${fip.id}` as ObjectKey, position: fip.setAt['association'] ?? 0 },
      floating: fip.floatingIpAddress,
      fixed: fip.association.fixedIpAddress,
    }))
    .sort((a, b) => a.origin.position - b.origin.position);
  // Wherever a packet for a floating IP comes from (outside, a neighbour, the router itself), it goes to the fixed address.
  const inward = associated.map(({ origin, floating, fixed }) =>
    rule(origin, [{ on: 'destination', address: floating }], { do: 'dnat', to: fixed, ports: null, base: null }),
  );
  const forwarded = forwardingChains(way ? gathered.forwardings : [], base);
  const nat = table(
    'nat',
    [
      ...jumpsFrom(base, ['PREROUTING', 'OUTPUT', 'POSTROUTING']),
      { hook: 'POSTROUTING', draft: jump(base, POSTROUTING_BOTTOM), place: 'last' },
    ],
    {
      ...forwarded.chains,
      [ownChain('OUTPUT')]: [...inward, ...forwarded.jumps],
      [ownChain('POSTROUTING')]: way
        ? [
            rule(way.origin, [{ on: 'output', device: way.gateway.device, not: true }, translated(true)], {
              do: 'accept',
            }),
          ]
        : [],
      [ownChain('PREROUTING')]: [...(metadata ? [redirectMetadata(base, 4)] : []), ...inward, ...forwarded.jumps],
      [ownChain('float-snat')]: associated.map(({ origin, floating, fixed }) =>
        rule(origin, [{ on: 'source', address: fixed }], { do: 'snat', to: floating }),
      ),
      [ownChain('snat')]: [
        jump(base, ownChain('float-snat')),
        ...(way && gathered.enableSnat
          ? [rule(way.origin, [leaves(way.gateway)], { do: 'snat', to: way.address })]
          : []),
        // Hairpin: from inside to a floating IP of this router, back inside. The answer must come back through the router.
        ...(way
          ? [
              rule(way.origin, [{ on: 'packet-mark', mark: FROM_OUTSIDE, not: true }, translated(false)], {
                do: 'snat',
                to: way.address,
              }),
            ]
          : []),
      ],
      [POSTROUTING_BOTTOM]: [jump(base, ownChain('snat'))],
    },
  );
  return [mangle, raw(base), filter(base, interfaces, metadata), nat];
}

/** IPv6 rules: the same shape, and no address is translated but that of metadata. */
export function rulesV6(gathered: Gathered, metadata: boolean): readonly Table[] {
  const base = baseOf(gathered);
  const ports = gathered.ports.filter((port) => hasAddressOf(port, 6));
  const mangle = table('mangle', jumpsFrom(base, HOOKS), {
    [ownChain('FORWARD')]: [],
    [ownChain('INPUT')]: [],
    [ownChain('OUTPUT')]: [],
    [ownChain('POSTROUTING')]: [],
    [ownChain('PREROUTING')]: [
      jump(base, ownChain('scope')),
      restoreScope(base),
      ...(metadata ? [markMetadata(base, 6)] : []),
    ],
    [ownChain('scope')]: markScopes(ports),
  });
  const interfaces = ports.filter((port) => port.role === 'interface');
  const nat = table('nat', jumpsFrom(base, ['PREROUTING']), {
    [ownChain('PREROUTING')]: metadata ? [redirectMetadata(base, 6)] : [],
  });
  return [mangle, raw(base), filter(base, interfaces, metadata), nat];
}
