/**
 * What security groups cost a node, beside what was measured of the reference for the same set of groups: flows and CPU for a rule, many ports with many members, a rule on the wire, a restart with nothing changed, packets through the firewall.
 *
 * The agent's core runs with its real driver on switches of its own (userspace datapath), in this process; only for restarts, its own and the switch's, it is a
 * process of its own (firewall-child.mjs). The feed is not part of it: the view is changed directly. Local ports are internal ports, as in the reference's run.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { run } from '@plumbline/exec';
import { Instance, Prober, RealSwitch } from '@plumbline/ovs-driver/testing';
import { addBridge, addPort } from '@plumbline/ovsdb';
import { CONFIG, Groups, keyOfPort } from './firewall-groups.mjs';
import { median, projectDir } from './report.mjs';

const MEMBERS = [0, 50, 200, 550];
const RULES = 20;
const WIRE_RULES = 15;
/** Of the reference with its own OpenFlow firewall, by remote members: flows of the set, and the agent's CPU for a rule (mean of runs without and with a remote group). */
const REFERENCE = {
  0: { flows: 1480, ruleMs: 1145 },
  50: { flows: 1680, ruleMs: 1353 },
  200: { flows: 2280, ruleMs: 1623 },
  550: { flows: 3680, ruleMs: 1560 },
};
const PACKETS_MS = 4000;
const SWITCH_KILLS = 3;
const [ALLOWED, FORBIDDEN] = [123, 9_999];

export async function firewallBench() {
  return [
    ...(await countRows()),
    ...(await manyRows()),
    ...(await wireRows()),
    ...(await restartRows()),
    ...(await switchRows()),
    ...(await packetRows()),
  ];
}

const converge = async (real, groups, touched = 'all') => {
  const result = await real.converger.converge(groups.view, { touched, mayRemove: true });
  if (result.failed.length > 0) throw new Error(`failed: ${JSON.stringify(result.failed.slice(0, 3))}`);
  return result;
};
const flowsOn = async (real) => (await real.dump('br-int')).length;
const switchPid = (real) => Number(readFileSync(path.join(real.ovs.dir, 'ovs-vswitchd.pid'), 'utf8'));

async function started(groups) {
  const real = await RealSwitch.start(CONFIG);
  await real.mirror.commit(addBridge({ name: 'br-ex', bridge: { datapath_type: 'netdev' } }));
  await converge(real, groups.withoutPorts());
  const empty = await flowsOn(real);
  return { real, empty };
}

const internal = (n) => ({
  ...{ bridge: 'br-int', name: `int${n}` },
  interface: { type: 'internal', external_ids: { 'iface-id': keyOfPort(n).split('/')[1] } },
});
const plugInternal = (real, ports) => real.mirror.commit(ports.flatMap((n) => addPort(internal(n))));

/** CPU of this process, and of its helper with the commands it ran: what the agent's would be. */
const agentMs = () => {
  const { user, system } = process.cpuUsage();
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' ');
  return (user + system) / 1000 + children.filter(Boolean).reduce((sum, pid) => sum + ticksMs(pid), 0);
};
/** Of a process and its children that ended. */
const ticksMs = (pid) =>
  readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
    .slice(11, 15)
    .reduce((sum, ticks) => sum + Number(ticks) * 10, 0);

/** CPU for a rule that comes or goes, of the agent and of the switch; medians of blocks. */
async function ruleCost(real, groups, more) {
  const spent = () => [agentMs(), ticksMs(switchPid(real))];
  const blocks = [];
  for (let block = 0; block <= 3; block += 1) {
    const before = spent();
    for (let n = 0; n < RULES; n += 1) {
      const rule = groups.rule({ protocol: 'tcp', portRangeMin: 20_000 + n, portRangeMax: 20_000 + n, ...more });
      await converge(real, groups, new Set([rule]));
      groups.builder.remove(rule);
      await converge(real, groups, new Set([rule]));
    }
    // In the first the code is compiled.
    if (block > 0) blocks.push(spent().map((ms, at) => (ms - before[at]) / (2 * RULES)));
  }
  return [0, 1].map((at) => median(blocks.map((block) => block[at])));
}

