/**
 * The firewall and NAT rules of a router: chain names and order are the reference implementation's (docs/design/l3-dataplane.md has the table of
 * differences). Each rule is written exactly as iptables-save prints it, because found and wanted rules are compared as text. Values are addresses and
 * device names that were parsed when they entered the system; nothing here is user text.
 *
 *   nat POSTROUTING ─► l3-agent-POSTROUTING      neither NATed inwards nor leaving by qg-: left as it is
 *                  └─► neutron-postrouting-bottom ─► l3-agent-snat ─► l3-agent-float-snat    a floating IP's own address first,
 *                                                               └─► the router's address     then the shared one
 *
 * Port forwardings have chains of their own (forwardings.ts).
 */
import { forwardingChains } from './forwardings.js';
import { Gathered, Leg, outsideIpv4 } from './legs.js';
import { CHAIN_PREFIX, comment, FILTER_TOP, POSTROUTING_BOTTOM } from './marks.js';
import { Chain, Jump, Table, TableName } from './state.js';

const own = (name: string): string => `${CHAIN_PREFIX}${name}`;
/** Address scope of traffic that belongs to none: high half of the packet mark. All networks share it until address scopes exist. */
const SCOPE = '0x4000000/0xffff0000';
/** Low half of the packet mark: came in by the gateway. */
const FROM_OUTSIDE = '0x2/0xffff';
const SAVE_SCOPE =
  '-m connmark --mark 0x0/0xffff0000 COMMENT -j CONNMARK --save-mark --nfmask 0xffff0000 --ctmask 0xffff0000';
const RESTORE_SCOPE =
  '-m connmark ! --mark 0x0/0xffff0000 COMMENT -j CONNMARK --restore-mark --nfmask 0xffff0000 --ctmask 0xffff0000';
const METADATA_PORT = 9697;

/** Rule text: `COMMENT` stands where iptables-save prints the comment, behind the last match and before the target. */
const rule = (position: number, text: string): string => text.replace('COMMENT', comment(position));
const jump = (position: number, target: string): string => rule(position, `COMMENT -j ${target}`);

