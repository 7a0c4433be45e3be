import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FeedMessage, Meta, PlumbEvent } from '@plumbline/contracts';
import { Actor, Decide, DomainError } from '@plumbline/domain';
import { AppendCommand, LogDiffers, StoreUnavailable } from '@plumbline/event-store';
import { InMemoryEventStore } from '@plumbline/event-store/testing';
import { createLogger } from '@plumbline/telemetry';
import { networkCreated, networkPlaced, nodeRegistered, portBound, portCreated } from '@plumbline/topology/testing';
import { canonical, emptyView, fold, hostObjects, prepare } from '@plumbline/topology';
import { randomUUID } from 'node:crypto';
import { Follower } from './follower.js';
import { Ledger, LedgerBusy } from './ledger.js';
import { MOST_OBJECT_BYTES, mostBytesOf } from './object-size.js';
import { toAppend } from './to-append.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const meta = (): Meta => ({ requestId: 'req-1', userId: 'user', projectId: 'project', time: new Date().toISOString() });

const making =
  (events: readonly PlumbEvent[]): Decide<null> =>
  () => ({ events, reads: [], none: [], result: null });

/** Takes the lowest local VLAN that is free, binds a port, places the network if it is not there: what every bind does. */
const bind =
  (networkId: string, host: string): Decide<string> =>
  (topology, context) => {
    const portId = context.newId();
    const placed = topology.get('placement', networkId)?.hosts[host] !== undefined;
    let vlan = 1;
    while (context.held(`local-vlan/${host}/${vlan}`)) vlan += 1;
    const events = [portCreated({ portId, networkId }, context.randomInt(1 << 24)), portBound(portId, networkId, host)];
    return {
      events: placed ? events : [...events, networkPlaced(networkId, host, vlan)],
      reads: [`network/${networkId}`],
      none: [],
      result: portId,
    };
  };

let store: InMemoryEventStore;
let followers: Follower[];
let published: FeedMessage[];

async function ledger(): Promise<{ ledger: Ledger; follower: Follower }> {
  const follower = await Follower.open({
    store,
    logger,
    publish: (messages) => published.push(...messages),
    pollMs: 20,
  });
  followers.push(follower);
  return { ledger: new Ledger({ store, follower, logger, patienceMs: 5_000 }), follower };
}

beforeEach(() => {
  store = new InMemoryEventStore();
  followers = [];
  published = [];
});
afterEach(async () => {
  for (const follower of followers) await follower.close();
});

/** Every host's published messages, however they came, make one chain that leads to what the host must know. */
async function expectNoHole(follower: Follower): Promise<void> {
  await follower.catchUp();
  for (const host of follower.feeds.hosts()) {
    const mine = published.filter((message) => message.host === host).sort((a, b) => a.position - b.position);
    const view = emptyView(host);
    for (const message of mine) fold(view, message);
    expect(view.position).toBe(follower.feeds.headOf(host));
    const objects = [...view.objects.keys()].sort().map((key) => view.objects.get(key));
    expect(canonical(objects)).toBe(canonical(hostObjects(follower.topology, host)));
  }
}