async function countRows() {
  const rows = [];
  for (const members of MEMBERS) {
    const groups = new Groups({ groups: 1, ports: 20, members });
    const { real, empty } = await started(groups);
    try {
      await plugInternal(real, groups.ports);
      await converge(real, groups);
      const flows = (await flowsOn(real)) - empty;
      const { flows: theirs, ruleMs } = REFERENCE[members];
      rows.push({
        name: `20 ports in a group of 10 rules, ${members} remote members: flows, to the reference's`,
        value: flows / theirs,
        unit: 'times',
        target: { atMost: 0.5 },
        detail: `${flows} and ${theirs}; ${empty} without ports`,
      });
      for (const [what, more] of [
        ['no remote', {}],
        ['a remote group', { remoteGroupId: groups.groupId(0) }],
      ]) {
        const [agent, vswitchd] = await ruleCost(real, groups, more);
        rows.push({
          name: `  a rule with ${what} that comes or goes: CPU of the agent, to the reference's`,
          value: (100 * agent) / ruleMs,
          unit: '%',
          target: { atMost: 1 },
          detail: `${agent.toFixed(1)} and ${ruleMs} ms; ovs-vswitchd ${vswitchd.toFixed(1)} ms`,
        });
      }
    } finally {
      await real.stop();
    }
  }
  return rows;
}

async function manyRows() {
  const groups = new Groups({ groups: 5, ports: 500, members: 5_000 });
  const { real, empty } = await started(groups);
  try {
    await plugInternal(real, groups.ports);
    const before = agentMs();
    await converge(real, groups);
    const first = agentMs() - before;
    const flows = (await flowsOn(real)) - empty;
    // As the reference's: 70 for each local port, 4 for each member.
    const theirs = 70 * 500 + 4 * 5_500;
    const [agent, vswitchd] = await ruleCost(real, groups, { remoteGroupId: groups.groupId(0) });
    const member = groups.member(0, 90_000);
    const began = agentMs();
    await converge(real, groups, new Set([member]));
    const one = agentMs() - began;
    return [
      {
        name: `500 ports in 5 groups with 5,000 members: flows, to the reference's by its line`,
        value: flows / theirs,
        unit: 'times',
        target: { atMost: 0.5 },
        detail: `${flows} and ${theirs}; ${first.toFixed(0)} ms of CPU to make them`,
      },
      {
        name: '  a rule with a remote group that comes or goes: CPU of the agent',
        value: agent,
        unit: 'ms',
        detail: `ovs-vswitchd ${vswitchd.toFixed(1)} ms; a member more ${one.toFixed(0)} ms`,
      },
    ];
  } finally {
    await real.stop();
  }
}

/** Two instances among the ports: the first asks, the second answers. */
async function instances(real, groups, work) {
  const made = [];
  try {
    for (const n of groups.ports.slice(0, 2)) {
      const { mac, address } = groups.addressOf(n);
      made.push(
        await Instance.plug(real, {
          ...{ device: `tap${n}`, mac, address: `${address}/8`, ifaceId: keyOfPort(n).split('/')[1] },
        }),
      );
    }
    await plugInternal(real, groups.ports.slice(2));
    await converge(real, groups);
    return await work(made);
  } finally {
    for (const each of made) await each.remove();
  }
}

/** From the moment the agent hears of a rule until the first packet that only it allows has been answered. */
async function wireRows() {
  const groups = new Groups({ groups: 1, ports: 201, members: 0, unsecured: 1 });
  const { real } = await started(groups);
  const probers = [];
  try {
    return await instances(real, groups, async (made) => {
      const ports = Array.from({ length: WIRE_RULES }, (_, n) => 30_000 + n);
      for (const { netns } of made) probers.push(await Prober.start(netns.name, ports));
      const { address } = groups.addressOf(groups.ports[1]);
      const ms = [];
      for (const port of ports) {
        const name = `to ${port}`;
        await probers[0].ask({ do: 'start', name, kind: 'udp', to: address, port, every: 0.002 });
        const back = async () => (await probers[0].ask({ do: 'look', name })).back;
        if ((await back()) > 0) throw new Error(`port ${port} was answered before its rule`);
        const rule = groups.rule({ protocol: 'udp', portRangeMin: port, portRangeMax: port });
        const began = performance.now();
        const done = converge(real, groups, new Set([rule]));
        while ((await back()) === 0)
          if (performance.now() - began > 10_000) throw new Error(`port ${port} was not answered in 10 s`);
        ms.push(performance.now() - began);
        await done;
        await probers[0].ask({ do: 'finish', name });
      }
      return [
        {
          name: 'a rule added to a group of 200 local ports, agent to the wire, median',
          value: median(ms),
          unit: 'ms',
          target: { atMost: 60 },
          detail: `${ms.length} rules, worst ${Math.max(...ms).toFixed(0)} ms; a packet is tried each 2 ms`,
        },
      ];
    });
  } finally {
    for (const prober of probers) await prober.stop();
    await real.stop();
  }
}

