/**
 * What a node with many ports costs: from a switch that has lost everything of ours to the last flow, beside the very same transactions and bundles given to the
 * switch bare; and from the plugging of one more port (its transaction is sent) until it is wired (the switch has its flows), its first packet arrives and it is
 * told to be ACTIVE. The agent's core runs with its real driver on a switch of its own (userspace datapath),
 * as in `firewall`.
 */
import { run } from '@plumbline/exec';
import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { concernedBy } from '@plumbline/ovs-driver';
import { Instance, Prober, RealSwitch } from '@plumbline/ovs-driver/testing';
import { addPort } from '@plumbline/ovsdb';
import { median } from './report.mjs';

const [NETWORKS, PORTS, WIPES, PLUGS] = [50, 500, 5, 15];
const CONFIG = { bridgeMappings: {}, tunnelIp: '192.0.2.1', datapathType: 'netdev', firewall: 'openflow' };
const [GROUP, FIRST_PORT, ECHO] = [900, 10_000, 5353];
const ALL = { touched: 'all', mayRemove: true };

const numbers = Array.from({ length: PORTS }, (_, n) => FIRST_PORT + n);
const networkOf = (n) => 1_000 + (n % NETWORKS);
const addressOf = (n) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;

function view(ports) {
  const builder = new ViewBuilder('cmp1')
    .node('cmp1', { tunnelIp: CONFIG.tunnelIp })
    .node('cmp2', { tunnelIp: '192.0.2.2' });
  builder
    .group(GROUP)
    .rule(1, GROUP, { direction: 'egress' })
    .rule(2, GROUP, { protocol: 'udp' })
    .rule(3, GROUP, { protocol: 'icmp' });
  for (let n = 0; n < NETWORKS; n += 1)
    builder.network(networkOf(n), 'vxlan').placed(networkOf(n), { cmp1: n + 1, cmp2: n + 1 });
  for (const n of ports) {
    const fixedIps = [{ subnetId: idOf(1), ipAddress: addressOf(n) }];
    builder.port(n, networkOf(n), { macAddress: macOf(n), fixedIps, securityGroupIds: [idOf(GROUP)] });
  }
  return builder.view;
}

export async function portsBench() {
  const real = await RealSwitch.start(CONFIG);
  try {
    await real.converger.converge(view([]), ALL);
    const { netns } = real.ovs;
    // Five hundred devices that announce their IPv6 addresses are not what is measured.
    await real.runner.writeSysctls({ 'net/ipv6/conf/default/disable_ipv6': '1' }, { netns });
    const plugged = numbers.flatMap((n) =>
      addPort({
        ...{ bridge: 'br-int', name: `int${n}` },
        interface: { type: 'internal', external_ids: { 'iface-id': idOf(n) } },
      }),
    );
    await real.mirror.commit(plugged, { timeoutMs: 120_000 });
    const up = numbers.map((n) => `link set int${n} up\n`).join('');
    await run(['ip', '-n', netns, '-batch', '-'], { stdin: up, timeoutMs: 120_000 });
    const isUp = ({ name, admin_state }) => !name.startsWith('int1') || admin_state === 'up';
    await real.mirror.until((mirror) => mirror.interfaces().every(isUp), { timeoutMs: 120_000 });
    return [...(await wipeRows(real)), ...(await plugRows(real))];
  } finally {
    await real.stop();
  }
}

/** Takes away all that is ours: marks, tags, mode, br-tun and what joins it, flows. The interfaces of others stay plugged in. */
async function wipe(real) {
  const vsctl = ['ovs-vsctl', `--db=${real.ovs.remote}`, '--timeout=60'];
  const ports = numbers.flatMap((n) => ['--', 'clear', 'Port', `int${n}`, 'tag', 'external_ids']);
  const bridge = ['--', 'clear', 'Bridge', 'br-int', 'fail_mode', 'external_ids'];
  await real.ovs.tool([
    ...vsctl,
    ...ports,
    ...bridge,
    '--',
    'del-br',
    'br-tun',
    '--',
    'del-port',
    'br-int',
    'patch-tun',
  ]);
  await real.ovs.tool(['ovs-ofctl', '-O', 'OpenFlow14', 'del-flows', `unix:${real.ovs.dir}/br-int.mgmt`]);
  real.restartAgent();
}

/** Everything from nothing, by an agent without memory; the steps it made. */
async function rebuilt(real, wanted) {
  const steps = [];
  const { driver } = real;
  const apply = driver.apply.bind(driver);
  // What is read back is complete; addresses are announced behind that.
  let completeAt = null;
  driver.apply = (step) => {
    if (step.op === 'announce') completeAt ??= performance.now();
    steps.push(step);
    return apply(step);
  };
  const began = performance.now();
  const { statuses, failed } = await real.converger.converge(wanted, ALL);
  const ms = (completeAt ?? performance.now()) - began;
  const active = statuses.filter(({ status }) => status === 'ACTIVE').length;
  if (failed.length > 0 || active !== PORTS)
    throw new Error(`${active} are ACTIVE; ${JSON.stringify(failed.slice(0, 3))}`);
  return { ms, steps: steps.filter(({ op }) => op !== 'announce') };
}

