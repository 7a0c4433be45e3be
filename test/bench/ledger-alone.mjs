/** Ledger, follower, feeds and NATS as in the API, in this process, on a log that is made beforehand by `prepare`; with PostgreSQL and nats-server. */
import { TestNats } from '../../apps/api/out-tsc/testing/start-nats.js';
import { FeedPublisher } from '../../apps/api/out-tsc/feed/publisher.js';
import { PostgresEventStore } from '../../libs/event-store/dist/index.js';
import { startPostgres } from '../../libs/event-store/dist/testing/index.js';
import { Follower, Ledger, toAppend, toRecorded } from '../../libs/ledger/dist/index.js';
import { NatsWire } from '../../libs/messaging/dist/nats.js';
import { createLogger } from '../../libs/telemetry/dist/index.js';
import { advance, prepare, Topology } from '../../libs/topology/dist/index.js';

const logger = createLogger({ name: 'bench', level: 'silent' });
export const meta = () => ({
  requestId: 'req-bench',
  userId: 'bench',
  projectId: 'bench',
  time: new Date().toISOString(),
});
export const hostName = (n) => `host-${String(n).padStart(4, '0')}`;
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** What a client asks for who leaves everything to the API; bound to `host`. */
export const portOn = (networkId, host, more = {}) => ({
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
  binding: { host, vnicType: 'normal', profile: {} },
  ...more,
});

async function makeLog(store, events) {
  const topology = new Topology();
  for (let at = 0; at < events.length; at += 500) {
    const decision = { events: events.slice(at, at + 500), reads: [], none: [] };
    const answer = await store.append(toAppend(prepare(topology, decision, meta())));
    if (!answer.ok) throw new Error(`the log was not made: lost ${JSON.stringify(answer.lost)}`);
    advance(topology, answer.recorded.map(toRecorded));
  }
}

/** `run` gets `execute(command)`, which resolves with the result, the CPU of this process until the last message has left it, the time, and the messages. */
export async function withLedger(events, run) {
  const postgres = await startPostgres();
  const nats = await TestNats.make();
  const wire = new NatsWire({ url: nats.url, login: { kind: 'none' } }, 'bench', logger);
  const store = new PostgresEventStore(postgres.serviceUrl);
  try {
    wire.start();
    await makeLog(store, events);
    let messages = [];
    const publisher = new FeedPublisher(wire);
    const publish = (more) => {
      messages.push(...more);
      publisher.publish(more);
    };
    const follower = await Follower.open({ store, logger, publish });
    const ledger = new Ledger({ store, follower, logger });
    while (!wire.connected) await new Promise((resolve) => setTimeout(resolve, 20));
    const execute = async (command) => {
      messages = [];
      const [start, cpu] = [performance.now(), cpuMs()];
      const { result } = await ledger.execute(command, meta());
      const tookMs = performance.now() - start;
      await wire.client.connection?.flush?.();
      await new Promise((resolve) => setTimeout(resolve, 50));
      return { result, cpuMs: cpuMs() - cpu, tookMs, messages };
    };
    const answer = await run({ execute, store, topology: follower.topology });
    await follower.close();
    return answer;
  } finally {
    await wire.close();
    await store.close();
    await nats.kill();
    await postgres.stop();
  }
}
