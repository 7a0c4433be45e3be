/**
 * One log, six ways to the same node: as written; every event twice; a restart of the agent between events; one reconcile at the end; each event first without
 * the right to remove; and each step failing once, some before and some after they were done. On a real namespace with its own Open vSwitch, with the code of
 * both agents; the results are compared in canonical form.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { converge, L3Memory } from '@plumbline/l3-core';
import { forwardings, life, type Story } from '@plumbline/l3-core/testing';
import { NodeL3Driver } from '@plumbline/l3-driver';
import { makeNode, type ScratchNode } from '@plumbline/l3-driver/testing';
import { OvsConverger, type OvsNodeConfig } from '@plumbline/ovs-core';
import { SwitchDriver } from '@plumbline/ovs-driver';
import { canonicalState } from '@plumbline/ovs-driver/testing';
import type { HostView } from '@plumbline/topology';
import { effort } from '../../tools/jest/effort.mjs';
import { routersDump } from './testing/node-dump.js';

const config: OvsNodeConfig = { bridgeMappings: { physnet1: 'br-ex' }, tunnelIp: '192.0.2.1', datapathType: 'netdev' };
type Options = Parameters<OvsConverger['converge']>[1] & { unverified: boolean };
const everything: Options = { touched: 'all', mayRemove: true, unverified: false };

/** Positions of a story that a way stops at: each `stride`th, up to the last. A longer run stops at more (npm run test:long). */
function stops({ log }: Story, stride: number): number[] {
  const step = Math.ceil(stride / effort);
  return log.filter((_event, n) => (log.length - 1 - n) % step === 0).map(({ position }) => position);
}

