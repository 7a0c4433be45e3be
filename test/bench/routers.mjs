/**
 * The L3 agent of the lab's network node with 200 more routers, and with 600 floating IPs on one: what a floating IP waits for beside them and during full checks, what the
 * agent costs at rest, how it starts anew. Takes some ten minutes, so it runs only when it is named.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '@plumbline/exec';
import { readRunning } from '@plumbline/lab';
import { connections } from './connect.mjs';
import { residentMb } from './memory.mjs';
import { choice, cpuMs, crowd, median, quantile } from './report.mjs';
import { restart } from './restart.mjs';

const ROUTERS = 200;
const FLOATING = 600;
const TURNS = 40;
/** A full check of so many comes every 120 to 180 s; the rotation goes on all the time. */
const CHECKS_MS = 185_000;
const REST_MS = 120_000;
const AGENT = 'l3-agent-net1';
/** All that hear of a floating IP on that node. */
const AGENTS = [AGENT, 'ovs-agent-net1', 'dhcp-agent-net1', 'metadata-agent-net1'];
const WAIT_MS = 300_000;
/** CPU of an agent in a second in which it does no more than look around. */
const IDLE_MS = 150;

const PARTS = ['beside', 'checks', 'rest', 'restart', 'crowd'];

export async function routersBench(makeLab, parts) {
  const chosen = choice(parts, PARTS);
  const lab = await makeLab();
  const api = lab.api(4);
  const rows = [];
  try {
    const alone = chosen('beside') || chosen('crowd') ? await connections(lab, { turns: TURNS }) : null;
    if (alone) rows.push(...connected('alone', alone, { median: 45, p99: 120 }));
    if (PARTS.slice(0, 4).some(chosen)) await makeRouters(api);
    await settled(lab);
    if (chosen('beside')) {
      const beside = await connections(lab, { turns: TURNS });
      rows.push(...connected(`beside ${ROUTERS} routers`, beside), more(`beside ${ROUTERS} routers`, beside, alone));
    }
    if (chosen('checks')) {
      const during = await connections(lab, { forMs: CHECKS_MS });
      rows.push({
        name: `the worst of ${during.connect.length} while a full check was made, and the rotation went on`,
        value: Math.max(...during.connect),
        unit: 'ms',
        target: { atMost: 300 },
        detail: `median ${median(during.connect).toFixed(0)}, p99 ${quantile(during.connect, 0.99).toFixed(0)}`,
      });
    }
    if (chosen('rest')) rows.push(...(await atRest(lab)));
    if (chosen('restart')) rows.push(...(await restart(lab.spec.stateDir, AGENT, 4_000)));
    if (chosen('crowd')) {
      await makeFloatingIps(api, lab);
      await settled(lab);
      const crowded = await connections(lab, { turns: TURNS });
      const where = `with ${FLOATING} floating IPs on its router`;
      rows.push(...connected(where, crowded), more(where, crowded, alone));
    }
    return rows;
  } finally {
    api.close();
  }
}

const connected = (where, { post, connect }, target) => [
  {
    name: `POST floatingip to first TCP connect, ${where}, median`,
    value: median(connect),
    unit: 'ms',
    ...(target && { target: { atMost: target.median } }),
    detail: `${connect.length} turns; the answer to the POST ${median(post).toFixed(0)}`,
  },
  { name: '  p99', value: quantile(connect, 0.99), unit: 'ms', ...(target && { target: { atMost: target.p99 } }) },
];

const more = (where, { connect }, alone) => ({
  name: `  more than alone, ${where}`,
  value: median(connect) - median(alone.connect),
  unit: 'ms',
  target: { atMost: 15 },
});

/** What was made is announced for some seconds, and the agents hear of it. Resolves when each agent of the node has had next to nothing to do for five seconds. */
async function settled(lab) {
  const pids = AGENTS.map((name) => readRunning(lab.spec.stateDir, name).pid);
  for (let idle = 0, until = Date.now() + WAIT_MS; idle < 5 && Date.now() < until;) {
    const before = pids.map((pid) => cpuMs(pid));
    await delay(1000);
    idle = pids.every((pid, at) => cpuMs(pid) - before[at] < IDLE_MS) ? idle + 1 : 0;
  }
}