async function restartRows() {
  const of = { groups: 5, ports: 1_000, members: 5_000 };
  const groups = new Groups(of);
  const { real } = await started(groups);
  try {
    await plugInternal(real, groups.ports);
    await converge(real, groups);
    const before = real.transactions;
    const script = path.join(projectDir, 'test/bench/firewall-child.mjs');
    // As its unit starts the agent (packaging/systemd).
    const argv = [process.execPath, '--max-semi-space-size=4', script, real.ovs.remote, real.ovs.dir];
    const { stdout } = await run([...argv, JSON.stringify(of)], { timeoutMs: 120_000 });
    const { applied, drift, ms, rssMb } = JSON.parse(stdout);
    return [
      {
        name: 'a restart with nothing changed, 1,000 ports in 5 groups: mutations',
        value: applied + drift + (real.transactions - before),
        unit: '',
        target: { atMost: 0 },
      },
      { name: '  start of the process until all was looked at', value: ms, unit: 'ms', target: { atMost: 3000 } },
      {
        name: '  its memory, with all the code of the agent',
        value: rssMb,
        unit: 'MB',
        target: { atMost: 140 },
        detail: 'ten seconds later; with its helper, without the connection to the broker',
      },
    ];
  } finally {
    await real.stop();
  }
}

/** As taps of instances are: devices that are there while the switch is not. */
async function plugDevices(real, ports) {
  // Both ends are here: two thousand neighbours that announce themselves are not what is measured.
  const { netns } = real.ovs;
  await real.runner.writeSysctls({ 'net/ipv6/conf/default/disable_ipv6': '1' }, { netns });
  const batch = (lines) =>
    run(['ip', '-n', netns, '-batch', '-'], { stdin: `${lines.join('\n')}\n`, timeoutMs: 120_000 });
  await batch(ports.map((n) => `link add int${n} up type veth peer name far${n}`));
  await batch(ports.map((n) => `link set far${n} up`));
  const device = ({ interface: { external_ids }, ...port }) => ({ ...port, interface: { external_ids } });
  await real.mirror.commit(
    ports.flatMap((n) => addPort(device(internal(n)))),
    { timeoutMs: 120_000 },
  );
}