function table(name: TableName, jumps: readonly Jump[], chains: Readonly<Record<string, readonly string[]>>): Table {
  const sorted = Object.entries(chains).map(([chain, rules]): Chain => ({ name: chain, rules }));
  return { table: name, jumps, chains: sorted.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

const hung = (position: number, hooks: readonly string[]): Jump[] =>
  hooks.map((hook) => ({ hook, rule: jump(position, own(hook)), place: 'first' }));

/** `neutron-filter-top` is seen before the agent's own chain, and both before anything an operator appended. */
const filterJumps = (position: number): Jump[] => [
  ...hung(position, ['INPUT']),
  ...['FORWARD', 'OUTPUT'].flatMap((hook): Jump[] => [
    { hook, rule: jump(position, FILTER_TOP), place: 'first' },
    ...hung(position, [hook]),
  ]),
];

const bears = (leg: Leg, version: 4 | 6): boolean => leg.addresses.some((address) => address.version === version);
const markScopes = (legs: readonly Leg[]): string[] =>
  legs.map((leg) => rule(leg.position, `-i ${leg.device} COMMENT -j MARK --set-xmark ${SCOPE}`));

function filter(position: number, interfaces: readonly Leg[]): Table {
  return table('filter', filterJumps(position), {
    [FILTER_TOP]: [jump(position, own('local'))],
    [own('FORWARD')]: [jump(position, own('scope'))],
    // Nobody may reach a metadata proxy directly; nothing is redirected to one, so nothing is let in.
    [own('INPUT')]: [rule(position, `-p tcp -m tcp --dport ${METADATA_PORT} COMMENT -j DROP`)],
    [own('OUTPUT')]: [],
    [own('local')]: [],
    [own('scope')]: interfaces.map((leg) =>
      rule(leg.position, `-o ${leg.device} -m mark ! --mark ${SCOPE} COMMENT -j DROP`),
    ),
  });
}

const raw = (position: number): Table =>
  table('raw', hung(position, ['PREROUTING', 'OUTPUT']), { [own('OUTPUT')]: [], [own('PREROUTING')]: [] });

const HOOKS = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];

/** IPv4 rules, tables in the order in which they are loaded. */
export function rulesV4(gathered: Gathered): readonly Table[] {
  const { router, gateway, floatingIps } = gathered;
  const base = router.setAt['host'] ?? 0;
  const legs = gathered.legs.filter((leg) => bears(leg, 4));
  const interfaces = legs.filter((leg) => leg.role === 'interface');
  const outside = outsideIpv4(gateway);
  const qg = gateway && outside ? gateway : null;
  const whenOut = (...texts: string[]): string[] => (qg ? texts.map((text) => rule(qg.position, text)) : []);
  const mangle = table('mangle', hung(base, HOOKS), {
    [own('FORWARD')]: [],
    [own('INPUT')]: [],
    [own('OUTPUT')]: [],
    [own('POSTROUTING')]: whenOut(`-o ${qg?.device} ${SAVE_SCOPE}`),
    [own('PREROUTING')]: [
      jump(base, own('mark')),
      jump(base, own('scope')),
      rule(base, RESTORE_SCOPE),
      jump(base, own('floatingip')),
    ],
    [own('float-snat')]: [rule(base, SAVE_SCOPE)],
    [own('floatingip')]: [],
    [own('mark')]: whenOut(`-i ${qg?.device} COMMENT -j MARK --set-xmark ${FROM_OUTSIDE}`),
    [own('scope')]: markScopes(legs),
  });
  const associated = qg ? floatingIps.map((fip) => ({ ...fip, position: fip.setAt['association'] ?? 0 })) : [];
  // Wherever a packet for a floating IP comes from (outside, a neighbour, the router itself), it goes to the fixed address.
  const inward = associated.map((fip) =>
    rule(
      fip.position,
      `-d ${fip.floatingIpAddress}/32 COMMENT -j DNAT --to-destination ${fip.association.fixedIpAddress}`,
    ),
  );
  const forwarded = forwardingChains(qg ? gathered.forwardings : [], base);
  const nat = table(
    'nat',
    [
      ...hung(base, ['PREROUTING', 'OUTPUT', 'POSTROUTING']),
      { hook: 'POSTROUTING', rule: jump(base, POSTROUTING_BOTTOM), place: 'last' },
    ],
    {
      ...forwarded.chains,
      [own('OUTPUT')]: [...inward, ...forwarded.jumps],
      [own('POSTROUTING')]: whenOut(`! -o ${qg?.device} -m conntrack ! --ctstate DNAT COMMENT -j ACCEPT`),
      [own('PREROUTING')]: [...inward, ...forwarded.jumps],
      [own('float-snat')]: associated.map((fip) =>
        rule(
          fip.position,
          `-s ${fip.association.fixedIpAddress}/32 COMMENT -j SNAT --to-source ${fip.floatingIpAddress} --random-fully`,
        ),
      ),
      [own('snat')]: [
        jump(base, own('float-snat')),
        ...(gathered.enableSnat
          ? whenOut(`-o ${qg?.device} COMMENT -j SNAT --to-source ${outside} --random-fully`)
          : []),
        // Hairpin: from inside to a floating IP of this router, back inside. The answer must come back through the router.
        ...whenOut(
          `-m mark ! --mark ${FROM_OUTSIDE} -m conntrack --ctstate DNAT COMMENT -j SNAT --to-source ${outside} --random-fully`,
        ),
      ],
      [POSTROUTING_BOTTOM]: [jump(base, own('snat'))],
    },
  );
  return [mangle, raw(base), filter(base, interfaces), nat];
}

/** IPv6 rules: no address translation, the same shape. */
export function rulesV6(gathered: Gathered): readonly Table[] {
  const base = gathered.router.setAt['host'] ?? 0;
  const legs = gathered.legs.filter((leg) => bears(leg, 6));
  const mangle = table('mangle', hung(base, HOOKS), {
    [own('FORWARD')]: [],
    [own('INPUT')]: [],
    [own('OUTPUT')]: [],
    [own('POSTROUTING')]: [],
    [own('PREROUTING')]: [jump(base, own('scope')), rule(base, RESTORE_SCOPE)],
    [own('scope')]: markScopes(legs),
  });
  const interfaces = legs.filter((leg) => leg.role === 'interface');
  const nat = table('nat', hung(base, ['PREROUTING']), { [own('PREROUTING')]: [] });
  return [mangle, raw(base), filter(base, interfaces), nat];
}
