/**
 * Two kinds of load beside which ordinary requests must stay quick: a reader that asks for as much work as it can, and a thousand nodes that report. Each is on
 * and off in turns, beside the same ordinary requests.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { startApiAlone } from './api-alone.mjs';
import { startLoad } from './load.mjs';
import { cpuMs, median, quantile } from './report.mjs';

const PORTS = 20_000;
const ROUNDS = 5;
const HOSTILE = 10;
const HOSTS = 1_000;
/** Of the target: p99 beside a hostile reader, and gets and writes beside heartbeats. */
const P99_TIMES = 5;
const WITHIN = 1.15;
const CORE_SHARE = 0.25;
const QUIET_MS = 20_000;
const words = (letter, count) => Array.from({ length: count }, (_, n) => `${letter}${n}`);
/** As many values as fit a request line; those of the ports' descriptions are there. */
const DEAR = [
  `/v2.0/ports?tags-any=${words('t', 990).join(',')}`,
  `/v2.0/ports?not-tags-any=${words('t', 990).join(',')}`,
  `/v2.0/ports?${words('d', 700)
    .map((word) => `description=${word}`)
    .join('&')}`,
  `/v2.0/ports?${words('v', 400)
    .map((word) => `fixed_ips=ip_address%3D${word}`)
    .join('&')}`,
];

const USERS = {
  nobody: { name: 'nobody', project: 'nothing', role: 'member' },
  owner: { name: 'owner', project: 'much', role: 'member' },
  ordinary: { name: 'ordinary', project: 'ordinary', role: 'member' },
  admin: { name: 'admin', project: 'ops', role: 'admin' },
};

export async function readersBench() {
  const api = await startApiAlone(Object.values(USERS));
  const loads = {};
  const database = new pg.Pool({ connectionString: api.migrationUrl, max: 1 });
  database.on('error', () => undefined);
  try {
    const tokens = {};
    for (const [who, user] of Object.entries(USERS)) {
      tokens[who] = await api.token(user);
      loads[who] = await startLoad(api.url, { 'x-auth-token': tokens[who].text });
    }
    const make = async (path, member, attributes) => {
      const answer = await fetch(`${api.url}/v2.0/${path}`, {
        method: 'POST',
        headers: { 'x-auth-token': tokens.ordinary.text, 'content-type': 'application/json' },
        body: JSON.stringify({ [member]: attributes }),
      });
      if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      return Object.values(await answer.json())[0];
    };
    const network = await make('networks', 'network', { name: 'n' });
    await make('subnets', 'subnet', { network_id: network.id, ip_version: 4, cidr: '10.0.0.0/16' });
    const ports = await make(
      'ports',
      'ports',
      Array.from({ length: 100 }, () => ({ network_id: network.id })),
    );
    await database.query(
      `INSERT INTO plumbline.objects (id, kind, project_id, name, version, position, doc, set_at)
       SELECT md5('copy' || n)::uuid::text, kind, $2, 'c' || n, 1, position, doc || jsonb_build_object('id', md5('copy' || n)::uuid::text,
         'projectId', $2::text, 'networkId', md5('net')::uuid::text, 'name', 'c' || n, 'description', 'd' || n), set_at
       FROM plumbline.ports, generate_series(1, ${PORTS}) n WHERE id = $1`,
      [ports[0].id, tokens.owner.projectId],
    );
    await database.query('ANALYZE plumbline.objects');
    const one = { method: 'GET', paths: ports.map(({ id }) => `/v2.0/ports/${id}`) };
    const some = { method: 'GET', paths: ['/v2.0/ports', '/v2.0/networks', `/v2.0/ports?network_id=${network.id}`] };
    const write = {
      method: 'POST',
      paths: ['/v2.0/ports'],
      bodies: [JSON.stringify({ port: { network_id: network.id } })],
    };
    return [
      ...(await hostileRows(loads, one, some)),
      ...(await heartbeatRows(api, tokens.admin.text, database, loads.ordinary, one, write)),
    ];
  } finally {
    for (const load of Object.values(loads)) load.close();
    await database.end();
    await api.stop();
  }
}

