/**
 * What doctor's checks make of a log, reports and answers of nodes. The nodes are a picture of healthy ones that each case spoils; faults made for real are in
 * test/system/doctor.e2e.spec.ts.
 */
import { describe, expect, it } from '@jest/globals';
import { AGENT_KINDS, type PlumbEvent, type Port, type Probe } from '@plumbline/contracts';
import * as events from '@plumbline/topology/testing';
import { idOf, World } from '@plumbline/topology/testing';
import type { AgentFacts, Answers, Known, Said } from './check.js';
import { CHECKS } from './checks/index.js';
import {
  EXTERNAL,
  FLOATING,
  GATEWAY_PORT,
  GROUP,
  GUEST,
  INTERFACE,
  ROUTER,
  TENANT,
  cloud,
  mac,
} from '../testing/cloud.js';
import { examine, type Examined, type Heard, remembered, type Wanted } from './examine.js';
import { madeBy } from './made.js';
import { type Subject, sceneOf } from './scene.js';

/** Answers of healthy nodes, which a case spoils in place; null: nobody answers. */
type Nodes = {
  -readonly [Q in keyof Answers]: (host: string, params: never) => Answers[Q] | null;
};
const HEALTHY: Nodes = {
  wiring: (host, { ports, bridges }: { ports: { id: string }[]; bridges: string[] }) => ({
    ...{ switchAnswers: true, integrationBridge: true },
    ports: ports.map(({ id }) => ({
      id,
      plugged:
        host === 'cmp1' ? [{ device: 'tap', bridge: 'br-int', tag: 4, ifaceId: id, fault: null as string | null }] : [],
      almost: [],
    })),
    bridges: bridges.map((name) => ({
      name,
      there: true,
      patched: true,
      uplinks: ['eth1'],
      uplinkMtuBytes: 1500,
      cut: null,
    })),
    tunnels: [{ remoteIp: host === 'net1' ? '172.31.0.2' : '172.31.0.1', up: true }],
    tunnelEnds: [{ localIp: host === 'net1' ? '172.31.0.1' : '172.31.0.2', device: 'eth2' as string | null, up: true }],
  }),
  flows: (_host, { bridges }: { bridges: { name: string; localVlanIds: number[] }[] }) => ({
    ...{ foreign: [], foreignCount: 0, ours: { 'br-int': 40, 'br-tun': 9 } },
    translated: bridges.flatMap(({ name, localVlanIds }) =>
      localVlanIds.map((localVlanId) => ({ bridge: name, localVlanId, out: true, in: true })),
    ),
  }),
  namespace: (_host, { sort }: { sort: string }) => ({
    ...{ there: true, defaults: ['10.255.0.1'], forwards: true, forwards6: true, redirects: false },
    ...{ foreign: [], foreign6: [], foreignCount: 0, astray: [], advertises: [INTERFACE] },
    links:
      sort === 'router'
        ? [
            { device: `qr-${INTERFACE.slice(0, 11)}`, up: true, mac: mac(2), addresses: ['10.0.0.1/24'] },
            {
              ...{ device: `qg-${GATEWAY_PORT.slice(0, 11)}`, up: true, mac: mac(1) },
              addresses: ['10.255.0.10/24', '10.255.0.20/32'],
            },
          ]
        : [],
    connections: { count: 10, most: 1_000 },
    listens: ['udp/67'],
  }),
  probe: (_host, { probes }: { probes: Probe[] }) => ({ answers: probes.map(answerTo) }),
  path: (_host, { to }: { to: string[] }) => ({ ends: to.map((each) => ({ to: each, reached: true, whole: true })) }),
  state: () => ({ state: 'in-sync', position: 9, snapshot: 9, freeBytes: 1e9, troubles: [], failing: [] }),
};
const NO = { answered: false, fromMac: '', toMac: '', text: '' };
/** The instance has its address and knows its gateway; nobody else has an address of ours. */
function answerTo({ kind, from, to, place }: Probe) {
  const isTaken = place.in === 'router' && place.gateway && from.ip === '0.0.0.0';
  if (kind === 'asked' || isTaken) return NO;
  return { answered: true, fromMac: to.mac, toMac: from.mac, text: '' };
}

const agent = (host: string, kind: AgentFacts['kind'], more: Partial<AgentFacts> = {}): AgentFacts => ({
  ...{ host, kind, alive: true, heardAt: '2026-11-29T12:00:00Z', state: 'in-sync', adminStateUp: true, troubles: [] },
  ...more,
});
const AGENTS = [...AGENT_KINDS.slice(0, 3).map((kind) => agent('net1', kind)), agent('cmp1', AGENT_KINDS[0])];

