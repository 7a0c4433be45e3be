/** What the API takes and gives a second: floating IPs made by clients side by side, lists of many ports. */
import { crowd, median, quantile } from './report.mjs';

const CLIENTS = 8;
const WARM_UP = 60;
const FREE = 1600;
const ASSOCIATED = 600;
const PORTS = 1000;
const LISTS = 30;
const BULK = 200;

export async function ratesBench(lab) {
  const api = lab.api(CLIENTS);
  try {
    const { outside, tenant, ports } = await makeGround(api);
    const post = (attributes) => api.create('floatingip', { floating_network_id: outside.id, ...attributes });
    await crowd(WARM_UP, CLIENTS, () => post({}));
    const free = await crowd(FREE, CLIENTS, () => post({}));
    const associated = await crowd(ASSOCIATED, CLIENTS, (index) => post({ port_id: ports[index].id }));
    const list = (query) =>
      crowd(LISTS, 1, async () => {
        const found = (await api.get(`/v2.0/ports?${query}`)).json().ports.length;
        if (found !== PORTS) throw new Error(`listed ${found} ports, not ${PORTS}`);
      });
    const lists = await list(`network_id=${tenant.id}`);
    const pages = await list(`limit=${PORTS}`);
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

const rate = (name, { ms, totalMs }, atLeast) => ({
  name: `${name}, ${CLIENTS} clients`,
  value: ms.length / (totalMs / 1000),
  unit: '/s',
  target: { atLeast },
  detail: `${ms.length} requests, p50 ${median(ms).toFixed(1)} ms, p99 ${quantile(ms, 0.99).toFixed(1)} ms`,
});

const times = (name, { ms }, atMost) => ({
  name: `${name}, median`,
  value: median(ms),
  unit: 'ms',
  target: { atMost },
  detail: `${ms.length} requests, p99 ${quantile(ms, 0.99).toFixed(1)} ms`,
});
