import { beforeEach, describe, expect, it } from '@jest/globals';
import { AgentKind, Beacon, FeedMessage, keyOf, Owner, PlumbEvent, Recorded, Report } from '@plumbline/contracts';
import { createLogger } from '@plumbline/telemetry';
import {
  GeneratedLog,
  LOG,
  metaOf,
  networkCreated,
  networkPlaced,
  nodeRegistered,
  portBound,
  portCreated,
  id,
  World,
} from '@plumbline/topology/testing';
import { canonical, hostObjects, wholeView } from '@plumbline/topology';
import { NodeSession, readSnapshot, type MachineIdentity } from './index.js';
import {
  aMachine,
  FakeBroker,
  FakeControlPlane,
  FakeNode,
  ManualClock,
  MemoryOwnerRecord,
  MemorySnapshots,
} from './testing/index.js';

const HOST = 'cmp1';
const OTHER_LOG = '20600000-0000-4000-8000-000000000000';
const logger = createLogger({ name: 'test', level: 'silent' });

/** Commands from lists of events. */
function commands(...lists: PlumbEvent[][]): GeneratedLog {
  const world = new World();
  return lists.map((events, index) => events.map((event) => world.append(event, metaOf(index))));
}
const network = id(1);
const port = (n: number): PlumbEvent[] => [
  portCreated({ portId: id(10 + n), networkId: network }, n),
  portBound(id(10 + n), network, HOST),
];
const gone = (n: number): PlumbEvent[] => [
  { type: 'PortDeleted', version: 1, data: { portId: id(10 + n), networkId: network } },
];
const start = [
  networkCreated({ networkId: network }),
  nodeRegistered(HOST, '172.16.0.1'),
  networkPlaced(network, HOST, 1),
];

let clock: ManualClock;
let broker: FakeBroker;
let node: FakeNode;
let snapshots: MemorySnapshots;
let plane: FakeControlPlane;
let machine: MachineIdentity;
let ownerRecord: MemoryOwnerRecord;

beforeEach(() => {
  clock = new ManualClock();
  broker = new FakeBroker(clock);
  node = new FakeNode();
  snapshots = new MemorySnapshots();
  plane = new FakeControlPlane(LOG, broker, clock, [HOST]);
  machine = aMachine();
  ownerRecord = new MemoryOwnerRecord();
});

async function session(agent: AgentKind = 'ovs'): Promise<NodeSession> {
  const made = new NodeSession({
    host: HOST,
    agent,
    feed: broker.feed(HOST, agent),
    reconciler: node,
    binding: node,
    snapshots,
    clock,
    machine,
    ownerRecord,
    logger,
    availabilityZone: 'east',
  });
  await made.start();
  return made;
}
async function sessionInSync(): Promise<NodeSession> {
  const agent = await session();
  await clock.run(3_000);
  expect(agent.state).toBe('in-sync');
  return agent;
}
const desired = (of: FakeControlPlane = plane): string =>
  canonical(new Map(hostObjects(of.topology, HOST).map((object) => [keyOf(object), canonical(object)])));
const lastReport = (): Report => plane.reports.at(-1) as Report;

