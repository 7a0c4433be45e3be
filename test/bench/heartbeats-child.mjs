/**
 * A thousand hosts that report, each every five seconds, spread evenly, as agents with nothing new do. A line of JSON in: `{ natsUrl, log, hosts, heard }`; `heard`
 * false sends the same to subjects that nobody hears, so that a comparison has the same work beside it. Ends with its input.
 */
import { createInterface } from 'node:readline';
import { connect } from '@nats-io/transport-node';
import { subjects } from '@plumbline/contracts';

const EVERY_MS = 5_000;
const TICK_MS = 50;
const startedAt = new Date().toISOString();
let job;
let nats;
let sequence = 0;

function report(n, first) {
  const host = `host-${n}`;
  const data = {
    ...{
      log: job.log,
      state: 'in-sync',
      sequence,
      position: 0,
      full: first,
      objects: [],
      frozen: [],
      driftRepaired: 0,
    },
    ...{ startedAt, page: { report: sequence, index: 1, of: 1, full: first } },
    node: {
      tunnelIp: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`,
      bridgeMappings: { physnet1: 'br-ex' },
      datapathType: 'system',
    },
  };
  const pattern = subjects.report(host, 'ovs');
  nats.publish(job.heard || first ? pattern : `bench.unheard.${host}`, JSON.stringify({ pattern, data }));
}

let due = 0;
function tick() {
  if (!job) return;
  due += (job.hosts * TICK_MS) / EVERY_MS;
  for (; due >= 1; due -= 1) {
    sequence += 1;
    report(1 + (sequence % job.hosts), false);
  }
}

setInterval(tick, TICK_MS).unref();
process.stdout.write('{"ready":true}\n');
for await (const line of createInterface({ input: process.stdin })) {
  const next = JSON.parse(line);
  if (!nats) {
    nats = await connect({ servers: next.natsUrl });
    job = next;
    // Slowly: each is an event.
    for (let n = 1; n <= job.hosts; n += 1) {
      sequence += 1;
      report(n, true);
      if (n % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await nats.flush();
  }
  job = next;
  process.stdout.write('{"ok":true}\n');
}
await nats?.close();
process.exit(0);
