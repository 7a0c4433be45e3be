/**
 * What it costs to serve DHCP. On a node of its own, with a real switch and real dnsmasq:
 *
 *   - a network of 20 ports and one of 2,000: from the change of the agent's view to the lease of a new port's guest (BusyBox's client), and the CPU of it
 *   - 200 networks: a new agent that finds all as it is; what an idle dnsmasq and an idle radvd take in memory
 *
 * On a lab: from the plugging of an interface to its wire, on a network without DHCP, and to its lease, on one with.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { agentsWhere, keyOf } from '@plumbline/contracts';
import { convergeDhcpView, DhcpMemory } from '@plumbline/dhcp-core';
import { guestOf, servedOf, TERMS } from '@plumbline/dhcp-core/testing';
import { DhcpNode } from '@plumbline/dhcp-driver/testing';
import { run } from '@plumbline/exec';
import {
  ApiClient,
  defaultNodes,
  down,
  labSpec,
  loginsOf,
  plugInstance,
  readLabState,
  runningPlace,
  silent,
  up,
} from '@plumbline/lab';
import { emptyView } from '@plumbline/topology';
import { benchDir, median, projectDir, quantile } from './report.mjs';

const [SMALL, LARGE, TURNS, NETWORKS, PLUGS, HOST] = [20, 2_000, 10, 200, 15, 'net1'];
const [ANSWER_MS, TIMES, BEYOND_MS] = [200, 1.5, 100];
/** proc_pid_stat(5), fields 14 and 15: 100 a second. */
const cpuMs = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
};
/** Proportional set size in MB: a page that several processes map is divided among them. */
const pssMb = (pid) => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]) / 1024;
const ALL = { touched: 'all', mayRemove: true };

/** A network as the log has it, served from this node. `number` tells its ids from those of others. */
function networkOf(number, ports, bits = 24) {
  const made = servedOf(number, [{ cidr: `10.${number % 250}.0.0/${bits}`, gatewayIp: `10.${number % 250}.0.1` }]);
  const server = { ...made.server, servesDhcp: true, binding: { host: HOST, vnicType: 'normal', profile: {} } };
  const [subnet] = made.subnets;
  const port = (n) =>
    guestOf(made, n, { fixedIps: [{ subnetId: subnet.id, ipAddress: `10.${number % 250}.${n >> 8}.${n & 255}` }] });
  return { network: made.network, subnet, server, port, ports: Array.from({ length: ports }, (_, n) => port(n + 10)) };
}

/** The agent's core with its real driver, as the agent calls it. */
function agentOn(node) {
  const view = emptyView(HOST);
  const terms = { ...TERMS, owner: node.owner, runDir: node.folder };
  let memory = new DhcpMemory();
  const converge = async (options) => {
    const done = await convergeDhcpView(view, node.driver, options, memory, terms);
    if (done.failed.length > 0) throw new Error(done.failed.map(({ reason }) => reason).join('; '));
    return done.applied;
  };
  return {
    put: (...objects) => {
      for (const each of objects) view.objects.set(keyOf(each), each);
      view.position += 1;
      return converge({ touched: new Set(objects.map(keyOf)), mayRemove: true });
    },
    remove: (...objects) => {
      for (const each of objects) view.objects.delete(keyOf(each));
      view.position += 1;
      return converge({ touched: new Set(objects.map(keyOf)), mayRemove: true });
    },
    /** Everything, by an agent that remembers nothing. */
    anew: () => {
      node.restartAgent();
      memory = new DhcpMemory();
      return converge(ALL);
    },
  };
}

export async function dhcpBench() {
  const node = await DhcpNode.make();
  try {
    return [...(await sizes(node)), ...(await many(node)), ...(await radvd(node)), ...(await leases())];
  } finally {
    await node.remove();
  }
}