const holds = async (what, condition) => {
  for (const end = performance.now() + 120_000; !(await condition());) {
    if (performance.now() > end) throw new Error(`in 120 s not seen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

/** The switch is killed under an agent that looks on: from the moment it has attached all its ports until what is allowed is answered; and nothing else ever is. */
async function switchRows() {
  const of = { groups: 5, ports: 1_000, members: 5_000 };
  const groups = new Groups(of);
  const { real } = await started(groups);
  const undo = [() => real.stop()];
  try {
    await plugDevices(real, groups.ports.slice(2));
    // Before the namespaces of instances go: without the switch they go at once.
    undo.push(() => real.ovs.stopSwitch(true));
    const probers = [];
    for (const n of groups.ports.slice(0, 2)) {
      const { mac, address } = groups.addressOf(n);
      const ifaceId = keyOfPort(n).split('/')[1];
      const instance = await Instance.plug(real, { device: `tap${n}`, mac, address: `${address}/8`, ifaceId });
      undo.splice(1, 0, () => instance.remove());
      const prober = await Prober.start(instance.netns.name, [ALLOWED, FORBIDDEN]);
      undo.push(() => prober.stop());
      probers.push(prober);
    }
    await converge(real, groups);
    const script = path.join(projectDir, 'test/bench/firewall-child.mjs');
    const argv = ['--max-semi-space-size=4', script, real.ovs.remote, real.ovs.dir, JSON.stringify(of), 'stay'];
    const agent = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => agent.once('exit', resolve));
    undo.push(() => (agent.kill('SIGKILL'), ended));
    const { done } = await createInterface({ input: agent.stdout })[Symbol.asyncIterator]().next();
    if (done) throw new Error('the agent has ended');

    const { address: to } = groups.addressOf(groups.ports[1]);
    const start = (name, port) => probers[0].ask({ do: 'start', name, kind: 'udp', to, port, every: 0.01 });
    const back = async (name) => (await probers[0].ask({ do: 'look', name })).back;
    await start('allowed', ALLOWED);
    await start('forbidden', FORBIDDEN);
    await holds('the allowed packets', async () => (await back('allowed')) > 5);
    const attach = [];
    const beyond = [];
    for (let n = 0; n < SWITCH_KILLS; n += 1) {
      const pid = switchPid(real);
      await real.ovs.stopSwitch(true);
      await holds('the end of the switch', () => !existsSync(`/proc/${pid}`));
      const before = await back('allowed');
      const began = performance.now();
      await real.ovs.startSwitch();
      const attached = performance.now();
      await holds('the allowed packets', async () => (await back('allowed')) > before);
      attach.push((attached - began) / 1000);
      beyond.push((performance.now() - attached) / 1000);
    }
    const { sent, back: passed } = await probers[0].ask({ do: 'finish', name: 'forbidden' });
    const each = (seconds) => seconds.map((s) => s.toFixed(1)).join(', ');
    return [
      {
        name: 'the switch killed among 1,000 ports: back on the wire, beyond its own re-attach, worst',
        value: Math.max(...beyond),
        unit: 's',
        target: { atMost: 2 },
        detail: `${each(beyond)} s; it attached its ports in ${each(attach)} s`,
      },
      {
        name: '  packets answered that a rule forbids',
        value: passed,
        unit: '',
        target: { atMost: 0 },
        detail: `of ${sent}`,
      },
    ];
  } finally {
    for (const each of undo.reverse()) await each();
  }
}

/** Sends datagrams without end, in two processes: one does not fill the switch. */
const FLOOD = `
import os, socket, sys
os.fork()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((sys.argv[1], 9))
print('ready', flush=True)
while True:
    try: s.send(b'x' * 64)
    except OSError: pass
`;

async function packetRows() {
  const measured = {};
  for (const secured of [true, false]) {
    const groups = new Groups({ groups: 1, ports: 2, members: 0, unsecured: secured ? 0 : 2 });
    const { real } = await started(groups);
    try {
      measured[secured] = await instances(real, groups, ([from, to]) =>
        flood(real, from, to, groups.addressOf(groups.ports[1]).address),
      );
    } finally {
      await real.stop();
    }
  }
  const { true: through, false: beside } = measured;
  return [
    {
      name: 'packets/s through the firewall, to those of ports without port security',
      value: through.rate / beside.rate,
      unit: 'times',
      target: { atLeast: 0.6 },
      detail: `${through.rate.toFixed(0)} and ${beside.rate.toFixed(0)}/s; a second of ovs-vswitchd's CPU forwards ${through.perCpu.toFixed(0)} and ${beside.perCpu.toFixed(0)}`,
    },
  ];
}

async function flood(real, from, to, address) {
  // Without a listener each datagram is answered by ICMP.
  const sink = spawn('ip', ['netns', 'exec', to.netns.name, 'python3', '-c', SINK], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const source = spawn('ip', ['netns', 'exec', from.netns.name, 'python3', '-c', FLOOD, address], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  try {
    for (const { stdout } of [sink, source]) await createInterface({ input: stdout })[Symbol.asyncIterator]().next();
    const count = async () =>
      JSON.parse((await to.exec(['ip', '-json', '-stats', 'link', 'show', 'eth0'])).stdout)[0].stats64.rx.packets;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const [packets, cpu, began] = [await count(), ticksMs(switchPid(real)), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, PACKETS_MS));
    const got = (await count()) - packets;
    const seconds = (performance.now() - began) / 1000;
    return { rate: got / seconds, perCpu: (got * 1000) / (ticksMs(switchPid(real)) - cpu) };
  } finally {
    process.kill(-source.pid, 'SIGKILL');
    sink.kill('SIGKILL');
  }
}

const SINK = `
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 9))
print('ready', flush=True)
while True: time.sleep(60)
`;
