/** `plumb why` of every line that the tools of a busy network node print, of what is gone, and of what is not ours. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Why } from '@plumbline/reasons';
import { makeBusy, PORTS_EACH, ROUTERS, type Busy } from './testing/why/busy-node.js';
import { inventory, type Line } from './testing/why/inventory.js';
import { TestLab, upTimeoutMs } from './testing/test-lab.js';

const SORTS = [
  ...['address', 'bridge', 'chain'],
  ...['haproxy.cfg', 'hosts', 'names', 'opts', 'radvd.conf', 'servers'].map((file) => `entry of ${file}`),
  ...['flow', 'link', 'namespace', 'port', 'route', 'rule'],
];

let lab: TestLab;
let busy: Busy;
beforeAll(async () => {
  lab = await TestLab.up('w');
  busy = await makeBusy(lab);
}, upTimeoutMs + 180_000);
afterAll(async () => lab?.down(), upTimeoutMs);

/** One answer for each line, in order. */
async function why(lines: readonly string[], ...options: string[]): Promise<readonly Why[]> {
  const argv = ['why', ...options, '--json', '-'];
  const { stdout } = await lab.plumb(argv, { stdin: lines.join('\n'), okCodes: [0, 1], timeoutMs: 300_000 });
  return stdout.trim().split('\n').map((line) => JSON.parse(line) as Why); // prettier-ignore
}

test('each line of the node leads to what is ours, the event behind it and who can have it go', async () => {
  const lines = await inventory(lab, busy.host);
  // A walk over less than there is to be would prove nothing.
  expect(busy.ports).toHaveLength(ROUTERS * PORTS_EACH);
  expect(lines.length).toBeGreaterThan(5_000);
  expect([...new Set(lines.map(({ sort }) => sort))].sort()).toEqual(SORTS);
  const began = performance.now();
  const told = await why(lines.map(({ text }) => text), '--node', busy.host); // prettier-ignore
  console.log(`${lines.length} lines in ${Math.round(performance.now() - began)} ms`);
  const wrong = lines.flatMap((line, at) => {
    const what = lacking(line, told[at]);
    return what === null ? [] : [{ ...line, what }];
  });
  expect(wrong).toEqual([]);
}, 400_000);

/** Uplinks, and a bridge that no physical network is mapped to. */
const MADE_BY_THE_LAB = new Set(['eth1', 'eth2', 'br-phy']);

/** What an answer about a line of ours lacks; null: nothing. */
function lacking({ text }: Line, told: Why | undefined): string | null {
  if (!told || told.things.length === 0) return `is not known: ${told?.unknown.join('; ')}`;
  const [thing] = told.things;
  if (!thing) return 'nothing';
  if (thing.found === 'foreign' && MADE_BY_THE_LAB.has(text)) return null;
  if (thing.found !== 'ours' && thing.found !== 'learned') return `is ${thing.found} (${thing.sort} ${thing.text})`;
  const { owner, position, event, going } = thing;
  if (owner === null || going === null) return `who has it is not told (${owner})`;
  // What the kernel or the switch made of ours has no event of its own: the events of what it is there for are told.
  if (position === null && !owner.startsWith('node/'))
    return told.objects.some(({ key, set }) => key === owner && set.length > 0) ? null : `no event of ${owner} is told`;
  return position === null || position === 0 || event?.request ? null : `event ${position} is not told`;
}

test('of what is gone it is told what it had been, who ended it and with which request', async () => {
  const gone: { member: string; path: string; id: string; ended: string }[] = [];
  const remove = async (member: string, path: string, id: string, ended: string): Promise<void> => {
    const { status, body } = await lab.request('DELETE', path);
    if (status !== 204) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
    gone.push({ member, path, id, ended });
  };
  const forwarded = busy.floating.filter(({ port_id: port }) => port === null).slice(0, 4);
  for (const { id } of forwarded) {
    const { body } = await lab.request('GET', `/v2.0/floatingips/${id}/port_forwardings`);
    const [first] = body?.['port_forwardings'] as readonly { id: string }[];
    await remove('forwarding', `/v2.0/floatingips/${id}/port_forwardings/${first?.id}`, first?.id ?? '', 'Forwarding');
  }
  for (const { id } of busy.floating.filter(({ port_id: port }) => port !== null).slice(0, 6))
    await remove('floatingip', `/v2.0/floatingips/${id}`, id, 'FloatingIp');
  for (const { id } of busy.ports.slice(-6)) await remove('port', `/v2.0/ports/${id}`, id, 'Port');
  for (const group of busy.groups) {
    const [rule] = group['security_group_rules'] as readonly { id: string }[];
    await remove('rule', `/v2.0/security-group-rules/${rule?.id}`, rule?.id ?? '', 'Rule');
  }
  expect(gone.length).toBeGreaterThanOrEqual(20);
  const told = await why(gone.map(({ id }) => id));
  const wrong = gone.flatMap((each, at) => {
    const ends = told[at]?.objects.find(({ key }) => key.endsWith(each.id))?.ended;
    const isTold =
      ends?.type.includes(each.ended) === true &&
      ends.request?.method === 'DELETE' &&
      ends.user !== null &&
      ends.changed.length > 0;
    return isTold ? [] : [{ ...each, told: told[at] }];
  });
  expect(wrong).toEqual([]);
}, 120_000);

