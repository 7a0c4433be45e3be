/**
 * A node for one run and a host beside it, each in namespaces that a keeper process holds open: they neither see nor touch the machine.
 *
 *     prober ── out0 ═══ eth1 (plugged into br-ex, which is the operator's) ── node
 *            └─ in<vlan> ═══ plug<vlan> (one for each tenant network, plugged into br-int once that exists)
 *
 * The prober asks each address with a TCP connect to a closed port: the refusal comes from the router itself.
 */
import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '@plumbline/exec';
import { startOvs } from '@plumbline/ovsdb/testing';
import { projectDir } from './report.mjs';

const answerTimeoutMs = 30_000;

/** Namespaces for network and mounts with /run/netns of their own. */
async function keeper() {
  const prepare = 'mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up && exec sleep infinity';
  const child = spawn('unshare', ['--net', '--mount', '--propagation', 'private', '--', 'sh', '-c', prepare], {
    stdio: 'ignore',
  });
  for (const until = Date.now() + 5000; Date.now() < until; await delay(5)) {
    if (child.exitCode !== null) break;
    if (/\/sleep$/.test(readlink(`/proc/${child.pid}/exe`)))
      return { child, pid: child.pid, enter: ['nsenter', '--target', String(child.pid), '--mount', '--net', '--'] };
  }
  throw new Error('unshare(1) made no namespaces: this kernel or container does not allow it');
}

function readlink(file) {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}

const end = async (child) => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
};

const batch = (place, lines) => run([...place.enter, 'ip', '-batch', '-'], { stdin: `${lines.join('\n')}\n` });

export async function makeScratchNode({ outside, inside }) {
  const made = [];
  const remove = async () => {
    for (const undo of made.reverse()) await undo();
  };
  try {
    const node = await keeper();
    made.push(() => end(node.child));
    const prober = await keeper();
    made.push(() => end(prober.child));
    const tenants = inside.map(({ address, localVlanId }) => ({
      device: `in${localVlanId}`,
      plug: `plug${localVlanId}`,
      address: `${address.replace(/\.\d+$/, '.250')}/24`,
      localVlanId,
    }));
    const wires = [['eth1', 'out0'], ...tenants.map(({ plug, device }) => [plug, device])];
    await batch(
      node,
      wires.map(([here, there]) => `link add ${here} up type veth peer name ${there} netns ${prober.pid}`),
    );
    await batch(prober, [
      'address add 100.64.0.1/16 dev out0',
      ...tenants.map(({ device, address }) => `address add ${address} dev ${device}`),
      ...wires.map(([, device]) => `link set ${device} up`),
    ]);
    // The userspace datapath sends packets as it reads them: a checksum that the device should compute would stay missing.
    const checksums =
      'for d in $(ls /proc/sys/net/ipv4/conf | grep -E "^(eth1|out0|in|plug)"); do ethtool -K $d tx off; done';
    for (const place of [node, prober]) await run([...place.enter, 'sh', '-c', checksums]);
    // An address that is not there yet is asked for again after 50 ms, not after a second.
    const hurry = 'for f in /proc/sys/net/ipv4/neigh/*/retrans_time_ms; do echo 50 > $f; done';
    await run([...prober.enter, 'sh', '-c', hurry]);
    const ovs = await startOvs({ netns: `/proc/${node.pid}/ns/net` });
    made.push(() => ovs.stop());
    // The operator's bridge with its uplink, which the agents adopt.
    const vsctl = ['ovs-vsctl', `--db=${ovs.remote}`];
    const netdev = ['set', 'bridge', 'br-ex', 'datapath_type=netdev'];
    await ovs.tool([...vsctl, 'add-br', 'br-ex', '--', ...netdev, '--', 'add-port', 'br-ex', 'eth1']);
    made.push(() => emptyNode(node));
    const probe = startProbe(prober.enter);
    made.push(probe.close);
    await probe.ready;
    return {
      enter: node.enter,
      ovs,
      remove,
      /** Milliseconds until all gateways have answered; the plugging of the prober's own ports is not counted. */
      async answered() {
        const plugs = tenants.flatMap(({ plug, localVlanId }) => [
          '--',
          'add-port',
          'br-int',
          plug,
          `tag=${localVlanId}`,
        ]);
        if (plugs.length > 0) await ovs.tool([...vsctl, ...plugs]);
        return probe.ask([...outside, ...inside.map(({ address }) => address)], {
          port: 9,
          timeoutMs: answerTimeoutMs,
        });
      },
      census: () => census(node, ovs),
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The kernel removes namespaces and links some time later; the next run waits for that. */
async function emptyNode(node) {
  await run([...node.enter, 'sh', '-c', 'ip -all netns delete']);
  const veths = async () => (await run([...node.enter, 'ip', '-o', 'link', 'show', 'type', 'veth'])).stdout;
  for (const until = Date.now() + 30_000; Date.now() < until && / tap/.test(await veths());) await delay(50);
}

/** The prober in the namespace that `enter` enters. `ask` resolves with milliseconds; probe.mjs says what it takes. */
export function startProbe(enter) {
  const script = path.join(projectDir, 'test/bench/probe.mjs');
  const [file, ...rest] = [...enter, process.execPath, script];
  const child = spawn(file, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the prober ended');
    return JSON.parse(value);
  };
  return {
    ready: line(),
    async ask(addresses, request) {
      const start = performance.now();
      child.stdin.write(`${JSON.stringify({ addresses, ...request })}\n`);
      const { missing } = await line();
      if (missing.length > 0)
        throw new Error(`${missing.join(' ')}: not within ${request.timeoutMs / 1000} s (${JSON.stringify(request)})`);
      return performance.now() - start;
    },
    close: () => end(child),
  };
}

/** What is on the node, counted on the node. */
async function census(node, ovs) {
  const inside = async (command) => Number((await run([...node.enter, 'bash', '-c', command])).stdout.trim());
  const eachNetns = (command) =>
    inside(`for n in $(ls /run/netns); do nsenter --net=/run/netns/$n ${command}; done | wc -l`);
  const flows = await Promise.all(
    ['br-int', 'br-ex', 'br-tun'].map(async (bridge) =>
      ovs.tool(['ovs-ofctl', '-O', 'OpenFlow13', 'dump-flows', `unix:${ovs.dir}/${bridge}.mgmt`]).then(
        ({ stdout }) => stdout.match(/actions=/g)?.length ?? 0,
        () => 0,
      ),
    ),
  );
  const ports = (await ovs.tool(['ovs-vsctl', `--db=${ovs.remote}`, '--bare', '--columns=name', 'list', 'port']))
    .stdout;
  return {
    namespaces: await inside('ls /run/netns | wc -l'),
    'veth pairs': await inside('ip -o link show type veth | grep -c " tap"'),
    'OVS ports': ports.match(/^tap/gm)?.length ?? 0,
    addresses: await eachNetns('ip -4 -o address show scope global'),
    routes: await eachNetns('ip -4 -o route show proto 201'),
    rules: await eachNetns(`sh -c 'iptables-save; ip6tables-save' | grep ^-A`),
    chains: await eachNetns(`sh -c 'iptables-save; ip6tables-save' | grep ^:neutron`),
    flows: flows.reduce((a, b) => a + b, 0),
  };
}