async function hostileRows(loads, one, some) {
  const rows = [];
  for (const [who, what] of [
    ['nobody', 'owns nothing'],
    ['owner', `owns ${PORTS} ports`],
  ]) {
    const ms = { with: { one: [], some: [] }, without: { one: [], some: [] } };
    let answered = {};
    for (let round = 0; round <= ROUNDS; round += 1)
      for (const side of ['without', 'with']) {
        const hostile = side === 'with' ? loads[who].start({ clients: HOSTILE, method: 'GET', paths: DEAR }) : null;
        const gets = await loads.ordinary.run({ clients: 2, count: 600, ...one });
        const lists = await loads.ordinary.run({ clients: 2, count: 150, ...some });
        if (hostile) answered = await hostile.stop();
        // The first round compiles.
        if (round === 0) continue;
        ms[side].one.push(...gets.ms);
        ms[side].some.push(...lists.ms);
      }
    for (const [kind, name] of [
      ['one', 'GET one port'],
      ['some', 'lists of 100'],
    ]) {
      const [p99, alone] = [quantile(ms.with[kind], 0.99), quantile(ms.without[kind], 0.99)];
      rows.push({
        name: `${name} beside a hostile reader that ${what}, p99`,
        value: p99 / alone,
        unit: 'times',
        target: { atMost: P99_TIMES },
        detail: `${p99.toFixed(1)} and ${alone.toFixed(1)} ms, medians ${median(ms.with[kind]).toFixed(1)} and ${median(ms.without[kind]).toFixed(1)}; ${HOSTILE} clients without end, last round's answers ${JSON.stringify(answered)}`,
      });
    }
  }
  return rows;
}

async function heartbeatRows(api, token, database, load, one, write) {
  await admitNodes(api.url, token);
  const nodes = await startNodes(api.natsUrl, await logOf(database));
  try {
    await nodes.heard(true);
    await registered(database);
    const spent = () => cpuMs(api.pid, api.postgresPid);
    const share = async () => {
      const [before, began] = [spent(), performance.now()];
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      return (spent() - before) / (performance.now() - began);
    };
    const withBeats = await share();
    const rates = { get: [], write: [] };
    const detail = { get: [], write: [] };
    for (let pair = 0; pair <= ROUNDS; pair += 1) {
      const took = {};
      for (const heard of pair % 2 === 0 ? [false, true] : [true, false]) {
        await nodes.heard(heard);
        took[heard] = {
          get: (await load.run({ clients: 8, count: 3000, ...one })).totalMs,
          write: (await load.run({ clients: 8, count: 600, ...write })).totalMs,
        };
      }
      if (pair === 0) continue;
      for (const kind of ['get', 'write']) {
        rates[kind].push(took.true[kind] / took.false[kind]);
        detail[kind].push(`${took.true[kind].toFixed(0)}/${took.false[kind].toFixed(0)}`);
      }
    }
    await nodes.heard(false);
    const without = await share();
    const row = (name, kind) => ({
      name: `${name} beside ${HOSTS} hosts' heartbeats, to without; median of ${ROUNDS} pairs`,
      value: median(rates[kind]),
      unit: 'times',
      target: { atMost: WITHIN },
      detail: `ms: ${detail[kind].join(', ')}`,
    });
    return [
      {
        name: `${HOSTS} hosts' heartbeats: API and PostgreSQL`,
        value: withBeats,
        unit: 'cores',
        target: { atMost: CORE_SHARE },
        detail: `${without.toFixed(2)} when none is heard (beacons alone)`,
      },
      row('time of GET one port', 'get'),
      row('time of POST ports', 'write'),
    ];
  } finally {
    nodes.close();
  }
}

const logOf = async (database) => (await database.query('SELECT log_id FROM plumbline.log_head')).rows[0].log_id;

/** Hosts that nobody admitted would report and lead to nothing. */
async function admitNodes(url, token) {
  for (let n = 1; n <= HOSTS; n += 1) {
    const answer = await fetch(`${url}/plumbline/v1/nodes/host-${n}/admission`, {
      method: 'PUT',
      headers: { 'x-auth-token': token, 'content-type': 'application/json' },
      body: JSON.stringify({ roles: ['compute'], physicalNetworks: ['physnet1'] }),
    });
    if (!answer.ok) throw new Error(`host-${n} was not admitted: ${answer.status} ${await answer.text()}`);
  }
}

async function registered(database) {
  for (let n = 0; n < 1200; n += 1) {
    const { rows } = await database.query('SELECT (SELECT count(*) FROM plumbline.nodes)::int AS n');
    if (rows[0].n >= HOSTS) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the hosts of the benchmark were not registered in two minutes');
}

async function startNodes(natsUrl, log) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('heartbeats-child.mjs', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    async heard(heard) {
      child.stdin.write(`${JSON.stringify({ natsUrl, log, hosts: HOSTS, heard })}\n`);
      await lines.next();
    },
    close: () => void child.stdin.end(),
  };
}
