/**
 * Agents of a network node go and come back while packets pass a router, and the node itself loses everything. The agents are processes, as they are installed. Ended by
 * SIGTERM or SIGKILL, between any two changes, they lose no packet and change nothing when they are back. After a reboot (namespaces, the switch's database and all
 * connections are gone) the node is what it was, with the control plane up and down. `--long`: fifty restarts, a hundred reboots.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '@plumbline/exec';
import { crowd } from '@plumbline/l3-core/testing';
import { netnsOf } from '@plumbline/l3-core';
import { type FlowCount, Prober, RealSwitch } from '@plumbline/ovs-driver/testing';
import { idOf, nodeRegistered } from '@plumbline/topology/testing';
import { effort, times } from '../../tools/jest/effort.mjs';
import { AgentProcess } from './testing/agent-process.js';
import { routersDump } from './testing/node-dump.js';
import { until } from './testing/switch-agent.js';

const [HOST, ROUTERS, FLOATING] = ['net1', 5, 2];
/** Agents ended by SIGTERM and SIGKILL, in turns. */
const RESTARTS = times(5);
/** With the control plane up and down, in turns. */
const REBOOTS = effort > 1 ? times(10) : 5;
/** A floating IP is made within this time, so an agent that ends at moments of it ends before, while and after it writes. */
const UNDER_WAY_MS = 60;
/** Many times what two agents need to make the node anew. */
const REBOOT_MS = 60_000;
const PORT = 7000;
/** Nobody is at the other end of a tunnel. */
const TUNNEL_IP = '192.0.2.10';
/** Addresses as `crowd` gives them: outside and inside of the first router's first floating IP. */
const [FLOATING_ADDRESS, INSTANCE] = ['100.64.101.1', '10.0.1.11'];
/** One that comes and goes. */
const MORE = { head: '7f', address: '100.64.200.1', inside: '10.0.1.12' };