const well = (host: string, kind: AgentFacts['kind'] | undefined): Said => ({
  ...{ host, agent: kind ?? '', status: 'ACTIVE', reason: '', position: 99 },
});
const [OVS, L3, DHCP] = AGENT_KINDS;
const SAID: Readonly<Record<string, readonly Said[]>> = {
  [`port/${GUEST}`]: [well('cmp1', OVS), well('net1', DHCP)],
  [`router/${ROUTER}`]: [well('net1', L3)],
  [`floatingip/${FLOATING}`]: [well('net1', L3)],
};

type Case = Readonly<{
  events?: readonly PlumbEvent[];
  nodes?: Partial<Nodes>;
  agents?: readonly AgentFacts[] | null;
  said?: Readonly<Record<string, readonly Said[]>>;
  subject?: (world: World) => Subject;
  known?: Partial<Known>;
}>;

const ofFloatingIp = ({ topology }: World): Subject => {
  const floatingIp = topology.get('floatingip', FLOATING);
  if (!floatingIp) throw new Error('no floating IP');
  return { sort: 'floating-ip', floatingIp };
};
const ofPort = ({ topology }: World): Subject => ({ sort: 'port', port: topology.get('port', GUEST) as Port });

function diagnosed({
  events: more = [],
  nodes = {},
  agents = AGENTS,
  said = {},
  subject = ofFloatingIp,
  known,
}: Case): Examined {
  const world = cloud(...more);
  const all = { ...HEALTHY, ...nodes };
  const facts: Known = {
    ...{ objects: world.topology, system: { database: null, broker: null }, agents, refused: [] },
    ...{ said: new Map(Object.entries({ ...SAID, ...said })), leastFreeBytes: 1_000 },
    ...known,
  };
  const scene = sceneOf(world.topology, subject(world));
  const memory = new Map<string, Heard>();
  for (let round = 0; round < 6; round += 1) {
    const examined = examine(facts, scene, null, memory, 600);
    if (examined.wanted.length === 0) return examined;
    for (const wanted of examined.wanted)
      for (const [key, heard] of remembered(wanted, heardBy(all, wanted))) memory.set(key, heard);
  }
  throw new Error('it never stops asking');
}

function heardBy(nodes: Nodes, { question, host, params }: Wanted): Heard {
  const answer = nodes[question as keyof Nodes](host, params as never);
  return answer === null ? { silent: `${host} does not answer` } : { answer };
}

const first = (found: Examined): string | undefined => found.findings[0]?.check;
const spoil =
  <Q extends keyof Answers>(question: Q, how: (answer: Answers[Q], host: string, params: never) => void) =>
  (host: string, params: never): Answers[Q] => {
    const answer = structuredClone(HEALTHY[question](host, params) as Answers[Q]);
    how(answer, host, params);
    return answer;
  };

describe('a healthy cloud', () => {
  it.each([
    ['a floating IP', ofFloatingIp],
    ['a port', ofPort],
    [
      'a network',
      ({ topology }: World): Subject => ({ sort: 'network', network: topology.get('network', TENANT) as never }),
    ],
    ['a node', (): Subject => ({ sort: 'node', host: 'net1' })],
    ['everything', (): Subject => ({ sort: 'all' })],
  ])('%s: nothing is found, and nothing is left unknown', (_name, subject) => {
    const found = diagnosed({ subject });
    expect([found.findings, found.unknown, found.wanted]).toEqual([[], [], []]);
    expect(found.well.length).toBeGreaterThan(12);
  });

  it('asks each agent and node once for the same', () => {
    const world = cloud();
    const known: Known = {
      ...{ objects: world.topology, system: { database: null, broker: null }, agents: AGENTS, refused: [] },
      ...{ said: new Map(Object.entries(SAID)), leastFreeBytes: 1 },
    };
    const { wanted } = examine(known, sceneOf(world.topology, ofFloatingIp(world)), null, new Map(), 600);
    const names = wanted.map(({ host, agent: kind, question }) => `${host} ${kind} ${question}`);
    expect(names.length).toBeLessThan(18);
    expect(names.filter((name) => name.endsWith('probe'))).toHaveLength(2);
  });

  it('that does not answer is not well, and nothing but its silence is named', () => {
    const nobody = Object.fromEntries(Object.keys(HEALTHY).map((name) => [name, () => null]));
    const found = diagnosed({ nodes: nobody });
    expect(new Set(found.findings.map(({ check }) => check))).toEqual(new Set(['agent-answers']));
    expect(found.unknown.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['switch-answers', 'guest-address', 'tunnel-answers', 'floating-address-free']),
    );
  });
});