describe('a session', () => {
  it('starts from nothing, follows the feed, and is in sync', async () => {
    plane.up();
    const [first, second] = commands(start, port(1));
    plane.commit(first!);
    const agent = await session();
    await clock.run(600);
    expect(agent.state).toBe('in-sync');
    plane.commit(second!);
    await clock.run(1);
    expect(canonical(node.made)).toBe(desired());
    expect(lastReport().objects).toMatchObject([{ kind: 'port', id: id(11), status: 'ACTIVE', position: 5 }]);
    expect(node.log).toBe(LOG);
  });

  it('without a snapshot and without a control plane changes nothing, and keeps asking', async () => {
    const agent = await session();
    await clock.run(600_000);
    expect(node.calls).toEqual([]);
    expect(agent.state).toBe('catching-up');
    plane.up();
    await clock.run(1_000);
    expect(agent.state).toBe('in-sync');
  });

  it('boots alone from its snapshot, adds and repairs, removes nothing, and catches up', async () => {
    plane.up();
    const log = commands(start, port(1), port(2), gone(1));
    for (const command of log.slice(0, 3)) plane.commit(command);
    const before = await session();
    await clock.run(3_000);
    await before.stop();
    plane.down();
    plane.commit(log[3]!);
    node.made.delete(`port/${id(12)}`);
    node.made.set(`port/${id(99)}`, 'an orphan');

    const agent = await session();
    await clock.run(30_000);
    expect(agent.state).toBe('restored');
    expect(agent.health()).toMatchObject({ ok: true, detail: 'restored to 7, unverified' });
    expect([...node.made.keys()]).toEqual(
      expect.arrayContaining([`port/${id(11)}`, `port/${id(12)}`, `port/${id(99)}`]),
    );
    expect(node.removed).toBe(0);
    expect(node.calls.every(({ unverified, mayRemove }) => (unverified ? !mayRemove : true))).toBe(true);

    plane.up();
    await clock.run(1_000);
    expect(agent.state).toBe('in-sync');
    expect(canonical(node.made)).toBe(desired());
  });

  it('asks at once when it is connected, not with the next beacon; what it has it does not ask for', async () => {
    plane.up();
    for (const command of commands(start, port(1))) plane.commit(command);
    await (await sessionInSync()).stop();
    broker.fate = () => [];
    const agent = await session();
    await clock.run(10);
    broker.fate = () => [0];
    broker.connected(HOST);
    await clock.run(1);
    expect(agent.state).toBe('in-sync');
    const asked = broker.asked;
    broker.connected(HOST);
    await clock.run(400);
    expect(broker.asked).toBe(asked);
  });

  it('looks at the node once after a restart, when the control plane confirms its view in time', async () => {
    plane.up();
    for (const command of commands(start, port(1))) plane.commit(command);
    await (await sessionInSync()).stop();
    node.calls.splice(0);
    await session();
    await clock.run(5_000);
    expect(node.calls).toEqual([
      { touched: 'all', mayRemove: true, unverified: false, readsLater: true, between: expect.anything() },
    ]);
  });

  it('looks at it without the control plane soon, also when timers ring a little before their time', async () => {
    plane.up();
    for (const command of commands(start, port(1))) plane.commit(command);
    await (await sessionInSync()).stop();
    plane.down();
    node.calls.splice(0);
    const time = clock;
    clock = Object.assign(new ManualClock(), { after: time.after, nowMs: () => time.nowMs() * 0.999 });
    await session();
    await time.run(1_000);
    expect(node.calls[0]).toMatchObject({ touched: 'all', mayRemove: false, unverified: true });
  });

  it('a restart with nothing changed applies nothing', async () => {
    plane.up();
    for (const command of commands(start, port(1))) plane.commit(command);
    const before = await session();
    await clock.run(3_000);
    await before.stop();
    const made = canonical(node.made);
    node.failure = () => 'must not be touched';
    const agent = await session();
    await clock.run(200_000);
    expect(agent.health()).toMatchObject({ ok: true, state: 'in-sync', quarantined: [] });
    expect(canonical(node.made)).toBe(made);
  });

  it('sees the loss of the last message within a second', async () => {
    plane.up();
    const log = commands(start, port(1));
    plane.commit(log[0]!);
    await session();
    await clock.run(700);
    broker.fate = () => [];
    plane.commit(log[1]!);
    broker.fate = () => [0];
    await clock.run(1_000);
    expect(canonical(node.made)).toBe(desired());
  });

  it.each<[string, () => FakeControlPlane, string]>([
    ['an empty log', () => new FakeControlPlane(OTHER_LOG, broker, clock, [HOST]), 'other-log'],
    ['its own log restored to an earlier moment', () => restored(1, ''), 'position-ahead'],
    ['its own log with another past', () => restored(3, 'other'), 'hash-differs'],
  ])('%s changes nothing on the node and is reported', async (_name, make, reason) => {
    plane.up();
    for (const command of commands(start, port(1), port(2))) plane.commit(command);
    const agent = await session();
    await clock.run(3_000);
    const made = canonical(node.made);
    plane.down();
    await clock.run(10_000);
    const other = make();
    other.up();
    await clock.run(20_000);
    expect(agent.state).toBe('foreign-log');
    expect(agent.foreign?.reason).toBe(reason);
    expect(other.reports.at(-1)).toMatchObject({ state: 'foreign-log', log: LOG });
    expect(canonical(node.made)).toBe(made);

    await agent.stop();
    const next = await session();
    await clock.run(20_000);
    expect(next.state).toBe('foreign-log');
    expect(canonical(node.made)).toBe(made);

    other.down();
    plane.up();
    await clock.run(20_000);
    expect(next.state).toBe('in-sync');
  });

  function restored(upTo: number, past: string): FakeControlPlane {
    const other = new FakeControlPlane(LOG, broker, clock, [HOST], past);
    for (const command of commands(start, port(1), past ? port(3) : port(2)).slice(0, upTo)) other.commit(command);
    return other;
  }

  it('does not take a full view that was sent to another agent before its own past is confirmed', async () => {
    plane.up();
    for (const command of commands(start, port(1))) plane.commit(command);
    const first = await session();
    await clock.run(3_000);
    await first.stop();
    plane.down();
    const other = restored(3, 'other');
    const agent = await session();
    await clock.run(1);
    const l3 = new NodeSession({
      host: HOST,
      agent: 'l3',
      feed: broker.feed(HOST, 'l3'),
      reconciler: new FakeNode(),
      snapshots: new MemorySnapshots(),
      clock,
      machine: aMachine(),
      ownerRecord: new MemoryOwnerRecord(),
      logger,
    });
    other.up();
    await l3.start();
    await clock.run(20_000);
    expect(l3.state).toBe('in-sync');
    expect(agent.state).toBe('foreign-log');
    expect(node.removed).toBe(0);
  });

  it.each(['ovs', 'l3'] as const)(
    'of the %s agent says while its view cannot be saved, and no longer',
    async (kind) => {
      plane.up();
      const [first, ...rest] = commands(start, port(1), port(2));
      plane.commit(first!);
      const agent = await session(kind);
      await clock.run(3_000);
      expect(lastReport().troubles).toBeUndefined();
      expect(agent.health()).not.toHaveProperty('degraded');
      snapshots.full = 'no space left: an operator must make room';
      for (const command of rest) plane.commit(command);
      await clock.run(3_000);
      expect(lastReport().troubles).toEqual([snapshots.full]);
      expect(agent.health()).toMatchObject({
        ok: true,
        degraded: true,
        detail: expect.stringContaining(snapshots.full),
      });
      expect(canonical(node.made)).toBe(desired()); // a full disk keeps nothing from the node
      snapshots.full = null;
      await clock.run(3_000);
      expect(lastReport().troubles).toBeUndefined();
      expect(readSnapshot(snapshots.text!, HOST, 'x').position).toBe(agent.position);
      snapshots.full = 'no space left again';
      plane.commit(commands(start, port(1), port(2), port(3)).at(-1)!);
      await clock.run(100);
      await agent.stop();
    },
  );

  it('makes its node at its first start, though its view cannot be saved', async () => {
    snapshots.full = 'no space left';
    plane.up();
    for (const command of commands(start, port(1))) plane.commit(command);
    await session();
    await clock.run(3_000);
    expect(canonical(node.made)).toBe(desired());
    expect(lastReport().troubles).toEqual([snapshots.full]);
  });

  it.each([null, 'something else'])('writes its snapshot anew that others removed or changed: %s', async (text) => {
    plane.up();
    for (const command of commands(start, port(1))) plane.commit(command);
    await session();
    await clock.run(3_000);
    const before = snapshots.text;
    snapshots.text = text;
    await clock.run(75_000); // the next look at everything, and a second
    expect(snapshots.text).toBe(before);
  });

  it('reports what is no status of an object that users see, at once when it changes', async () => {
    plane.up();
    for (const command of commands(start, port(1))) plane.commit(command);
    node.failure = (key) => (key === `network/${network}` ? 'cannot be made: an operator must look' : null);
    await session();
    await clock.run(600);
    expect(lastReport().troubles).toEqual([`network/${network}: cannot be made: an operator must look`]);
    node.failure = () => null;
    await clock.run(70_000);
    expect(lastReport().troubles).toBeUndefined();
  });

  it('refuses a damaged snapshot and takes the view from the control plane', async () => {
    plane.up();
    for (const command of commands(start, port(1))) plane.commit(command);
    const before = await session();
    await clock.run(3_000);
    await before.stop();
    snapshots.text = snapshots.text!.replace('"name":""', '"name":"x"');
    plane.down();
    const calls = node.calls.length;
    const agent = await session();
    await clock.run(5_000);
    expect(node.calls.length).toBe(calls);
    plane.up();
    await clock.run(2_000);
    expect(agent.state).toBe('in-sync');
  });

  it('on a node that is bound to a log and lost its snapshot follows no other log', async () => {
    node.log = LOG;
    node.made.set(`port/${id(11)}`, 'made before');
    const other = new FakeControlPlane(OTHER_LOG, broker, clock, [HOST]);
    other.up();
    const agent = await session();
    await clock.run(20_000);
    expect(agent.state).toBe('foreign-log');
    expect(node.calls).toEqual([]);
  });

  it('nor when the switch could not say at first which log the node is bound to', async () => {
    node.log = LOG;
    const read = node.boundLog;
    node.boundLog = () => Promise.reject(new Error('no OVSDB'));
    const other = new FakeControlPlane(OTHER_LOG, broker, clock, [HOST]);
    other.up();
    const agent = await session();
    await clock.run(5_000);
    expect(node.calls).toEqual([]);
    node.boundLog = read;
    await clock.run(5_000);
    expect(agent.state).toBe('foreign-log');
    expect([node.calls, node.log, snapshots.text]).toEqual([[], LOG, null]);
  });

  it('refolds when its snapshot was written by an older catalogue', async () => {
    plane.up();
    for (const command of commands(start, port(1))) plane.commit(command);
    const before = await session();
    await clock.run(3_000);
    await before.stop();
    const { writeSnapshot } = await import('./index.js');
    const view = readSnapshot(snapshots.text!, HOST, '');
    snapshots.text = writeSnapshot({ ...view, catalogue: 0, objects: new Map() });
    const agent = await session();
    await clock.run(2_000);
    expect(agent.state).toBe('in-sync');
    expect(canonical(node.made)).toBe(desired());
  });

  it('retries a failed object with a backoff, and the others go on', async () => {
    plane.up();
    for (const command of commands(start, port(1), port(2))) plane.commit(command);
    node.failure = (key) => (key === `port/${id(11)}` ? 'no such device' : null);
    const agent = await session();
    await clock.run(2_000);
    expect(node.made.has(`port/${id(12)}`)).toBe(true);
    expect(agent.health()).toMatchObject({ quarantined: [{ key: `port/${id(11)}`, reason: 'no such device' }] });
    const before = node.calls.length;
    await clock.run(30_000);
    expect(node.calls.length - before).toBeLessThan(8);
    node.failure = () => null;
    await clock.run(60_000);
    expect(canonical(node.made)).toBe(desired());
    expect(agent.health()).toMatchObject({ quarantined: [] });
  });

  it('works again when the node can be changed again', async () => {
    plane.up();
    for (const command of commands(start, port(1))) plane.commit(command);
    node.broken = new Error('no OVSDB');
    const agent = await session();
    await clock.run(60_000);
    expect(agent.health()).toMatchObject({ ok: false, detail: 'nothing can be applied: no OVSDB' });
    expect(node.calls.length).toBeLessThan(20);
    node.broken = null;
    await clock.run(31_000);
    expect(canonical(node.made)).toBe(desired());
  });

  it('takes many messages in one converge, and looks at everything on a timer', async () => {
    plane.up();
    const log = commands(start, ...[1, 2, 3, 4, 5, 6].map(port));
    plane.commit(log[0]!);
    await session();
    await clock.run(2_000);
    const before = node.calls.length;
    node.work = () => new Promise((resolve) => clock.after(100, resolve));
    for (const command of log.slice(1)) plane.commit(command);
    await clock.run(300);
    expect(node.calls.length - before).toBe(2);
    expect(canonical(node.made)).toBe(desired());
    node.made.clear();
    await clock.run(75_000);
    expect(canonical(node.made)).toBe(desired());
  });

  it('reports in full when asked, and at least every five seconds', async () => {
    plane.up();
    for (const command of commands(start, port(1))) plane.commit(command);
    await session();
    await clock.run(10_000);
    const before = plane.reports.length;
    await clock.run(20_000);
    expect(plane.reports.length - before).toBeGreaterThanOrEqual(4);
    broker.publish(HOST, {
      kind: 'beacon',
      body: { log: LOG, host: HOST, position: plane.topology.position, head: plane.topology.position, report: ['ovs'] },
    });
    await clock.run(1);
    expect(lastReport()).toMatchObject({
      full: true,
      state: 'in-sync',
      availabilityZone: 'east',
      objects: [{ kind: 'port', status: 'ACTIVE' }],
    });
  });

  describe('of two machines with one host name', () => {
    const owners = (owner: Partial<Owner>): Beacon['owners'] => ({
      ovs: { machine: machine.id as string, run: null, term: 1, contested: false, ...owner },
    });
    const OTHER = aMachine(2).id as string;

    it('changes nothing until it owns, then does all at once', async () => {
      plane.owners = {};
      plane.up();
      for (const command of commands(start, port(1))) plane.commit(command);
      const agent = await session();
      await clock.run(3_000);
      expect([node.calls.length, node.log, snapshots.text]).toEqual([0, null, null]);
      expect(lastReport().machine).toEqual({ id: machine.id, boot: machine.boot, heard: 0 });
      plane.owners = owners({ term: 5 });
      await clock.run(1_000);
      expect(canonical(node.made)).toBe(desired());
      expect(agent.state).toBe('in-sync');
      expect(lastReport().machine).toMatchObject({ heard: 5 });
    });

    it('changes nothing once another owns: not for what comes, not for drift, not in silence, not after a restart', async () => {
      plane.owners = owners({});
      plane.up();
      const log = commands(start, port(1), port(2));
      plane.commit(log[0]!);
      plane.commit(log[1]!);
      const agent = await session();
      await clock.run(3_000);
      const [made, calls] = [canonical(node.made), node.calls.length];
      expect(made).toBe(desired());
      plane.owners = owners({ machine: OTHER, term: 2 });
      await clock.run(600);
      plane.commit(log[2]!);
      agent.touch('all');
      await clock.run(200_000);
      expect(agent.state).toBe('not-owner');
      expect(agent.health()).toMatchObject({ ok: false, detail: expect.stringContaining('plumb node release') });
      expect(lastReport()).toMatchObject({ state: 'not-owner' });
      expect(ownerRecord.status).toMatchObject({
        host: HOST,
        machine: machine.id,
        owner: OTHER,
        refused: expect.any(String),
      });
      plane.down();
      await clock.run(200_000);
      await agent.stop();
      const next = await session();
      await clock.run(200_000);
      expect([canonical(node.made), node.calls.length, next.state]).toEqual([made, calls, 'not-owner']);
      plane.owners = owners({ term: 3 });
      plane.up();
      await clock.run(20_000);
      expect(canonical(node.made)).toBe(desired());
      expect(ownerRecord.status).toMatchObject({ refused: null, owner: machine.id });
    });

    it('one that owned goes on without a control plane, also after a restart', async () => {
      plane.owners = owners({});
      plane.up();
      for (const command of commands(start, port(1))) plane.commit(command);
      const agent = await session();
      await clock.run(3_000);
      await agent.stop();
      plane.down();
      node.made.clear();
      await session();
      await clock.run(3_000);
      expect(canonical(node.made)).toBe(desired());
    });

    it('one without an identity goes on without a control plane, and is refused by it', async () => {
      plane.up();
      for (const command of commands(start, port(1))) plane.commit(command);
      const before = await session();
      await clock.run(3_000);
      await before.stop();
      plane.down();
      node.made.clear();
      machine = { id: null, boot: 'b', fault: 'node.id is damaged' };
      const agent = await session();
      await clock.run(3_000);
      expect(canonical(node.made)).toBe(desired());
      plane.owners = {};
      plane.up();
      await clock.run(3_000);
      expect(agent.state).toBe('not-owner');
      expect(lastReport().machine).toEqual({ id: null, boot: 'b', heard: 0, fault: 'node.id is damaged' });
    });
  });

  it('a message of another host changes nothing', async () => {
    plane.up();
    for (const command of commands(start)) plane.commit(command);
    const agent = await session();
    await clock.run(1_000);
    const stray: FeedMessage = {
      log: LOG,
      host: 'cmp2',
      prev: null,
      position: 99,
      hash: 'f'.repeat(64),
      catalogue: 1,
      part: { index: 1, of: 1 },
      entered: [],
      left: [],
      events: [],
    };
    broker.publish(HOST, { kind: 'message', body: stray });
    await clock.run(1_000);
    expect([agent.state, agent.position]).toEqual(['in-sync', 3]);
  });

  it('removes nothing while its view may lack an object that it could not read', async () => {
    plane.up();
    for (const command of commands(start, port(1), port(2))) plane.commit(command);
    const before = await session();
    await clock.run(3_000);
    await before.stop();
    plane.down();
    snapshots.text = null;
    const agent = await session();
    const whole: FeedMessage = { ...wholeView(plane.topology, HOST, LOG, plane.hashAt(plane.topology.position)) };
    const [unread, read] = whole.entered.filter((object) => object.kind === 'port');
    const entered = whole.entered.filter((object) => object !== unread && object !== read);
    broker.publish(HOST, {
      kind: 'message',
      body: { ...whole, entered, unreadable: [{ kind: 'port', id: unread!.id }] },
    });
    broker.publish(HOST, {
      kind: 'beacon',
      body: { log: LOG, host: HOST, position: whole.position, head: whole.position, report: ['balancer'] },
    });
    await clock.run(1_000);
    expect(agent.state).toBe('in-sync');
    expect(node.calls.at(-1)).toMatchObject({ mayRemove: false });
    expect(node.removed).toBe(0);
    expect(agent.health()).toMatchObject({ ok: true });
  });

  it('leaves the node as it is when it is refused for a reason that it does not know', async () => {
    plane.up();
    for (const command of commands(start, port(1))) plane.commit(command);
    const before = await session();
    await clock.run(3_000);
    await before.stop();
    plane.down();
    const stop = broker.serve(({ kind, body }) => {
      if (kind === 'replay')
        broker.publish(HOST, {
          kind: 'refusal',
          body: { log: LOG, host: HOST, refused: 'another-rank', request: body, head: 9 },
        });
    });
    const agent = await session();
    await clock.run(5_000);
    expect(agent.state).toBe('foreign-log');
    expect(agent.foreign).toMatchObject({ reason: 'another-rank' });
    stop();
  });

  it('takes a message that it cannot fold for a fault, stays as it was, and gets a full view', async () => {
    const log = commands(start, port(1), port(2));
    for (const command of log.slice(0, 2)) plane.commit(command);
    plane.up();
    const one = await session();
    await clock.run(2_000);
    const before = desired();
    // An event about a port that this host never heard of, after one that it could take in.
    broker.spoil = (message) =>
      message.prev === null
        ? message
        : { ...message, entered: [], events: [...message.events, strange(message.position)] };
    plane.commit(log[2]!);
    await clock.run(50);
    expect(canonical(node.made)).toBe(before);
    expect(lastReport().fault).toEqual({
      position: plane.topology.position,
      reason: expect.stringContaining('does not exist'),
      count: 1,
      mended: false,
    });
    expect(one.health()).toMatchObject({ ok: false, fault: { mended: false } });
    await clock.run(2_000);
    expect(canonical(node.made)).toBe(desired());
    expect(one.state).toBe('in-sync');
    expect(one.health()).toMatchObject({ ok: true, fault: { count: 1, mended: true } });
    await one.stop();
  });

  it('asks ever less often when one fault follows on the other, and reports it all the while', async () => {
    for (const command of commands(start, port(1))) plane.commit(command);
    plane.up();
    const one = await session();
    await clock.run(2_000);
    const made = canonical(node.made);
    const [command] = commands(start, port(1), port(2)).slice(2);
    broker.spoil = (message) => ({ ...message, events: [...message.events, strange(message.position)] });
    plane.commit(command!);
    const asks = broker.asked;
    await clock.run(600_000);
    expect(broker.asked - asks).toBeLessThan(40);
    expect(broker.asked - asks).toBeGreaterThan(8);
    expect(lastReport()).toMatchObject({ state: 'catching-up', fault: { mended: false } });
    expect(canonical(node.made)).toBe(made);
    broker.spoil = (message) => message;
    await clock.run(90_000);
    expect(one.state).toBe('in-sync');
    expect(canonical(node.made)).toBe(desired());
    await one.stop();
  });

  it('takes slices that join to no message for a fault too', async () => {
    for (const command of commands(start, port(1))) plane.commit(command);
    plane.up();
    const one = await session();
    await clock.run(2_000);
    const { position } = plane.topology;
    const slice = {
      log: LOG,
      host: HOST,
      prev: position,
      position: position + 1,
      slice: { index: 1, of: 1, set: 'x' },
    };
    broker.publish(HOST, { kind: 'message', body: { ...slice, text: 'AAAA' } });
    await clock.run(10);
    expect(lastReport().fault).toMatchObject({ position: position + 1, mended: false });
    await clock.run(2_000);
    expect(lastReport().fault).toMatchObject({ mended: true });
    expect(one.state).toBe('in-sync');
    await one.stop();
  });

  it('gets a full view when the single messages do not help', async () => {
    const log = commands(start, port(1), port(2));
    for (const command of log.slice(0, 2)) plane.commit(command);
    plane.up();
    const one = await session();
    await clock.run(2_000);
    // All single messages are lost, whoever sends them.
    broker.spoil = (message) => (message.prev === null || message.prev === message.position ? message : null);
    plane.commit(log[2]!);
    await clock.run(5_000);
    expect(one.state).toBe('in-sync');
    expect(canonical(node.made)).toBe(desired());
    await one.stop();
  });
});

/** An event about a port that nobody made. */
const strange = (position: number): Recorded => ({
  position,
  stream: `port-${id(99)}`,
  event: { type: 'PortAttributesSet', version: 1, data: { portId: id(99), set: { name: 'x' } } },
  meta: metaOf(1),
});