describe(`a network node with ${ROUTERS} routers`, () => {
  const story = crowd(ROUTERS, FLOATING).floatingIp(MORE.head, 'eee', MORE.address);
  const settings = {
    ...{ PLUMB_BRIDGE_MAPPINGS: 'physnet1:br-ex', PLUMB_DATAPATH_TYPE: 'netdev', PLUMB_FIREWALL: 'none' },
    ...{ PLUMB_METADATA: 'off', PLUMB_TUNNEL_IP: TUNNEL_IP },
  };
  let node: RealSwitch;
  let agents: { ovs: AgentProcess; l3: AgentProcess };
  let prober: Prober;
  let neighbour: Prober;
  let told = 0;

  const both = (): AgentProcess[] => [agents.ovs, agents.l3];
  const tell = (): void => {
    agents.ovs.plane.commit(story.log.slice(told));
    told = story.log.length;
  };
  /** The floating IP that comes and goes. */
  let isThere = false;
  const come = (): void => {
    story.associate(MORE.head, MORE.address, MORE.inside, 'ba001', 'c001');
    isThere = true;
    tell();
  };
  const go = (): void => {
    story.disassociate(MORE.head, MORE.address, MORE.inside, 'c001');
    isThere = false;
    tell();
  };
  const vsctl = (...argv: string[]): Promise<unknown> =>
    node.ovs.tool(['ovs-vsctl', `--db=${node.ovs.remote}`, '--timeout=60', ...argv]);
  const localVlan = (): number => {
    const placed = story.view().objects.get(`placement/${idOf('a001')}`);
    return (placed?.kind === 'placement' ? placed.hosts[HOST]?.localVlanId : undefined) ?? 0;
  };

  /** A host in a namespace of its own, with a device that is for plugging. */
  async function host(name: string, address: string, gateway?: string): Promise<void> {
    const pair = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', name];
    await run(['ip', 'netns', 'add', name]);
    await run(['ip', 'link', 'add', `v-${name}`, 'up', ...pair]);
    await run(['ethtool', '-K', 'eth0', 'tx', 'off'], { netns: name });
    const inside = ['link set lo up', `address add ${address} dev eth0`, 'link set eth0 up'];
    if (gateway) inside.push(`route add default via ${gateway}`);
    await run(['ip', '-batch', '-'], { netns: name, stdin: `${inside.join('\n')}\n` });
  }
  /** What an operator and a hypervisor plug, whenever the switch has lost it. */
  async function plug(): Promise<void> {
    await vsctl('wait-until', 'Bridge', 'br-int');
    await vsctl('--may-exist', 'add-port', 'br-int', 'v-guest', `tag=${localVlan()}`);
  }
  const operatorsBridge = (): Promise<unknown> =>
    vsctl(
      ...['add-br', 'br-ex', '--', 'set', 'bridge', 'br-ex', 'datapath_type=netdev'],
      ...['--', 'add-port', 'br-ex', 'v-outside'],
    );

  const dump = async (): Promise<string[]> => [
    ...(await routersDump(node.runner)),
    ...(await node.state()).split('\n'),
  ];
  const saved = async (): Promise<string> => {
    const netns = netnsOf(idOf('c001'));
    const texts = await Promise.all(
      ['iptables-save', 'ip6tables-save'].map(async (program) => (await run([program], { netns })).stdout),
    );
    return texts
      .join('')
      .replace(/^#.*\n/gm, '')
      .replace(/\[\d+:\d+\]/g, '');
  };
  const look = (name: string) => prober.ask<FlowCount>({ do: 'look', name });
  const goesOn = async (name: string): Promise<void> => {
    const { back } = await look(name);
    await until(async () => (await look(name)).back > back + 5);
  };
  /** A packet that is under way on a busy machine is not lost: it is waited for. */
  const finish = (name: string) => prober.ask<FlowCount>({ do: 'finish', name, seconds: 20 });
  const reached = (address: string): Promise<boolean> => prober.ask({ do: 'tcp', to: address, port: PORT, seconds: 2 });

  beforeAll(async () => {
    await run(['mkdir', '-p', '/run/netns']);
    node = await RealSwitch.start(
      { bridgeMappings: { physnet1: 'br-ex' }, tunnelIp: TUNNEL_IP, datapathType: 'netdev', firewall: 'none' },
      `/proc/${process.pid}/ns/net`,
    );
    await host('outside', '100.64.0.1/16');
    await host('guest', `${INSTANCE}/24`, '10.0.1.1');
    await operatorsBridge();
    const ovs = await AgentProcess.of(HOST, node, settings);
    agents = { ovs, l3: ovs.beside('l3') };
    ovs.plane.up();
    story.add(nodeRegistered(HOST, TUNNEL_IP, { physnet1: 'br-ex' }));
    tell();
    for (const each of both()) each.start();
    await plug();
    prober = await Prober.start('outside', []);
    neighbour = await Prober.start('guest', [PORT]);
    for (const each of both()) await each.inSync();
    await until(() => reached(FLOATING_ADDRESS));
  }, 120_000);
  afterEach(() => {
    if (isThere) go();
  });
  afterAll(async () => {
    await prober?.stop();
    await neighbour?.stop();
    await agents?.l3.end('SIGKILL');
    await agents?.ovs.stop();
    await node?.stop();
  });

  it(
    'its agents end and begin anew: no packet is lost, and nothing is changed',
    async () => {
      const flows = ['udp', 'tcp'];
      for (const kind of flows)
        await prober.ask({ do: 'start', name: kind, kind, to: FLOATING_ADDRESS, port: PORT, every: 0.01 });
      for (const kind of flows) await goesOn(kind);
      const [before, rules] = [await dump(), await saved()];
      for (let n = 0; n < RESTARTS; n += 1) {
        // With a change under way, which the next one finds not begun or done, and takes back.
        come();
        await new Promise((resolve) => setTimeout(resolve, (7 * n) % UNDER_WAY_MS));
        for (const each of both()) await each.end(n % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
        await goesOn('udp');
        for (const each of both()) each.start();
        await agents.l3.inSync();
        go();
        for (const each of both()) await each.inSync();
        expect(await saved()).toBe(rules);
      }
      await goesOn('tcp');
      expect(await dump()).toEqual(before);
      const [udp, tcp] = [await finish('udp'), await finish('tcp')];
      expect([udp.sent - udp.back, tcp.sent - tcp.back]).toEqual([0, 0]);
      expect(udp.sent).toBeGreaterThan(RESTARTS * 50);
    },
    60_000 + RESTARTS * 60_000,
  );

  it(
    'it reboots: all that was there is there again, with the control plane up and down',
    async () => {
      for (const each of both()) await each.inSync();
      const before = await dump();
      const { plane } = agents.ovs;
      for (let n = 0; n < REBOOTS; n += 1) {
        const alone = n % 2 === 1;
        for (const each of both()) await each.hasSaved();
        for (const each of both()) await each.end('SIGKILL');
        if (alone) plane.down();
        await loseEverything();
        for (const each of both()) each.start();
        await plug();
        let now: string[] = [];
        await until(
          async () => JSON.stringify((now = await dump())) === JSON.stringify(before),
          () => now,
          REBOOT_MS,
        ).catch(() => expect(now).toEqual(before));
        await until(() => reached(FLOATING_ADDRESS));
        plane.up();
        for (const each of both()) await each.inSync();
        expect(await dump()).toEqual(before);
      }
    },
    60_000 + REBOOTS * 120_000,
  );

  /** As a boot leaves it: no namespace of ours, none of our processes, a switch that knows nothing, no connections; what is on the disk stays. */
  async function loseEverything(): Promise<void> {
    const { stdout } = await run(['ip', 'netns', 'list']);
    for (const line of stdout.split('\n')) {
      const name = line.split(' ')[0] ?? '';
      if (name.startsWith('qrouter-')) await run(['ip', 'netns', 'delete', name]);
    }
    await run(['conntrack', '-F']);
    await node.ovs.stopSwitch();
    await node.ovs.stopDatabase();
    rmSync(path.join(node.ovs.dir, 'conf.db'));
    await run(['ovsdb-tool', 'create', path.join(node.ovs.dir, 'conf.db'), '/usr/share/openvswitch/vswitch.ovsschema']);
    await node.ovs.startDatabase();
    await vsctl('--no-wait', 'init');
    await node.ovs.startSwitch();
    await operatorsBridge();
  }
});