const setPort = (portId: string, set: object): PlumbEvent =>
  ({ type: 'PortAttributesSet', version: 1, data: { portId, set } }) as PlumbEvent;
/** The tenant's network with IPv6, too. */
const SIX: readonly PlumbEvent[] = [
  events.subnetCreated({
    ...{ subnetId: idOf('bb0'), networkId: TENANT, cidr: 'fd00::/64', gatewayIp: 'fd00::1', ipVersion: 6 },
    ...{ ipv6AddressMode: 'slaac', ipv6RaMode: 'slaac' },
  }),
  setPort(INTERFACE, {
    fixedIps: [
      { subnetId: idOf('ba0'), ipAddress: '10.0.0.1' },
      { subnetId: idOf('bb0'), ipAddress: 'fd00::1' },
    ],
  }),
  setPort(GUEST, {
    fixedIps: [
      { subnetId: idOf('ba0'), ipAddress: '10.0.0.5' },
      { subnetId: idOf('bb0'), ipAddress: 'fd00::5' },
    ],
  }),
];
const HAS6 = spoil('namespace', ({ links, defaults }) => {
  links[1]?.addresses.push('fd00:e::10/64');
  defaults.push('fd00:e::1');
});
const NAMESPACE6 = spoil('namespace', ({ links }) => links[0]?.addresses.push('fd00::1/64'));
const spoil6 =
  (how: (answer: Answers['namespace']) => void) =>
  (host: string, params: never): Answers['namespace'] => {
    const answer = NAMESPACE6(host, params);
    how(answer);
    return answer;
  };
const unanswered =
  (isIt: (probe: Probe) => boolean) =>
  (_host: string, { probes }: { probes: Probe[] }) => ({
    answers: probes.map((probe) => (isIt(probe) ? NO : answerTo(probe))),
  });

/** The external network with IPv6, too. */
const OUTSIDE6: readonly PlumbEvent[] = [
  events.subnetCreated({
    ...{ subnetId: idOf('be6'), networkId: EXTERNAL, cidr: 'fd00:e::/64', gatewayIp: 'fd00:e::1', ipVersion: 6 },
  }),
  setPort(GATEWAY_PORT, {
    fixedIps: [
      { subnetId: idOf('be0'), ipAddress: '10.255.0.10' },
      { subnetId: idOf('be6'), ipAddress: 'fd00:e::10' },
    ],
  }),
];
/** Who is outside answers solicitations of the router's link-local address: the gateway, and who has taken an address. */
const outside6 = (taken: string | null, off: string | null) =>
  unanswered(({ kind, from, to }) => {
    if (kind !== 'nd' || from.ip !== 'fe80::f816:3eff:fe00:1') return to.ip === off;
    return to.ip === off || (to.ip === 'fd00:e::10' && taken === null);
  });

const noGateway: PlumbEvent = {
  type: 'SubnetAttributesSet',
  version: 1,
  data: { subnetId: idOf('be0'), networkId: EXTERNAL, set: { gatewayIp: null } },
};