async function wipeRows(real) {
  const wanted = view(numbers);
  const [whole, bare] = [[], []];
  // In the first the code is compiled.
  await rebuilt(real, wanted);
  let flows = 0;
  for (let round = 0; round < WIPES; round += 1) {
    await wipe(real);
    const { ms, steps } = await rebuilt(real, wanted);
    whole.push(ms);
    flows = steps.reduce((sum, step) => sum + (step.op === 'flows' ? step.add.length : 0), 0);
    await wipe(real);
    const began = performance.now();
    for (const step of steps) await real.driver.apply(step);
    bare.push(performance.now() - began);
  }
  return [
    {
      name: `${PORTS} ports in ${NETWORKS} networks from a wiped switch, to the same transactions and bundles bare`,
      value: median(whole) / median(bare),
      unit: 'times',
      target: { atMost: 1.5 },
      detail: `${median(whole).toFixed(0)} and ${median(bare).toFixed(0)} ms, ${flows} flows; read before and read back after included`,
    },
  ];
}

/** An instance is plugged in while another one sends to it. Who plugs writes to the database, and the agent hears of it as always. */
async function plugRows(real) {
  const [client, server] = [FIRST_PORT + PORTS, FIRST_PORT + PORTS + NETWORKS];
  const wanted = view([...numbers, client, server]);
  await real.converger.converge(wanted, ALL);
  let working = Promise.resolve();
  /** When the last flows were written, and when the server was last told to be ACTIVE. */
  const last = { wired: 0, active: 0, bundle: null };
  const apply = real.driver.apply.bind(real.driver);
  real.driver.apply = async (step) => {
    await apply(step);
    if (step.op === 'flows') Object.assign(last, { wired: performance.now(), bundle: step });
  };
  let isWatched = true;
  real.driver.onNews((news) => {
    if (!isWatched) return;
    const touched = concernedBy(news, 'cmp1');
    working = working.then(async () => {
      const { statuses } = await real.converger.converge(wanted, { touched, mayRemove: true });
      if (statuses.some(({ id, status }) => id === idOf(server) && status === 'ACTIVE'))
        last.active = performance.now();
    });
  });
  const made = [];
  const probers = [];
  try {
    for (const n of [client, server]) {
      const instance = await Instance.plug(real, {
        ...{ device: `tap${n}`, mac: macOf(n), address: `${addressOf(n)}/8`, ifaceId: idOf(n) },
      });
      made.push(instance);
      probers.push(await Prober.start(instance.netns.name, [ECHO]));
      const peer = n === client ? server : client;
      await instance.exec(['ip', 'neigh', 'replace', addressOf(peer), 'lladdr', macOf(peer), 'dev', 'eth0']);
    }
    const unplug = ['ovs-vsctl', `--db=${real.ovs.remote}`, '--if-exists', 'del-port', 'br-int', `tap${server}`];
    const ms = { wired: [], packet: [], active: [], bare: [] };
    const plugIn = () => {
      const external_ids = { 'iface-id': idOf(server), 'attached-mac': macOf(server) };
      return real.mirror.commit(addPort({ bridge: 'br-int', name: `tap${server}`, interface: { external_ids } }));
    };
    /** The same, by nobody but the switch: it opens the device, and takes a bundle of as many flows. */
    const bare = async (bundle) => {
      await real.ovs.tool(unplug);
      await working;
      isWatched = false;
      const began = performance.now();
      const done = plugIn();
      const isOpen = ({ name, ofport }) => name === `tap${server}` && ofport > 0;
      await real.mirror.until((mirror) => mirror.interfaces().some(isOpen), { timeoutMs: 10_000 });
      await apply(bundle);
      const took = performance.now() - began;
      await done;
      await real.ovs.tool(unplug);
      isWatched = true;
      await real.converger.converge(wanted, ALL);
      return took;
    };
    for (let plug = 0; plug <= PLUGS; plug += 1) {
      await real.ovs.tool(unplug);
      await working;
      const name = `plug ${plug}`;
      await probers[0].ask({ do: 'start', name, kind: 'udp', to: addressOf(server), port: ECHO, every: 0.002 });
      const back = async () => (await probers[0].ask({ do: 'look', name })).back;
      if ((await back()) > 0) throw new Error('it was answered before it was plugged in');
      const began = performance.now();
      const done = plugIn();
      while ((await back()) === 0)
        if (performance.now() - began > 10_000) throw new Error('the plugged port was not answered in 10 s');
      const packet = performance.now();
      await done;
      await working;
      if (Math.min(last.wired, last.active) < began) throw new Error('it was not told to be ACTIVE');
      // In the first the code is compiled.
      const { wired, active, bundle } = last;
      if (plug > 0) for (const [what, at] of Object.entries({ wired, active, packet })) ms[what].push(at - began);
      await probers[0].ask({ do: 'finish', name });
      const alone = await bare(bundle);
      if (plug > 0) ms.bare.push(alone);
    }
    const row = (until, measured, more) => ({
      name: `one more port beside ${PORTS}, with a firewall, from the plugging until ${until}, median`,
      value: median(measured),
      unit: 'ms',
      ...more,
      detail: `${PLUGS} times, worst ${Math.max(...measured).toFixed(0)} ms`,
    });
    return [
      row('it is wired: the switch has its flows', ms.wired, { target: { atMost: 60 } }),
      {
        name: '  the same, to the plugging and a bundle of as many flows given to the switch bare',
        value: median(ms.wired) / median(ms.bare),
        unit: 'times',
        detail: `${median(ms.wired).toFixed(0)} and ${median(ms.bare).toFixed(0)} ms`,
      },
      row('its first packet arrives; one is tried each 2 ms', ms.packet),
      row('it is told to be ACTIVE', ms.active),
    ];
  } finally {
    for (const prober of probers) await prober.stop();
    for (const instance of made) await instance.remove();
  }
}