describe('ledger', () => {
  it('stores, folds and publishes; the caller then sees what it wrote', async () => {
    const one = await ledger();
    const networkId = randomUUID();
    const { position } = await one.ledger.execute(making([networkCreated({ networkId })]), meta());
    expect([position, one.ledger.topology.get('network', networkId)?.id]).toEqual([1, networkId]);
    await one.ledger.execute(bind(networkId, 'cmp1'), meta());
    expect(published).toMatchObject([{ host: 'cmp1', prev: null, position: 4, hash: (await store.head()).hash }]);
    await expectNoHole(one.follower);
  });

  it('an answer is true at the head: what another process made is found, what it took away is not', async () => {
    const one = await ledger();
    const other = await ledger();
    const networkId = randomUUID();
    await one.ledger.execute(making([networkCreated({ networkId })]), meta());
    const remove: Decide<null> = (topology) => {
      if (!topology.get('network', networkId)) throw new DomainError('NetworkNotFound', 'not-found', 'gone');
      return {
        events: [{ type: 'NetworkDeleted', version: 1, data: { networkId } }],
        reads: [],
        none: [],
        result: null,
      };
    };
    await other.ledger.execute(remove, meta());
    await expect(one.ledger.execute(remove, meta())).rejects.toThrow('gone');
    const already: Decide<boolean> = (topology) => ({
      events: [],
      reads: [],
      none: [],
      result: topology.get('network', networkId) === undefined,
    });
    expect(await one.ledger.execute(already, meta())).toEqual({ result: true, position: 2 });
  });

  it('forgets what the log has lost: it loads anew, and what was decided on the old memory is not stored', async () => {
    const one = await ledger();
    const behind = await ledger();
    const [kept, lost] = [randomUUID(), randomUUID()];
    await one.ledger.execute(making([networkCreated({ networkId: kept })]), meta());
    await behind.follower.catchUp();
    await one.ledger.execute(making([networkCreated({ networkId: lost, segmentationId: 101 })]), meta());
    let reloads = 0;
    one.follower.whenReloaded(() => (reloads += 1));
    store.loseAfter(1);
    const late = one.ledger.execute(making([networkCreated({ networkId: randomUUID(), segmentationId: 102 })]), meta());
    await expect(late).rejects.toBeInstanceOf(LogDiffers);
    while (one.follower.unusable) await new Promise((resolve) => setImmediate(resolve));
    expect([one.follower.memory, reloads, (await store.head()).position]).toEqual([1, 1, 1]);
    expect([kept, lost].map((id) => one.ledger.topology.get('network', id)?.id)).toEqual([kept, undefined]);
    expect(one.follower.head).toEqual(await store.head());
    await one.ledger.execute(bind(kept, 'cmp1'), meta());
    expect(behind.follower.memory).toBe(0);
    await expectNoHole(one.follower);
  });

  it('two processes that bind and place at the same time leave no host with a hole', async () => {
    const processes = [await ledger(), await ledger()];
    const networks = [randomUUID(), randomUUID()];
    const hosts = ['cmp1', 'cmp2', 'cmp3'];
    for (const [index, networkId] of networks.entries())
      await processes[0]!.ledger.execute(making([networkCreated({ networkId, segmentationId: 100 + index })]), meta());
    await Promise.all(
      Array.from({ length: 120 }, (_, n) => {
        const { ledger: each } = processes[n % 2]!;
        const host = hosts[n % 3]!;
        if (n % 10 === 0) return each.execute(making([nodeRegistered(host, `172.16.${n}.${1 + (n % 3)}`)]), meta());
        return each.execute(bind(networks[n % 7 === 0 ? 1 : 0]!, host), meta());
      }),
    );
    for (const { follower } of processes) await expectNoHole(follower);
    expect(await store.verify()).toMatchObject({ ok: true });
    const [a, b] = processes.map(({ follower }) =>
      canonical([...follower.topology.keys()].sort().map((key) => follower.topology.byKey(key))),
    );
    expect(a).toBe(b);
    const fresh = await ledger();
    expect(canonical([...fresh.follower.topology.keys()].sort().map((key) => fresh.follower.topology.byKey(key)))).toBe(
      a,
    );
  });

  it('many processes and commands at once never pass a limit, and each that is too many hears why', async () => {
    const processes = [await ledger(), await ledger()];
    const limited: Decide<null> = (topology, context) => {
      if (topology.find('network', 'project/project').length >= 5)
        throw new DomainError('OverQuota', 'conflict', 'Quota exceeded for resources: network.');
      const networkId = context.newId();
      const network = networkCreated({ networkId, projectId: 'project', segmentationId: context.randomInt(1 << 24) });
      return { events: [network], reads: [], none: [], limits: { 'network/project': 5 }, result: null };
    };
    const answers = await Promise.allSettled(
      Array.from({ length: 40 }, (_, n) => processes[n % 2]!.ledger.execute(limited, meta())),
    );
    const refused = answers.filter((each) => each.status === 'rejected');
    expect(refused.map(({ reason }) => (reason as DomainError).type)).toEqual(Array(35).fill('OverQuota'));
    expect((await store.load()).rows.filter(({ kind }) => kind === 'network')).toHaveLength(5);
  });

  it('what is gone takes no memory, and comes back all the same: the log knows the versions that memory forgot', async () => {
    const one = await ledger();
    const other = await ledger();
    const again = randomUUID();
    const make = making([networkCreated({ networkId: again })]);
    const remove = making([{ type: 'NetworkDeleted', version: 1, data: { networkId: again } }]);
    await one.ledger.execute(make, meta());
    await one.ledger.execute(remove, meta());
    for (let n = 0; n < 11; n += 1) {
      const ids = Array.from({ length: 100 }, () => randomUUID());
      await one.ledger.execute(
        making(ids.map((networkId, at) => networkCreated({ networkId, segmentationId: 200 + at }))),
        meta(),
      );
      await one.ledger.execute(
        making(ids.map((networkId) => ({ type: 'NetworkDeleted', version: 1, data: { networkId } }))),
        meta(),
      );
    }
    await other.follower.catchUp();
    const fresh = await ledger();
    expect([one, other, fresh].map(({ follower }) => follower.topology.versionOf(`network-${again}`))).toEqual([
      0, 0, 0,
    ]);
    expect([one, other, fresh].map(({ follower }) => follower.topology.streamsKept)).toEqual([1_000, 1_000, 0]);

    await fresh.ledger.execute(make, meta());
    await other.follower.catchUp();
    // Who did not write it has heard its version from the log, and writes the next one without asking.
    expect(other.ledger.topology.versionOf(`network-${again}`)).toBe(3);
    await other.ledger.execute(remove, meta());
    await one.ledger.execute(make, meta());
    expect((await store.readStream(`network-${again}`)).map((event) => event.streamVersion)).toEqual([1, 2, 3, 4, 5]);
    expect(await store.verify()).toMatchObject({ ok: true });

    // Read, not written: a decision on what is not there holds only as long as it is not there.
    const absent: Decide<null> = () => ({
      events: [networkCreated({ networkId: randomUUID(), segmentationId: 7 })],
      reads: [`port/${again}`],
      none: [],
      result: null,
    });
    await fresh.ledger.execute(absent, meta());
  });

  it('does not start on what another release derived', async () => {
    const older = Object.assign(Object.create(store) as InMemoryEventStore, {
      load: async () => ({ ...(await store.load()), generation: 0 }),
    });
    await expect(Follower.open({ store: older, logger, publish: () => undefined })).rejects.toThrow('plumb db migrate');
  });

  it('a decision that gave way to a command on its way waits how that ends', async () => {
    const one = await ledger();
    const flat: Decide<null> = (_topology, context) => {
      if (context.held('segment/flat/physnet1')) throw new DomainError('FlatNetworkInUse', 'conflict', 'in use');
      const network = networkCreated({
        networkId: context.newId(),
        networkType: 'flat',
        physicalNetwork: 'physnet1',
        segmentationId: null,
      });
      return { events: [network], reads: [], none: [], result: null };
    };
    store.failNext(new StoreUnavailable('the database is away', 'not-stored'));
    const first = one.ledger.execute(flat, meta());
    const second = one.ledger.execute(flat, meta());
    await expect(first).rejects.toThrow('the database is away');
    await expect(second).resolves.toMatchObject({ position: 1 });
    await expect(one.ledger.execute(flat, meta())).rejects.toThrow('in use');
  });

  it('gives up in time when it always loses, and has stored nothing', async () => {
    const losing = Object.assign(Object.create(store) as InMemoryEventStore, {
      append: async (command: AppendCommand) => ({
        ok: false as const,
        lost: { kind: 'version' as const, stream: Object.keys(command.expect)[0]! },
      }),
    });
    const follower = await Follower.open({ store: losing, logger, publish: () => undefined });
    followers.push(follower);
    const busy = new Ledger({ store: losing, follower, logger, patienceMs: 100 });
    await expect(busy.execute(making([networkCreated({ networkId: randomUUID() })]), meta())).rejects.toThrow(
      LedgerBusy,
    );
    expect(await store.head()).toMatchObject({ position: 0 });
  });

  it('that stood still until its feed rows were pruned takes the feeds as they are, and answers with full views', async () => {
    const one = await ledger();
    const networkId = randomUUID();
    await one.ledger.execute(making([networkCreated({ networkId })]), meta());
    await one.ledger.execute(bind(networkId, 'cmp1'), meta());
    await one.ledger.execute(bind(networkId, 'cmp2'), meta());
    // It looks at the log when it is told to.
    const late = await Follower.open({ store, logger, publish: () => undefined, pollMs: 3_600_000 });
    followers.push(late);
    const missed = { log: late.log, position: late.feeds.headOf('cmp1') };
    const hash = await store.hashAt(missed.position);
    for (let n = 0; n < 3; n += 1) await one.ledger.execute(bind(networkId, 'cmp1'), meta());
    const upTo = one.follower.topology.position;
    await store.pruneFeed(upTo, []);
    await one.ledger.execute(bind(networkId, 'cmp1'), meta());
    await late.catchUp();
    expect(late.topology.position).toBe(one.follower.topology.position);
    for (const host of ['cmp1', 'cmp2']) expect(late.feeds.headOf(host)).toBe(one.follower.feeds.headOf(host));
    const answer = await late.feeds.answer(
      'cmp1',
      { ...missed, hash },
      {
        topology: late.topology,
        hashAt: (at) => store.hashAt(at),
      },
    );
    expect(answer).toMatchObject([
      { prev: missed.position, position: missed.position },
      { prev: null, position: one.follower.feeds.headOf('cmp1') },
    ]);
    await one.ledger.execute(bind(networkId, 'cmp1'), meta());
    await late.catchUp();
    await expectNoHole(one.follower);
    expect(late.feeds.headOf('cmp1')).toBe(one.follower.feeds.headOf('cmp1'));
  });

  it('what a process committed while the log was read is published all the same', async () => {
    const one = await ledger();
    const other = await ledger();
    const networkId = randomUUID();
    await one.ledger.execute(making([networkCreated({ networkId })]), meta());
    for (let round = 0; round < 20; round += 1)
      await Promise.all([
        one.ledger.execute(bind(networkId, 'cmp1'), meta()),
        other.ledger.execute(bind(networkId, 'cmp2'), meta()),
      ]);
    await expectNoHole(one.follower);
    const rows = await store.feedRows(0, (await store.head()).position);
    expect(published.map(({ host, position }) => `${host} ${position}`).sort()).toEqual(
      rows.map(({ host, position }) => `${host} ${position}`).sort(),
    );
  });
});

