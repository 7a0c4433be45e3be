/** Requests per second: writes by clients at the same time, gets, lists, and how they grow with the number of rows. */
import { readRunning } from '@plumbline/lab';
import { cpuMs, median, quantile } from './report.mjs';

const FEW = 1000;
const MANY = 10_000;
const BULK = 200;
const WARM_UP = 100;
const LISTS = 30;
const GETS = 6000;
const GROWTH_SAMPLES = 1500;
/** Requests by number of clients; the associated ones each need a port of their own. */
const WRITES = { 1: 300, 8: 1600, 64: 3200 };
const ASSOCIATED = { 1: 80, 8: 500, 64: 400 };
/** Requests per second that 8 clients must get. */
const AT_LEAST = { networks: 400, ports: 300, free: 300, associated: 400, gets: 2000 };
/** From a thousand rows to ten thousand, a cost that grows with the logarithm of the rows grows by a third. */
const LOGARITHMIC = Math.log(MANY) / Math.log(FEW);

/** The programs whose CPU time is shown, and the lab's units that spend it. */
const PROGRAMS = { API: ['api'], PostgreSQL: ['postgres'], 'L3 agent': ['l3-agent-net1'] };
const pidOf = (lab, unit) => readRunning(lab.spec.stateDir, unit)?.pid ?? 0;

export async function ratesBench(lab) {
  const api = lab.api(4);
  const load = await lab.load();
  const spent = () =>
    Object.entries(PROGRAMS).map(([name, units]) => [name, cpuMs(...units.map((unit) => pidOf(lab, unit)))]);
  /** Adds the CPU time that each program of the lab spent per request: on a shared machine that says more than wall time. */
  const crowd = async (clients, count, job) => {
    const before = Object.fromEntries(spent());
    const timed = await load.run({ clients, count, ...job });
    const cpu = spent().map(([name, ms]) => `${name} ${((ms - before[name]) / count).toFixed(2)}`);
    return { ...timed, cpu: `CPU ms each: ${cpu.join(', ')}` };
  };
  const post = (member, ...attributes) => ({
    method: 'POST',
    paths: [`/v2.0/${member}s`],
    bodies: attributes.map((each) => JSON.stringify({ [member]: each })),
  });
  /** Measures a second run: in the first few lists of a process, V8 still compiles the code. */
  const list = async (query, found) => {
    const gets = { method: 'GET', paths: [`/v2.0/ports?${query}`] };
    await crowd(1, LISTS, gets);
    const timed = await crowd(1, LISTS, gets);
    const listed = JSON.parse(timed.last).ports.length;
    if (listed !== found) throw new Error(`listed ${listed} ports with ${query}, not ${found}`);
    return timed;
  };
  try {
    const ground = await makeGround(api);
    const onePort = post('port', { network_id: ground.other.id });
    const gets = { method: 'GET', paths: ground.ports.map(({ id }) => `/v2.0/ports/${id}`) };
    const rows = [];

    rows.push(times(`GET ${FEW} ports of a network`, await list(`network_id=${ground.tenant.id}`, FEW), 20));
    rows.push(times(`GET ${FEW} ports, limit=${FEW}`, await list(`limit=${FEW}`, FEW), 20));
    await crowd(8, WARM_UP, onePort);
    const few = {
      get: await crowd(8, GROWTH_SAMPLES, gets),
      create: await crowd(8, GROWTH_SAMPLES / 5, onePort),
    };
    const writes = {
      networks: ['POST networks', post('network', { name: 'bench' })],
      ports: ['POST ports', onePort],
      free: ['POST floatingips, free', post('floatingip', { floating_network_id: ground.outside.id })],
    };
    for (const [name, [title, job]] of Object.entries(writes)) {
      await crowd(8, WARM_UP, job);
      for (const [clients, count] of Object.entries(WRITES))
        rows.push(rate(title, Number(clients), await crowd(Number(clients), count, job), AT_LEAST[name]));
    }
    rows.push(rate('GET one port', 8, await crowd(8, GETS, gets), AT_LEAST.gets));

    const there = (await api.list('ports', 'fields=id')).length;
    await makePorts(api, MANY - 10 - there, { network_id: ground.other.id });
    await makePorts(api, 10, { network_id: ground.other.id, name: 'needle' });
    await crowd(8, WARM_UP, gets);
    const many = {
      get: await crowd(8, GROWTH_SAMPLES, gets),
      create: await crowd(8, GROWTH_SAMPLES / 5, onePort),
    };
    for (const what of ['get', 'create'])
      rows.push({
        name: `${what} one port, ${MANY} to ${FEW} rows, medians`,
        value: median(many[what].ms) / median(few[what].ms),
        unit: 'times',
        target: { atMost: LOGARITHMIC },
        detail: `${median(few[what].ms).toFixed(2)} and ${median(many[what].ms).toFixed(2)} ms, ${few[what].ms.length} requests of 8 clients; ${many[what].cpu}`,
      });
    rows.push(times(`GET 10 of ${MANY} ports by name`, await list('name=needle', 10), 10));
    rows.push(times(`GET ${FEW} ports of a network, of ${MANY}`, await list(`network_id=${ground.tenant.id}`, FEW)));
    rows.push(times(`GET ${MANY} ports`, await list(`limit=${MANY}`, MANY)));

    // Last: the agents work on these.
    let from = 0;
    for (const [clients, count] of Object.entries(ASSOCIATED)) {
      const targets = ground.ports.slice(from, (from += count));
      const requested = targets.map(({ id }) => ({ floating_network_id: ground.outside.id, port_id: id }));
      const timed = await crowd(Number(clients), count, post('floatingip', ...requested));
      rows.push(rate('POST floatingips, associated', Number(clients), timed, AT_LEAST.associated));
    }
    return rows;
  } finally {
    api.close();
    load.close();
  }
}