async function sizes(node) {
  const rows = [];
  const medians = [];
  for (const [number, count] of [
    [1, SMALL],
    [2, LARGE],
  ]) {
    const agent = agentOn(node);
    const { network, subnet, server, port, ports } = networkOf(number, count, 16);
    await agent.put(network, subnet, server, ...ports);
    await node.node.wire(`tap${server.id.slice(0, 11)}`, number);
    const [pid] = await node.dnsmasqs();
    const [answer, converge] = [[], []];
    const helper = node.node.spawner.helperPid;
    const before = { own: process.cpuUsage(), helper: cpuMs(helper), dnsmasq: cpuMs(pid) };
    for (let turn = 0; turn < TURNS; turn += 1) {
      const fresh = port(10_000 + turn);
      const guest = await node.plug(fresh, number);
      const start = performance.now();
      await agent.put(fresh);
      converge.push(performance.now() - start);
      await guest.udhcpc();
      answer.push(performance.now() - start);
    }
    const own = process.cpuUsage(before.own);
    const cpu = {
      agent: (own.user + own.system) / 1_000 / TURNS,
      helper: (cpuMs(helper) - before.helper) / TURNS,
      dnsmasq: (cpuMs(pid) - before.dnsmasq) / TURNS,
    };
    medians.push(median(answer));
    rows.push(
      {
        name: `a port more in a network of ${count}: until its guest has a lease, median`,
        value: median(answer),
        unit: 'ms',
        target: { atMost: ANSWER_MS },
        detail: `${TURNS} turns, worst ${Math.max(...answer).toFixed(0)}; of it the converge ${median(converge).toFixed(0)}`,
      },
      {
        name: '  CPU for it: agent',
        value: cpu.agent,
        unit: 'ms',
        detail: `with plugging and this script; its helper process ${cpu.helper.toFixed(1)}`,
      },
      { name: '  CPU for it: dnsmasq', value: cpu.dnsmasq, unit: 'ms' },
    );
    await agent.remove(network, subnet, server, ...ports);
    await node.serve();
  }
  rows.push({
    name: '  times as long as in a small one',
    value: medians[1] / medians[0],
    unit: '',
    target: { atMost: TIMES },
  });
  return rows;
}

async function many(node) {
  const agent = agentOn(node);
  const networks = Array.from({ length: NETWORKS }, (_, n) => networkOf(n + 10, 5));
  const objects = networks.flatMap(({ network, subnet, server, ports }) => [network, subnet, server, ...ports]);
  const start = performance.now();
  await agent.put(...objects);
  const madeMs = performance.now() - start;
  const before = {
    own: process.cpuUsage(),
    helper: cpuMs(node.node.spawner.helperPid),
    mutations: node.node.runner.mutations,
  };
  const again = performance.now();
  const applied = await agent.anew();
  const lookMs = performance.now() - again;
  const own = process.cpuUsage(before.own);
  const sizes = (await node.dnsmasqs()).map(pssMb);
  const rows = [
    {
      name: `${NETWORKS} networks: mutations by a new agent that finds them as they are`,
      value: applied + node.node.runner.mutations - before.mutations,
      unit: '',
      target: { atMost: 0 },
      detail: `${(lookMs / 1_000).toFixed(1)} s; made in ${(madeMs / 1_000).toFixed(0)} s`,
    },
    {
      name: '  CPU for that look: agent',
      value: (own.user + own.system) / 1_000,
      unit: 'ms',
      detail: `its helper process ${cpuMs(node.node.spawner.helperPid) - before.helper}`,
    },
    {
      name: '  an idle dnsmasq, PSS, median',
      value: median(sizes),
      unit: 'MB',
      detail: `${sizes.length} of them, ${sizes.reduce((sum, each) => sum + each, 0).toFixed(0)} MB`,
    },
  ];
  await node.serve();
  return rows;
}