describe('the first cause', () => {
  it.each<readonly [string, Case]>([
    ['database', { agents: null, known: { system: { database: 'away', broker: null } } }],
    ['broker', { known: { system: { database: null, broker: 'away' } } }],
    ['reports', { agents: AGENTS.map((each) => ({ ...each, alive: false })) }],
    ['machine-owns-name', { known: { refused: [{ host: 'cmp1', machine: 'm', reason: 'another owns it' }] } }],
    [
      'physical-network-mapped',
      { events: [events.nodeRegistered('net1', '172.31.0.1'), events.nodeRegistered('cmp1', '172.31.0.2')] },
    ],
    ['physical-network-mapped-here', { events: [events.nodeRegistered('net1', '172.31.0.1')] }],
    ['tunnel-end-set', { events: [events.nodeRegistered('cmp1', null, { physnet1: 'br-ex' })] }],
    [
      'network-placed',
      { events: [{ type: 'NetworkWithdrawnFromHost', version: 1, data: { networkId: TENANT, host: 'cmp1' } }] },
    ],
    [
      'integration-bridge',
      { nodes: { wiring: spoil('wiring', (answer) => void Object.assign(answer, { integrationBridge: false })) } },
    ],
    [
      'provider-bridge',
      {
        nodes: {
          wiring: spoil('wiring', ({ bridges }) =>
            bridges.forEach((each) => Object.assign(each, { there: false, cut: 'gone' })),
          ),
        },
      },
    ],
    [
      'connections-full',
      {
        nodes: {
          namespace: spoil(
            'namespace',
            (answer) => void Object.assign(answer, { connections: { count: 999, most: 1_000 } }),
          ),
        },
      },
    ],
    [
      'router-namespace',
      { nodes: { namespace: spoil('namespace', (answer) => void Object.assign(answer, { there: false })) } },
    ],
    [
      'router-namespace',
      { nodes: { namespace: spoil('namespace', (answer) => void Object.assign(answer, { forwards: false })) } },
    ],
    [
      'agent-in-sync',
      { nodes: { state: spoil('state', (answer) => void Object.assign(answer, { state: 'foreign-log' })) } },
    ],
    ['agent-enabled', { agents: AGENTS.map((each) => ({ ...each, adminStateUp: false })) }],
    ['agent-trouble', { agents: AGENTS.map((each) => ({ ...each, troubles: ['something is odd'] })) }],
    [
      'reported-error',
      {
        said: {
          [`floatingip/${FLOATING}`]: [{ host: 'net1', agent: 'x', status: 'ERROR', reason: 'why', position: 99 }],
        },
      },
    ],
    [
      'reported-router-error',
      {
        said: {
          [`port/${GATEWAY_PORT}`]: [{ host: 'net1', agent: 'x', status: 'ERROR', reason: 'why', position: 99 }],
        },
      },
    ],
    [
      'reported-port-error',
      { said: { [`port/${GUEST}`]: [{ host: 'cmp1', agent: 'x', status: 'ERROR', reason: 'why', position: 99 }] } },
    ],
    [
      'way-to-guest',
      {
        nodes: {
          probe: (_host, { probes }: { probes: Probe[] }) => ({
            answers: probes.map((probe) =>
              probe.place.in === 'router' && !probe.place.gateway && probe.kind !== 'arp' ? NO : answerTo(probe),
            ),
          }),
        },
      },
    ],
    ['port-active', { said: { [`port/${GUEST}`]: [] } }],
    ['port-active', { said: { [`port/${GUEST}`]: [{ ...well('cmp1', OVS), status: 'DOWN' }] } }],
    ['port-active', { said: { [`port/${GUEST}`]: [{ ...well('cmp1', OVS), position: 1 }] } }],
    ['port-active', { said: { [`port/${GUEST}`]: [well('cmp1', OVS)] } }],
    ['router-active', { said: { [`router/${ROUTER}`]: [] } }],
    ['floating-ip-active', { said: { [`floatingip/${FLOATING}`]: [{ ...well('net1', L3), status: 'DOWN' }] } }],
    ['other-agent', { agents: [...AGENTS, agent('net1', AGENT_KINDS[3] ?? 'ovs', { alive: false })] }],
    ['external-subnet-gateway', { events: [noGateway] }],
    [
      'router-namespace',
      { nodes: { namespace: spoil('namespace', (answer) => void Object.assign(answer, { defaults: [] })) } },
    ],
    [
      'led-astray',
      {
        nodes: {
          namespace: spoil('namespace', ({ astray }) => void astray.push({ what: 'a route', of: '10.0.0.0/28' })),
        },
      },
    ],
    [
      'uplink-length',
      {
        nodes: {
          wiring: spoil('wiring', ({ bridges }) =>
            bridges.forEach((each) => Object.assign(each, { uplinkMtuBytes: 500 })),
          ),
        },
      },
    ],
    [
      'tunnel-end-here',
      {
        nodes: {
          wiring: spoil('wiring', ({ tunnelEnds, tunnels }, host) => {
            if (host !== 'net1') return;
            tunnelEnds.forEach((each) => Object.assign(each, { device: null, up: false }));
            tunnels.forEach((each) => Object.assign(each, { up: false }));
          }),
        },
      },
    ],
    [
      'tunnel-end-here',
      {
        nodes: {
          wiring: spoil('wiring', ({ tunnelEnds }) => tunnelEnds.forEach((each) => Object.assign(each, { up: false }))),
        },
      },
    ],
    ['own-flows', { nodes: { flows: spoil('flows', ({ ours }) => void Object.assign(ours, { 'br-int': 0 })) } }],
    ['router-address-free', { events: OUTSIDE6, nodes: { probe: outside6('fd00:e::10', null), namespace: HAS6 } }],
    ['outside-gateway-answers', { events: OUTSIDE6, nodes: { probe: outside6(null, 'fd00:e::1'), namespace: HAS6 } }],
    ['outside-gateway-answers', { events: OUTSIDE6, nodes: { probe: outside6(null, '10.255.0.1'), namespace: HAS6 } }],
    ['router-advertises', { events: SIX, nodes: { namespace: spoil6((answer) => void answer.advertises.splice(0)) } }],
    [
      'router-namespace',
      { events: SIX, nodes: { namespace: spoil6((answer) => void Object.assign(answer, { forwards6: false })) } },
    ],
    [
      'foreign-rule',
      {
        events: SIX,
        nodes: { namespace: spoil6(({ foreign6 }) => void foreign6.push('filter -A FORWARD -d fd00::5/128 -j DROP')) },
      },
    ],
    [
      'guest-address-6',
      { events: SIX, nodes: { namespace: NAMESPACE6, probe: unanswered(({ kind }) => kind === 'nd') } },
    ],
    [
      'guest-gateway-6',
      {
        events: SIX,
        nodes: {
          namespace: NAMESPACE6,
          probe: unanswered(({ kind, from }) => kind === 'echo6' && from.ip !== 'fd00::1'),
        },
      },
    ],
    [
      'metadata-answers',
      { nodes: { namespace: spoil('namespace', (answer) => void Object.assign(answer, { redirects: true })) } },
    ],
  ])('is %s', (check, given) => {
    expect(first(diagnosed(given))).toBe(check);
  });

  it.each([
    [
      'nothing of others is about other addresses',
      ({ foreign6, astray }: Answers['namespace']) => {
        foreign6.push('filter -A FORWARD -d fd00:1::/64 -j DROP');
        astray.push({ what: 'a route', of: '192.0.2.0/24' });
      },
    ],
    ['IPv6 is well', () => undefined],
  ] as const)('is none where %s', (_name, how) => {
    const found = diagnosed({ events: SIX, nodes: { namespace: spoil6(how) } });
    expect([found.findings, found.unknown]).toEqual([[], []]);
    expect(found.well.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['router-advertises', 'guest-address-6', 'guest-gateway-6']),
    );
  });

  it('is none where who is outside answers for its own address of IPv6 alone', () => {
    const found = diagnosed({ events: OUTSIDE6, nodes: { probe: outside6(null, null), namespace: HAS6 } });
    expect([found.findings, found.unknown]).toEqual([[], []]);
    expect(found.well.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['router-address-free', 'outside-gateway-answers']),
    );
  });

  it('of an instance with IPv6 alone is the security group that lets none of it in', () => {
    const only = setPort(GUEST, { fixedIps: [{ subnetId: idOf('bb0'), ipAddress: 'fd00::5' }] });
    const ingress = events.securityGroupRuleCreated({
      ...{ securityGroupRuleId: idOf('f9'), securityGroupId: GROUP, ethertype: 'IPv6' },
    });
    const nodes = { namespace: NAMESPACE6 };
    expect(first(diagnosed({ events: [...SIX, only], nodes, subject: ofPort }))).toBe('security-group');
    expect(diagnosed({ events: [...SIX, only, ingress], nodes, subject: ofPort }).findings).toEqual([]);
  });

  it('is what stops packets, before the silence of the agent that would mend it', () => {
    const found = diagnosed({
      nodes: {
        wiring: spoil('wiring', ({ bridges }) => bridges.forEach((each) => Object.assign(each, { patched: false }))),
        state: (host) => (host === 'net1' ? null : HEALTHY.state(host, {} as never)),
      },
    });
    expect(found.findings.map(({ check }) => check).slice(0, 2)).toEqual(['patch-pair', 'agent-answers']);
    expect(found.findings[0]?.what).toContain('does not answer');
    expect(found.findings[0]?.mend.how).toContain('systemctl start');
  });

  it('of an error that was reported of another node than the present one is none', () => {
    const old = { host: 'cmp9', agent: 'x', status: 'ERROR', reason: 'old', position: 99 };
    const said = { [`port/${GUEST}`]: [old, ...(SAID[`port/${GUEST}`] ?? [])] };
    expect(diagnosed({ said }).findings).toEqual([]);
  });
});