/** Routers with a gateway and an interface each, on networks of their own; resolves once all are ACTIVE. */
async function makeRouters(api) {
  const outside = await api.create('network', {
    name: 'routers-outside',
    'provider:network_type': 'vlan',
    'provider:physical_network': 'physnet1',
    'provider:segmentation_id': 201,
    'router:external': true,
  });
  await api.create('subnet', { network_id: outside.id, ip_version: 4, cidr: '10.140.0.0/16', enable_dhcp: false });
  await crowd(ROUTERS, 4, async (n) => {
    const network = await api.create('network', { name: `routers-${n}` });
    // Without DHCP: what a node's DHCP servers cost is another figure.
    const net = { network_id: network.id, ip_version: 4, cidr: `10.141.${n}.0/24`, enable_dhcp: false };
    const subnet = await api.create('subnet', net);
    const router = await api.create('router', { external_gateway_info: { network_id: outside.id } });
    await api.put(`/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
  });
  for (const until = Date.now() + WAIT_MS; ; await delay(1000)) {
    const waiting = (await api.list('routers', 'fields=status')).filter(({ status }) => status !== 'ACTIVE').length;
    if (waiting === 0) return;
    if (Date.now() > until) throw new Error(`${waiting} routers are not ACTIVE after ${WAIT_MS / 1000} s`);
  }
}

/** Floating IPs of ports on the instance's network, which are all on its router. */
async function makeFloatingIps(api, lab) {
  const instance = lab.state.instances.find(({ name }) => name === 'vm2');
  const [{ network_id: inside }] = await api.list('ports', `id=${instance.portId}`);
  const [network] = await api.list('networks', 'name=public');
  // The public network's own subnet is too small for so many; a second one is on link as well, for its router and outside.
  const cidr = '10.142.0.0/16';
  await api.create('subnet', { network_id: network.id, ip_version: 4, cidr, enable_dhcp: false });
  await run([...lab.place('outside').enter, 'ip', 'route', 'add', cidr, 'dev', 'eth0']);
  const subnet = await api.create('subnet', { network_id: inside, ip_version: 4, cidr: '10.143.0.0/16' });
  const [gateway] = await api.list('ports', `network_id=${inside}&device_owner=network:router_interface`);
  await api.put(`/v2.0/routers/${gateway.device_id}/add_router_interface`, { subnet_id: subnet.id });
  await crowd(FLOATING, 8, async () => {
    const port = await api.create('port', { network_id: inside, fixed_ips: [{ subnet_id: subnet.id }] });
    await api.create('floatingip', { floating_network_id: network.id, port_id: port.id });
  });
  for (const until = Date.now() + WAIT_MS; Date.now() < until; await delay(1000)) {
    const made = await api.list('floatingips', `fields=status&router_id=${gateway.device_id}`);
    if (made.length >= FLOATING && made.every(({ status }) => status !== 'DOWN')) return;
  }
  throw new Error(`${FLOATING} floating IPs are not there after ${WAIT_MS / 1000} s`);
}

/** Full checks and rotation go on. */
async function atRest(lab) {
  const { pid } = readRunning(lab.spec.stateDir, AGENT);
  await delay(20_000);
  const before = cpuMs(pid);
  await delay(REST_MS);
  const percent = (100 * (cpuMs(pid) - before)) / REST_MS;
  const { own, helpers } = residentMb(pid);
  const detail = 'the agent, its helper and their children';
  return [
    { name: `CPU at rest with ${ROUTERS} routers`, value: percent, unit: '% of a core', target: { atMost: 2 }, detail },
    {
      name: `memory with ${ROUTERS} routers`,
      value: own + helpers,
      unit: 'MB',
      target: { atMost: 120 },
      detail: `${own.toFixed(1)} its own, ${helpers.toFixed(1)} helper`,
    },
  ];
}