/** As the L3 agent starts it (libs/l3-core/src/radvd.ts), one for each of 20 interfaces. */
async function radvd(node) {
  const { spawner } = node.node;
  const pids = [];
  try {
    for (let n = 0; n < 20; n += 1) {
      const netns = `r${n}`;
      const lines = [`netns add ${netns}`, `link add o${n} up type veth peer name qr0 netns ${netns}`];
      await spawner.run(['ip', '-batch', '-'], { stdin: `${lines.join('\n')}\n` });
      await spawner.run(['ip', 'link', 'set', 'qr0', 'up'], { netns });
      await spawner.writeSysctls({ 'net/ipv6/conf/all/forwarding': '1' }, { netns });
      const config = path.join(node.folder, `radvd${n}.conf`);
      const text = `interface qr0 { AdvSendAdvert on; MinRtrAdvInterval 30; MaxRtrAdvInterval 100; prefix 2001:db8:${n}::/64 { }; };`;
      await spawner.run(['sh', '-c', 'printf %s "$0" > "$1"', text, config]);
      const argv = [
        'radvd',
        '--nodaemon',
        `--config=${config}`,
        `--pidfile=${config}.pid`,
        '--logmethod=stderr',
        '--username=radvd',
      ];
      pids.push(await spawner.startDetached(argv, { netns, logFile: `${config}.log` }));
    }
    await delay(2_000);
    const family = pids.flatMap((pid) => [pid, ...childrenOf(pid)]);
    const each = family.map(pssMb).reduce((sum, mb) => sum + mb, 0) / pids.length;
    return [
      {
        name: 'an idle radvd, PSS, mean',
        value: each,
        unit: 'MB',
        detail: `${pids.length} of them, ${family.length} processes`,
      },
    ];
  } finally {
    for (const pid of pids) for (const each of [...childrenOf(pid), pid]) process.kill(each, 'SIGKILL');
  }
}
function childrenOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** A lab in which net1 and cmp1 serve DHCP. The instance's interface is plugged when its port has been made, as a hypervisor does. */
async function leases() {
  const serving = agentsWhere(({ byDefault }) => byDefault);
  const nodes = defaultNodes.map((node) =>
    node.host === 'cmp1' ? { ...node, agents: serving, roles: ['compute', 'network'], metadata: 'builtin' } : node,
  );
  const spec = labSpec({ projectDir, name: 'benchdhcp', stateDir: path.join(benchDir, 'dhcp-lab'), nodes });
  await down(spec);
  await up(spec, silent);
  try {
    const state = readLabState(spec.stateDir);
    const client = new ApiClient(state.apiUrl, loginsOf(state)[0]);
    const send = async (method, url, body) => JSON.parse(await (await client.send(method, url, body)).text());
    const create = async (member, facts) => (await send('POST', `/v2.0/${member}s`, { [member]: facts }))[member];
    const turn = async (network, third, name) => {
      const port = await create('port', {
        ...{ network_id: network.id, name, device_owner: 'compute:nova', device_id: name },
        ...{ 'binding:host_id': 'cmp2', security_groups: [], port_security_enabled: false },
      });
      const instance = {
        ...{ name, host: 'cmp2', portId: port.id, mac: port.mac_address, ip: port.fixed_ips[0].ip_address },
        ...{ prefix: 24, gateway: `10.${third}.0.1`, mtuBytes: network.mtu },
      };
      await plugInstance(spec, state.labId, runningPlace(spec, 'cmp2'), instance);
      return { port, plugged: performance.now() };
    };
    const active = async ({ port, plugged }) => {
      while ((await send('GET', `/v2.0/ports/${port.id}?fields=status`)).port.status !== 'ACTIVE') await delay(5);
      return performance.now() - plugged;
    };
    const [plain, served] = [await create('network', { name: 'plain' }), await create('network', { name: 'served' })];
    await create('subnet', { network_id: plain.id, ip_version: 4, cidr: '10.89.0.0/24', enable_dhcp: false });
    await create('subnet', { network_id: served.id, ip_version: 4, cidr: '10.88.0.0/24' });
    const server = async () =>
      (await send('GET', `/v2.0/ports?network_id=${served.id}&device_owner=network:dhcp`)).ports[0];
    while ((await server())?.status !== 'ACTIVE') await delay(100);
    const [wired, live, leased] = [[], [], []];
    // Asked for once the port is ACTIVE: a client that asked before would wait for its next second.
    for (let n = 0; n < PLUGS; n += 1) {
      wired.push(await active(await turn(plain, 89, `p${n}`)));
      live.push(await active(await turn(served, 88, `a${n}`)));
      const made = await turn(served, 88, `l${n}`);
      const { enter } = runningPlace(spec, 'cmp2');
      const inside = [...enter, 'ip', 'netns', 'exec', `l${n}`];
      const ask = ['udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-t', '200', '-T', '1', '-s', '/bin/true'];
      await active(made);
      await run([...inside, ...ask], { timeoutMs: 60_000 });
      leased.push(performance.now() - made.plugged);
    }
    const rest = (all) => `${PLUGS} turns, p90 ${quantile(all, 0.9).toFixed(0)}, worst ${Math.max(...all).toFixed(0)}`;
    return [
      {
        name: 'plugged until wired (ACTIVE without DHCP), median',
        value: median(wired),
        unit: 'ms',
        detail: rest(wired),
      },
      { name: 'plugged until ACTIVE with DHCP, median', value: median(live), unit: 'ms', detail: rest(live) },
      {
        name: 'plugged until a lease, beyond wired, median',
        value: median(leased) - median(wired),
        unit: 'ms',
        target: { atMost: BEYOND_MS },
        detail: `with the start of the client, once the port is ACTIVE; ${rest(leased)}`,
      },
    ];
  } finally {
    await down(spec);
  }
}
