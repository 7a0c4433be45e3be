/** What the API takes and gives a second: floating IPs made by clients side by side, lists of many ports. */
import { readRunning } from '../../apps/cli/dist/lab/index.js';
import { cpuMs, crowd as plainCrowd, median, quantile } from './report.mjs';

const CLIENTS = 8;
const WARM_UP = 60;
const FREE = 1600;
const ASSOCIATED = 600;
const PORTS = 1000;
const LISTS = 30;
const BULK = 200;

/** Whose CPU time is told, and the lab's units that spend it. */
const PROGRAMS = { API: ['api'], PostgreSQL: ['postgres'], 'L3 agent': ['l3-agent-net1'] };
const pidOf = (lab, unit) => readRunning(lab.spec.stateDir, unit)?.pid ?? 0;

export async function ratesBench(lab) {
  const api = lab.api(CLIENTS);
  const spent = () =>
    Object.entries(PROGRAMS).map(([name, units]) => [name, cpuMs(...units.map((unit) => pidOf(lab, unit)))]);
  /** With the CPU time that each program of the lab spent a request: that says more than the clock on a machine that others use. */
  const crowd = async (count, clients, work) => {
    const before = Object.fromEntries(spent());
    const timed = await plainCrowd(count, clients, work);
    const cpu = spent().map(([name, ms]) => `${name} ${((ms - before[name]) / count).toFixed(1)}`);
    return { ...timed, cpu: `CPU ms each: ${cpu.join(', ')}` };
  };
  try {
    const { outside, tenant, ports } = await makeGround(api);
    // Lists first: the agents still work on the last floating IPs when they have been made.
    const list = async (query) => {
      const bodies = [];
      const timed = await crowd(LISTS, 1, async () => bodies.push((await api.get(`/v2.0/ports?${query}`)).text));
      for (const body of bodies) {
        const found = JSON.parse(body).ports.length;
        if (found !== PORTS) throw new Error(`listed ${found} ports, not ${PORTS}`);
      }
      return timed;
    };
    const lists = await list(`network_id=${tenant.id}`);
    const pages = await list(`limit=${PORTS}`);
    const post = (attributes) => api.create('floatingip', { floating_network_id: outside.id, ...attributes });
    await crowd(WARM_UP, CLIENTS, () => post({}));
    const free = await crowd(FREE, CLIENTS, () => post({}));
    const associated = await crowd(ASSOCIATED, CLIENTS, (index) => post({ port_id: ports[index].id }));
    return [
      rate('POST floatingips, free', free, 200),
      rate('POST floatingips, associated', associated, 200),
      times(`GET ${PORTS} ports of a network`, lists, 30),
      times(`GET ${PORTS} ports, limit=${PORTS}`, pages, 30),
    ];
  } finally {
    api.close();
  }
}

/** An outside network of many addresses, a tenant network with a router to it, and ports. */
async function makeGround(api) {
  const outside = await api.create('network', {
    name: 'bench-outside',
    'provider:network_type': 'vlan',
    'provider:physical_network': 'physnet1',
    'provider:segmentation_id': 200,
    'router:external': true,
  });
  await api.create('subnet', { network_id: outside.id, ip_version: 4, cidr: '10.128.0.0/16', enable_dhcp: false });
  const tenant = await api.create('network', { name: 'bench-inside' });
  const subnet = await api.create('subnet', { network_id: tenant.id, ip_version: 4, cidr: '10.129.0.0/16' });
  const router = await api.create('router', { external_gateway_info: { network_id: outside.id } });
  await api.put(`/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
  const ports = [];
  // One of the 1,000 is the router's.
  for (let rest = PORTS - 1; rest > 0; rest -= BULK)
    ports.push(
      ...(await api.createMany(
        'port',
        Array.from({ length: Math.min(BULK, rest) }, () => ({ network_id: tenant.id })),
      )),
    );
  return { outside, tenant, ports };
}

const rate = (name, { ms, totalMs, cpu }, atLeast) => ({
  name: `${name}, ${CLIENTS} clients`,
  value: ms.length / (totalMs / 1000),
  unit: '/s',
  target: { atLeast },
  detail: `${ms.length} requests, p50 ${median(ms).toFixed(1)} ms, p99 ${quantile(ms, 0.99).toFixed(1)} ms; ${cpu}`,
});

const times = (name, { ms, cpu }, atMost) => ({
  name: `${name}, median`,
  value: median(ms),
  unit: 'ms',
  target: { atMost },
  detail: `${ms.length} requests, p99 ${quantile(ms, 0.99).toFixed(1)} ms; ${cpu}`,
});