describe('the event that made it so', () => {
  const madeOf = (found: Examined, world: World) => {
    const made = found.findings[0]?.made;
    return (
      made &&
      madeBy(
        made,
        world.log.filter(({ stream }) => stream === made.stream),
      )
    );
  };
  const down = (adminStateUp: boolean): PlumbEvent => ({
    ...{ type: 'PortAttributesSet', version: 1 },
    data: { portId: GUEST, set: { adminStateUp } },
  });

  it('is the last that set what is wrong, and no later one', () => {
    const rename: PlumbEvent = { type: 'PortAttributesSet', version: 1, data: { portId: GUEST, set: { name: 'web' } } };
    const more = [down(false), down(true), down(false), rename];
    const world = cloud(...more);
    const found = diagnosed({ events: more });
    expect(first(found)).toBe('port-up');
    expect(madeOf(found, world)?.position).toBe(world.log.length - 1);
  });

  it('is that of the rule that went, where no rule lets anything in', () => {
    const more: PlumbEvent[] = [
      {
        ...{ type: 'SecurityGroupRuleDeleted', version: 1 },
        data: { securityGroupRuleId: idOf('f2'), securityGroupId: GROUP },
      },
    ];
    const world = cloud(...more);
    const found = diagnosed({ events: more });
    expect(first(found)).toBe('security-group');
    expect(madeOf(found, world)?.position).toBe(world.log.length);
  });
});