describe('the bound on the bytes of an object', () => {
  const member: Actor = { projectId: 'project', role: 'member' };
  const networkId = randomUUID();
  const portId = randomUUID();
  const set = (facts: object): PlumbEvent =>
    ({ type: 'PortAttributesSet', version: 1, data: { portId, set: facts } }) as PlumbEvent;
  const tags = (bytes: number): string[] => ['x'.repeat(bytes)];
  const made = [networkCreated({ networkId }), portCreated({ portId, networkId }, 1)];

  it('holds for whatever grows, counts bytes as they are stored, and says which object and what of it', async () => {
    const { ledger: one } = await ledger();
    await one.execute(making(made), meta(), member);
    await one.execute(making([set({ tags: tags(MOST_OBJECT_BYTES - 5_000) })]), meta(), member);
    const grows = [
      set({ tags: tags(MOST_OBJECT_BYTES) }),
      set({ description: 'é'.repeat(3_000) }),
      set({ name: '\u0001'.repeat(1_000) }),
      set({
        extraDhcpOpts: Array.from({ length: 100 }, (_, n) => ({ name: `${n}`, value: 'x'.repeat(60), ipVersion: 4 })),
      }),
      set({ securityGroupIds: Array.from({ length: 150 }, () => randomUUID()) }),
    ];
    for (const event of grows) {
      const refusal = await one.execute(making([event]), meta(), member).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ type: 'ObjectTooLarge', kind: 'bad-request', detail: 'tags' });
      expect((refusal as Error).message).toMatch(
        new RegExp(
          `^The port ${portId} would have \\d+ bytes, and one may have 65536. Its largest attribute is tags with \\d+ bytes.$`,
        ),
      );
    }
    expect(one.topology.position).toBe(3);
    // Of a command that makes several objects, each is measured, and none is stored.
    const other = portCreated({ portId: randomUUID(), networkId, description: 'x'.repeat(MOST_OBJECT_BYTES) }, 2);
    await expect(
      one.execute(making([networkCreated({ networkId: randomUUID(), segmentationId: 9 }), other]), meta()),
    ).rejects.toThrow('Its largest attribute is description');
    expect(one.topology.position).toBe(3);
  });

  it('is another one for kinds that grow with the cloud, and holds for Plumbline itself', async () => {
    expect([mostBytesOf('port'), mostBytesOf('router'), mostBytesOf('placement')]).toEqual([
      65_536, 262_144, 1_048_576,
    ]);
    const { ledger: one } = await ledger();
    const mappings = Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`${n}-${'x'.repeat(30)}`, 'br-ex']));
    const register: PlumbEvent = {
      ...{ type: 'NodeRegistered', version: 1 },
      data: { host: 'net1', tunnelIp: null, bridgeMappings: mappings },
    };
    await expect(one.execute(making([register]), meta())).rejects.toThrow('The node net1 would have');
  });

  it('lets what is larger in an older log be changed, bound and made smaller, but not grow', async () => {
    const { ledger: one, follower } = await ledger();
    const before = [...made, set({ tags: tags(200_000) })];
    const prepared = prepare(one.topology, { events: before, reads: [], none: [] }, meta());
    await store.append(toAppend(prepared, follower.head));
    await follower.catchUp();
    await one.execute(making([set({ adminStateUp: false, description: 'x'.repeat(255) })]), meta(), member);
    const opts = (value: number) => ({ extraDhcpOpts: [{ name: 'x', value: 'x'.repeat(value), ipVersion: 4 }] });
    await one.execute(making([set(opts(8_000))]), meta(), member);
    await expect(one.execute(making([set(opts(9_000))]), meta(), member)).rejects.toThrow('one may have');
    await expect(one.execute(making([set({ tags: tags(200_100) })]), meta(), member)).rejects.toThrow('one may have');
    await one.execute(making([portBound(portId, networkId, 'cmp1'), networkPlaced(networkId, 'cmp1', 1)]), meta());
    await expect(one.execute(making([set({ tags: tags(210_000) })]), meta())).rejects.toThrow('one may have');
    await one.execute(making([set({ tags: tags(100_000) })]), meta(), member);
    await one.execute(making([set({ tags: [] })]), meta(), member);
    await one.execute(making([{ type: 'PortDeleted', version: 1, data: { portId, networkId } }]), meta(), member);
    expect(one.topology.get('port', portId)).toBeUndefined();
  });

  it('is judged at the head of the log: another process may have made room', async () => {
    const [{ ledger: one }, { ledger: other }] = [await ledger(), await ledger()];
    await one.execute(making([...made, set({ tags: tags(60_000) })]), meta());
    await other.catchUp();
    await one.execute(making([set({ tags: [] })]), meta());
    await other.execute(making([set({ description: 'x'.repeat(10_000) })]), meta(), member);
    expect(other.topology.get('port', portId)).toMatchObject({ tags: [] });
  });
});
