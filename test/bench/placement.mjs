/**
 * One port that takes a shared network to one more host, and its deletion, which takes it away again: what that costs the API process, and what the feed rows cost the
 * database. In one case there is a second network that all hosts share already, so that no host learns of a new node.
 */
import { randomUUID } from 'node:crypto';
import { createPorts, deletePort } from '../../libs/domain/dist/index.js';
import { networkCreated, networkPlaced, nodeAdmitted, nodeRegistered } from '../../libs/topology/dist/testing/index.js';
import { hostName, meta, portOn, withLedger } from './ledger-alone.mjs';
import { median } from './report.mjs';

const ROUNDS = 15;
/** First rounds are not counted: the code is compiled in them. */
const WARM_UP = 5;
const CPU_MS = 50;

/** A log of `hosts` registered hosts; the networks are placed on all of them but, the first of them, on the last. */
function logOf(hosts, networks) {
  const all = Array.from({ length: hosts }, (_, n) => hostName(n));
  return [
    ...all.map((name, n) => nodeRegistered(name, `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`)),
    ...all.map((name) => nodeAdmitted(name, ['compute'])),
    ...networks.map((networkId, at) =>
      networkCreated({ networkId, segmentationId: at + 1, portSecurityEnabled: false }),
    ),
    ...networks.flatMap((networkId, at) =>
      (at === 0 ? all.slice(0, -1) : all).map((name) => networkPlaced(networkId, name, at + 1)),
    ),
  ];
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
      hosts: with_ ? Array.from({ length: hosts }, (_, n) => hostName(n)) : [],
      meta: meta(),
    });
    took[with_ ? 'with' : 'without'].push(performance.now() - start);
  }
  return median(took.with) - median(took.without);
}

function measure(hosts, shared) {
  const networks = shared ? [randomUUID(), randomUUID()] : [randomUUID()];
  return withLedger(logOf(hosts, networks), async ({ execute, store }) => {
    const [join, leave, ms] = [[], [], []];
    for (let round = -WARM_UP; round < ROUNDS; round += 1) {
      const joined = await execute(createPorts([portOn(networks[0], hostName(hosts - 1))]));
      const { messages } = joined;
      const nodes = messages.reduce((sum, each) => sum + each.entered.filter(({ kind }) => kind === 'node').length, 0);
      if (messages.length !== hosts || nodes !== (shared ? 0 : 2 * (hosts - 1)))
        console.error(`  ${messages.length} messages with ${nodes} nodes`);
      const left = await execute(deletePort(joined.result[0]));
      if (round < 0) continue;
      join.push(joined.cpuMs);
      leave.push(left.cpuMs);
      ms.push(joined.tookMs);
    }
    const rows = await feedRowsMs(store, hosts);
    const what = `${hosts} hosts${shared ? ', all on another network already' : ''}`;
    const detail = `median of ${ROUNDS}, worst ${Math.max(...join).toFixed(0)}; stored and folded in ${median(ms).toFixed(0)} ms with PostgreSQL`;
    return [
      { name: `port that joins, ${what}`, value: median(join), unit: 'ms CPU', target: { atMost: CPU_MS }, detail },
      { name: `port that leaves, ${what}`, value: median(leave), unit: 'ms CPU', target: { atMost: CPU_MS } },
      ...(shared ? [] : [{ name: `feed rows of ${hosts} hosts, one statement`, value: rows, unit: 'ms' }]),
    ];
  });
}

export async function placementBench() {
  const rows = [];
  for (const hosts of [200, 1000]) for (const shared of [false, true]) rows.push(...(await measure(hosts, shared)));
  return rows;
}