/** A driver in which each step fails the first time; every second one fails after it was done. */
function stumbling<S, D extends { apply(step: S): Promise<void> }>(driver: D, failed: Set<string>): D {
  const apply = async (step: S): Promise<void> => {
    const name = JSON.stringify(step);
    const first = !failed.has(name);
    if (first) failed.add(name);
    if (first && failed.size % 2 === 0) throw new Error('failed before it was done');
    await driver.apply(step);
    if (first) throw new Error('failed after it was done');
  };
  return new Proxy(driver, {
    get: (target, key) => {
      const member: unknown = key === 'apply' ? apply : Reflect.get(target, key, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

/** Both agents of one real node. */
class RealNode {
  private l3!: NodeL3Driver;
  private memory!: L3Memory;
  private switchDriver: SwitchDriver | null = null;
  private ovs!: OvsConverger;

  private constructor(readonly node: ScratchNode) {
    this.restart();
  }
  static async make(): Promise<RealNode> {
    const node = await makeNode();
    const vsctl = ['ovs-vsctl', `--db=${node.ovs.remote}`, 'add-br', 'br-ex', '--', 'set', 'bridge', 'br-ex'];
    await node.ovs.tool([...vsctl, 'datapath_type=netdev']);
    return new RealNode(node);
  }

  /** Drivers and cores without memory, as after a restart of both agents. */
  restart(): void {
    this.switchDriver?.close();
    this.switchDriver = new SwitchDriver(this.node.mirror, this.node.spawner, {
      runDir: this.node.ovs.dir,
      watch: false,
    });
    this.ovs = new OvsConverger(this.switchDriver, () => config);
    this.l3 = this.node.driver();
    this.memory = new L3Memory();
  }

  /** Converges again and again, each step failing the first time, until nothing fails. */
  async makeStumbling(view: HostView, failed: Set<string>): Promise<void> {
    for (let round = 1; ; round += 1) {
      this.restart();
      const ovs = new OvsConverger(stumbling(this.switchDriver!, failed), () => config);
      const results = [
        await ovs.converge(view, everything),
        await converge(view, stumbling(this.l3, failed), everything, this.memory),
        await ovs.converge(view, everything),
      ];
      const open = results.flatMap((result) => result.failed);
      if (open.length === 0) return;
      if (round > 40) throw new Error(`still failing: ${JSON.stringify(open)}`);
    }
  }

  async make(view: HostView, options: Options): Promise<number> {
    const results = [
      await this.ovs.converge(view, options),
      await converge(view, this.l3, options, this.memory),
      await this.ovs.converge(view, { ...options, touched: 'all' }),
    ];
    expect(results.flatMap(({ failed }) => failed)).toEqual([]);
    return results.reduce((sum, { applied }) => sum + applied, 0);
  }

  event(of: Story, position: number, mayRemove = true): Promise<number> {
    return this.make(of.view(position), { touched: of.touched(position), mayRemove, unverified: false });
  }

  async canonical(): Promise<string> {
    const { node } = this;
    const lines = await routersDump(node.spawner);
    const flows = new Map<string, string[]>();
    for (const { name } of node.mirror.bridges()) {
      const socket = `unix:${node.ovs.dir}/${name}.mgmt`;
      const dump = await node.ovs.tool([
        'ovs-ofctl',
        '-O',
        'OpenFlow14',
        '--no-stats',
        '--names',
        'dump-flows',
        socket,
      ]);
      flows.set(name, dump.stdout.split('\n').filter((line) => line.startsWith(' ')).sort()); // prettier-ignore
    }
    return [...lines, canonicalState(node.mirror, (bridge) => flows.get(bridge) ?? [])].join('\n');
  }

  async remove(): Promise<void> {
    this.switchDriver?.close();
    await this.node.remove();
  }
}

describe.each([
  ['a life', life()],
  ['forwardings', forwardings()],
])('six ways to one real node: %s', (name, story) => {
  const made: RealNode[] = [];
  const newNode = async (): Promise<RealNode> => {
    const node = await RealNode.make();
    made.push(node);
    return node;
  };
  let wanted: string;

  beforeAll(async () => {
    const node = await newNode();
    await node.make(story.view(), everything);
    wanted = await node.canonical();
    if (name === 'forwardings') expect(wanted).toContain('neutron-l3-agent-gw-pf');
    for (const part of ['qrouter-', 'neutron-l3-agent-float-snat', 'bridge br-int', 'int-br-ex', 'dl_vlan'])
      expect(wanted).toContain(part);
  }, 30_000);
  afterAll(async () => {
    for (const node of made) await node.remove();
  });

  test('as written; a second converge changes nothing', async () => {
    const node = await newNode();
    for (const { position } of story.log) await node.event(story, position);
    expect(await node.canonical()).toBe(wanted);
    node.restart();
    expect(await node.make(story.view(), everything)).toBe(0);
    expect(await node.canonical()).toBe(wanted);
  });

  test('every event twice', async () => {
    const node = await newNode();
    for (const { position } of story.log) {
      await node.event(story, position);
      expect(await node.event(story, position)).toBe(0);
    }
    expect(await node.canonical()).toBe(wanted);
  });

  test('restarts between events', async () => {
    const node = await newNode();
    for (const position of stops(story, 2)) {
      node.restart();
      await node.make(story.view(position), everything);
    }
    expect(await node.canonical()).toBe(wanted);
  });

  test('one converge at the end, of a node that was in an old state', async () => {
    const node = await newNode();
    await node.make(story.view(Math.floor(story.log.length / 2)), everything);
    await node.make(story.view(), everything);
    expect(await node.canonical()).toBe(wanted);
  });

  test('each step failing once', async () => {
    const node = await newNode();
    const failed = new Set<string>();
    for (const position of stops(story, 4)) await node.makeStumbling(story.view(position), failed);
    expect(failed.size).toBeGreaterThan(story.log.length);
    expect(await node.canonical()).toBe(wanted);
    node.restart();
    expect(await node.make(story.view(), everything)).toBe(0);
  });

  test('every event first without the right to remove', async () => {
    const node = await newNode();
    for (const { position } of story.log) {
      await node.event(story, position, false);
      await node.event(story, position);
    }
    expect(await node.canonical()).toBe(wanted);
  });
});