describe('the declarations', () => {
  it('have ids that are each their own', () => {
    expect(new Set(CHECKS.map(({ id }) => id)).size).toBe(CHECKS.length);
  });

  it('say what is found and how it is mended', () => {
    for (const { id, finds, mends, needs } of CHECKS) {
      expect([id, finds.endsWith('.')]).toEqual([id, true]);
      expect(mends).not.toBe('');
      expect(needs.length).toBeGreaterThan(0);
    }
  });
});

/** An instance on the external network, with IPv6; and how its port is asked about. */
const DIRECT = idOf('d7');
const ON_WIRE: readonly PlumbEvent[] = [
  ...OUTSIDE6,
  events.portCreated({
    ...{ portId: DIRECT, networkId: EXTERNAL, deviceId: 'vm7', deviceOwner: 'compute:nova', macAddress: mac(7) },
    fixedIps: [
      { subnetId: idOf('be0'), ipAddress: '10.255.0.30' },
      { subnetId: idOf('be6'), ipAddress: 'fd00:e::30' },
    ],
  }),
  events.portBound(DIRECT, EXTERNAL, 'cmp1'),
];
const ofDirect = ({ topology }: World): Subject => ({ sort: 'port', port: topology.get('port', DIRECT) as never });

describe('who else has an address, on the wire', () => {
  const onWire = (hears: (probe: Probe) => boolean): Examined =>
    diagnosed({
      ...{ events: ON_WIRE, subject: ofDirect },
      nodes: {
        namespace: HAS6,
        probe: (_host, { probes }: { probes: Probe[] }) => ({
          answers: probes.map((probe) =>
            probe.kind.startsWith('others')
              ? { ...NO, answered: hears(probe), fromMac: 'fa:16:3e:00:00:99' }
              : answerTo(probe),
          ),
        }),
      },
    });
  const found = ({ findings, well }: Examined) => [
    findings.map(({ check }) => check).filter((check) => check.startsWith('duplicate')),
    well.map(({ check }) => check).filter((check) => check.startsWith('duplicate')),
  ];

  it('is asked by ARP and by neighbour solicitations', () => {
    expect(found(onWire(() => false))).toEqual([[], ['duplicate-address', 'duplicate-address-6']]);
    expect(found(onWire(({ to }) => to.ip === 'fd00:e::30'))).toEqual([['duplicate-address-6'], ['duplicate-address']]);
    expect(found(onWire(({ to }) => to.ip === '10.255.0.30'))).toEqual([
      ['duplicate-address'],
      ['duplicate-address-6'],
    ]);
  });

  it('is not known by IPv6 where the agent is of the release before, and all else is', () => {
    const { unknown, well } = diagnosed({
      ...{ events: ON_WIRE, subject: ofDirect },
      nodes: {
        namespace: HAS6,
        probe: (_host, { probes }: { probes: Probe[] }) =>
          probes.some(({ kind }) => kind === 'others6')
            ? null
            : { answers: probes.map((probe) => (probe.kind === 'others' ? NO : answerTo(probe))) },
      },
    });
    expect(well.map(({ check }) => check)).toEqual(expect.arrayContaining(['guest-address', 'duplicate-address']));
    expect(unknown.map(({ check }) => check)).toEqual(['duplicate-address-6']);
  });
});