/** An outside network of many addresses, a tenant network with a router to it and `FEW` ports, and a network for more. */
async function makeGround(api) {
  const outside = await api.create('network', {
    name: 'bench-outside',
    'provider:network_type': 'vlan',
    'provider:physical_network': 'physnet1',
    'provider:segmentation_id': 200,
    'router:external': true,
  });
  const subnet = (network, cidr) =>
    // Without DHCP, whose ports would be listed with those that are made here.
    api.create('subnet', { network_id: network.id, ip_version: 4, cidr, enable_dhcp: false });
  await subnet(outside, '10.128.0.0/15');
  const tenant = await api.create('network', { name: 'bench-inside' });
  const inside = await subnet(tenant, '10.130.0.0/16');
  const other = await api.create('network', { name: 'bench-other' });
  await subnet(other, '10.132.0.0/14');
  const router = await api.create('router', { external_gateway_info: { network_id: outside.id } });
  await api.put(`/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: inside.id });
  // One of them is the router's.
  const ports = await makePorts(api, FEW - 1, { network_id: tenant.id });
  return { outside, tenant, other, ports };
}

async function makePorts(api, count, attributes) {
  const made = [];
  for (let rest = count; rest > 0; rest -= BULK)
    made.push(
      ...(await api.createMany(
        'port',
        Array.from({ length: Math.min(BULK, rest) }, () => attributes),
      )),
    );
  return made;
}

/** With a target where there are 8 clients. */
const rate = (name, clients, { ms, totalMs, cpu }, atLeast) => ({
  name: `${name}, ${clients} ${clients === 1 ? 'client' : 'clients'}`,
  value: ms.length / (totalMs / 1000),
  unit: '/s',
  ...(clients === 8 && { target: { atLeast } }),
  detail: `${ms.length} requests, p50 ${median(ms).toFixed(1)} ms, p99 ${quantile(ms, 0.99).toFixed(1)} ms; ${cpu}`,
});

const times = (name, { ms, cpu }, atMost) => ({
  name: `${name}, median`,
  value: median(ms),
  unit: 'ms',
  ...(atMost && { target: { atMost } }),
  detail: `${ms.length} requests, p99 ${quantile(ms, 0.99).toFixed(1)} ms; ${cpu}`,
});