test('what somebody else made is named as foreign', async () => {
  const [router] = busy.routers;
  const netns = `qrouter-${router?.id}`;
  const inside = ['ip', 'netns', 'exec', netns];
  const foreign: readonly Readonly<{ make: readonly string[]; undo: readonly string[]; ask: string }>[] = [
    {
      make: [...inside, 'iptables', '-A', 'INPUT', '-s', '192.0.2.7/32', '-j', 'DROP'],
      undo: [...inside, 'iptables', '-D', 'INPUT', '-s', '192.0.2.7/32', '-j', 'DROP'],
      ask: `${netns} -A INPUT -s 192.0.2.7/32 -j DROP`,
    },
    {
      make: [...inside, 'iptables', '-t', 'nat', '-N', 'theirs'],
      undo: [...inside, 'iptables', '-t', 'nat', '-X', 'theirs'],
      ask: `${netns} theirs`,
    },
    {
      make: [...inside, 'ip', 'address', 'add', '192.0.2.8/32', 'dev', 'lo'],
      undo: [...inside, 'ip', 'address', 'del', '192.0.2.8/32', 'dev', 'lo'],
      ask: `${netns} inet 192.0.2.8/32 scope global lo`,
    },
    {
      make: [...inside, 'ip', 'route', 'add', '198.51.100.0/30', 'dev', 'lo'],
      undo: [...inside, 'ip', 'route', 'del', '198.51.100.0/30', 'dev', 'lo'],
      ask: `${netns} 198.51.100.0/30 dev lo`,
    },
    {
      make: [...inside, 'ip', 'link', 'add', 'theirs0', 'type', 'veth', 'peer', 'name', 'theirs2'],
      undo: [...inside, 'ip', 'link', 'del', 'theirs0'],
      ask: `${netns} theirs0`,
    },
    {
      make: [...inside, 'ip', 'rule', 'add', 'iif', 'theirs0', 'lookup', '77', 'priority', '777'],
      undo: [...inside, 'ip', 'rule', 'del', 'priority', '777'],
      ask: `${netns} 777: from all iif theirs0 lookup 77`,
    },
    { make: ['ip', 'netns', 'add', 'theirs'], undo: ['ip', 'netns', 'del', 'theirs'], ask: 'theirs' },
    {
      make: [
        'ovs-vsctl',
        '--no-wait',
        'add-br',
        'br-theirs',
        '--',
        'set',
        'bridge',
        'br-theirs',
        'datapath_type=netdev',
      ],
      undo: ['ovs-vsctl', '--no-wait', 'del-br', 'br-theirs'],
      ask: 'br-theirs',
    },
    {
      make: [
        'ovs-vsctl',
        '--no-wait',
        'add-port',
        'br-int',
        'theirs1',
        '--',
        'set',
        'interface',
        'theirs1',
        'type=internal',
      ],
      undo: ['ovs-vsctl', '--no-wait', 'del-port', 'br-int', 'theirs1'],
      ask: 'theirs1',
    },
    {
      make: ['ovs-ofctl', 'add-flow', 'br-ex', 'cookie=0x7,table=9,priority=7,udp,tp_dst=7,actions=drop'],
      undo: ['ovs-ofctl', 'del-flows', 'br-ex', 'cookie=0x7/-1'],
      ask: 'cookie=0x7, table=9, priority=7,udp,tp_dst=7 actions=drop',
    },
  ];
  for (const { make } of foreign) await lab.at(busy.host, make);
  try {
    const told = await why(foreign.map(({ ask }) => ask), '--node', busy.host); // prettier-ignore
    expect(foreign.map(({ ask }, at) => [ask, [...new Set(told[at]?.things.map(({ found }) => found))]])).toEqual(
      foreign.map(({ ask }) => [ask, ['foreign']]),
    );
  } finally {
    // An agent may have removed it by then.
    for (const { undo } of foreign) await lab.at(busy.host, undo, { okCodes: [0, 1, 2] });
  }
}, 120_000);
