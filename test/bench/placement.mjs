/**
 * One port that takes a shared network to one more host, and its deletion, which takes it away again: what that costs the API process, and what the feed rows cost the
 * database. Ledger, follower, feeds and NATS as in the API, in this process; PostgreSQL, nats-server and, in one case, a second network that all hosts share
 * already, so that no host learns of a new node. The log is made beforehand by `prepare`, without folding it.
 */
import { randomUUID } from 'node:crypto';
import { TestNats } from '../../apps/api/dist/testing/start-nats.js';
import { FeedPublisher } from '../../apps/api/dist/feed/publisher.js';
import { createPorts, deletePort } from '../../libs/domain/dist/index.js';
import { PostgresEventStore } from '../../libs/event-store/dist/index.js';
import { startPostgres } from '../../libs/event-store/dist/testing/index.js';
import { Follower, Ledger, toAppend, toRecorded } from '../../libs/ledger/dist/index.js';
import { NatsWire } from '../../libs/messaging/dist/nats.js';
import { createLogger } from '../../libs/telemetry/dist/index.js';
import { advance, prepare, Topology } from '../../libs/topology/dist/index.js';
import { networkCreated, networkPlaced, nodeRegistered } from '../../libs/topology/dist/testing/index.js';
import { median } from './report.mjs';

const ROUNDS = 15;
/** First rounds are not counted: the code is compiled in them. */
const WARM_UP = 5;
const CPU_MS = 50;
const logger = createLogger({ name: 'bench', level: 'silent' });
const meta = () => ({ requestId: 'req-bench', userId: 'bench', projectId: 'bench', time: new Date().toISOString() });
const host = (n) => `host-${String(n).padStart(4, '0')}`;
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** A log of `hosts` registered hosts; the networks are placed on all of them but, the first of them, on the last. */
async function makeLog(store, hosts, networks) {
  const topology = new Topology();
  const all = Array.from({ length: hosts }, (_, n) => host(n));
  const events = [
    ...all.map((name, n) => nodeRegistered(name, `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`)),
    ...networks.map((networkId, at) =>
      networkCreated({ networkId, segmentationId: at + 1, portSecurityEnabled: false }),
    ),
    ...networks.flatMap((networkId, at) =>
      (at === 0 ? all.slice(0, -1) : all).map((name) => networkPlaced(networkId, name, at + 1)),
    ),
  ];
  for (let at = 0; at < events.length; at += 500) {
    const decision = { events: events.slice(at, at + 500), reads: [], none: [] };
    const answer = await store.append(toAppend(prepare(topology, decision, meta())));
    if (!answer.ok) throw new Error(`the log was not made: lost ${JSON.stringify(answer.lost)}`);
    advance(topology, answer.recorded.map(toRecorded));
  }
}

const portOn = (networkId, on) => ({
  projectId: 'bench',
  name: '',
  description: '',
  networkId,
  adminStateUp: true,
  deviceId: '',
  deviceOwner: '',
  portSecurityEnabled: false,
  macAddress: null,
  fixedIps: [],
  securityGroupIds: [],
  allowedAddressPairs: [],
  extraDhcpOpts: [],
  dnsName: '',
  binding: { host: on, vnicType: 'normal', profile: {} },
});

/** CPU of this process from the request until the last message has left it. */
async function timed(wire, work) {
  const start = cpuMs();
  const result = await work();
  await wire.client.connection?.flush?.();
  await new Promise((resolve) => setTimeout(resolve, 50));
  return { result, ms: cpuMs() - start };
}

/** Wall time of an append of one event with a feed row for each host, less that of one without: milliseconds, medians. */
async function feedRowsMs(store, hosts) {
  const took = { with: [], without: [] };
  for (let round = 0; round < 2 * ROUNDS; round += 1) {
    const with_ = round % 2 === 0;
    const stream = `bench-${randomUUID()}`;
    const start = performance.now();
    await store.append({
      events: [{ stream, type: 'Happened', version: 1, data: {} }],
      expect: { [stream]: 0 },
      ...{ take: [], release: [], none: [], rows: [], tally: {}, limits: {} },
      hosts: with_ ? Array.from({ length: hosts }, (_, n) => host(n)) : [],
      meta: meta(),
    });
    took[with_ ? 'with' : 'without'].push(performance.now() - start);
  }
  return median(took.with) - median(took.without);
}

async function measure(hosts, shared) {
  const postgres = await startPostgres();
  const nats = await TestNats.make();
  const wire = new NatsWire({ url: nats.url, login: { kind: 'none' } }, 'bench', logger);
  const store = new PostgresEventStore(postgres.serviceUrl);
  try {
    wire.start();
    const networks = shared ? [randomUUID(), randomUUID()] : [randomUUID()];
    await makeLog(store, hosts, networks);
    let messages = [];
    const publisher = new FeedPublisher(wire);
    const publish = (more) => {
      messages.push(...more);
      publisher.publish(more);
    };
    const follower = await Follower.open({ store, logger, publish });
    const ledger = new Ledger({ store, follower, logger });
    while (!wire.connected) await new Promise((resolve) => setTimeout(resolve, 20));
    const [join, leave, ms] = [[], [], []];
    for (let round = -WARM_UP; round < ROUNDS; round += 1) {
      messages = [];
      const start = performance.now();
      const request = createPorts([portOn(networks[0], host(hosts - 1))]);
      const joined = await timed(wire, () => ledger.execute(request, meta()));
      const took = performance.now() - start - 50;
      const nodes = messages.reduce((sum, each) => sum + each.entered.filter(({ kind }) => kind === 'node').length, 0);
      if (messages.length !== hosts || nodes !== (shared ? 0 : 2 * (hosts - 1)))
        console.error(`  ${messages.length} messages with ${nodes} nodes`);
      const left = await timed(wire, () => ledger.execute(deletePort(joined.result.result[0]), meta()));
      if (round < 0) continue;
      join.push(joined.ms);
      leave.push(left.ms);
      ms.push(took);
    }
    await follower.close();
    const rows = await feedRowsMs(store, hosts);
    const what = `${hosts} hosts${shared ? ', all on another network already' : ''}`;
    const detail = `median of ${ROUNDS}, worst ${Math.max(...join).toFixed(0)}; until sent ${median(ms).toFixed(0)} ms with PostgreSQL`;
    return [
      { name: `port that joins, ${what}`, value: median(join), unit: 'ms CPU', target: { atMost: CPU_MS }, detail },
      { name: `port that leaves, ${what}`, value: median(leave), unit: 'ms CPU', target: { atMost: CPU_MS } },
      ...(shared ? [] : [{ name: `feed rows of ${hosts} hosts, one statement`, value: rows, unit: 'ms' }]),
    ];
  } finally {
    await wire.close();
    await store.close();
    await nats.kill();
    await postgres.stop();
  }
}

export async function placementBench() {
  const rows = [];
  for (const hosts of [200, 1000]) for (const shared of [false, true]) rows.push(...(await measure(hosts, shared)));
  return rows;
}
