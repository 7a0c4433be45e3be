/**
 * Agent and switch go and come back while rules are in force. The agent is a process, as it is installed. Ended by SIGTERM or SIGKILL, between any two changes, it
 * loses no packet and changes nothing when it is back; a switch that is killed lets nothing through that a rule forbids, at no moment, and what is allowed passes
 * again. `--long`: more often.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PlumbEvent } from '@plumbline/contracts';
import { type FlowCount, Instance, Prober, RealSwitch } from '@plumbline/ovs-driver/testing';
import { addBridge } from '@plumbline/ovsdb';
import * as made from '@plumbline/topology/testing';
import { times } from '../../tools/jest/effort.mjs';
import { AgentProcess } from './testing/agent-process.js';
import { until } from './testing/switch-agent.js';

const { id, mac } = made;
const HOST = 'cmp1';
const [FLAT, GROUP, RULE] = [id(1), id(100), 200];
const [OPEN, CLOSED] = [7000, 7001];
/** Agents ended by SIGTERM and SIGKILL, in turns. */
const RESTARTS = times(5);
const SWITCH_RESTARTS = times(2);
/** A rule is written within this time, so an agent that ends at moments of it ends before, while and after it writes. */
const UNDER_WAY_MS = 60;

describe('while packets go through the firewall', () => {
  let agent: AgentProcess;
  let world: made.World;
  const instances: Instance[] = [];
  const probers: Prober[] = [];
  const asker = (): Prober => probers[0] as Prober;
  /** A hundred packets a second, each to be answered. */
  const start = (name: string, kind: string, port: number) =>
    asker().ask({ do: 'start', name, kind, to: '10.0.0.12', port, every: 0.01 });
  const look = (name: string) => asker().ask<FlowCount>({ do: 'look', name });
  const finish = (name: string) => asker().ask<FlowCount>({ do: 'finish', name });
  const commit = (...events: PlumbEvent[]): void =>
    agent.plane.commit(events.map((event) => world.append(event, made.metaOf(0))));
  const rule = (n: number, more: Partial<Parameters<typeof made.securityGroupRuleCreated>[0]>): PlumbEvent =>
    made.securityGroupRuleCreated({ securityGroupRuleId: id(RULE + n), securityGroupId: GROUP, ...more });
  /** More of the same flow came back. */
  const goesOn = async (name: string): Promise<void> => {
    const { back } = await look(name);
    await until(async () => (await look(name)).back > back + 5);
  };

  beforeAll(async () => {
    const config = { bridgeMappings: { physnet1: 'br-ex' }, tunnelIp: null, datapathType: 'netdev' } as const;
    const node = await RealSwitch.start({ ...config, firewall: 'openflow' });
    agent = await AgentProcess.of(HOST, node, {
      ...{ PLUMB_BRIDGE_MAPPINGS: 'physnet1:br-ex', PLUMB_DATAPATH_TYPE: 'netdev', PLUMB_FIREWALL: 'openflow' },
    });
    world = new made.World();
    await node.mirror.commit(addBridge({ name: 'br-ex', bridge: { datapath_type: 'netdev' } }));
    agent.plane.up();
    const port = (n: number, groups: string[]): PlumbEvent[] => [
      made.portCreated(
        {
          ...{ portId: id(n), networkId: FLAT, securityGroupIds: groups },
          fixedIps: [{ subnetId: id(7), ipAddress: `10.0.0.${n}` }],
        },
        n,
      ),
      made.portBound(id(n), FLAT, HOST),
    ];
    commit(made.nodeRegistered(HOST, null, { physnet1: 'br-ex' }));
    commit(
      made.networkCreated({ networkId: FLAT, networkType: 'flat', physicalNetwork: 'physnet1', segmentationId: null }),
    );
    commit(made.networkPlaced(FLAT, HOST, 5), made.securityGroupCreated({ securityGroupId: GROUP }));
    commit(
      rule(1, { direction: 'egress' }),
      rule(2, { protocol: 'udp', portRangeMin: OPEN, portRangeMax: OPEN }),
      rule(3, { protocol: 'tcp', portRangeMin: OPEN, portRangeMax: OPEN }),
    );
    commit(...port(11, [GROUP]), ...port(12, [GROUP]));
    agent.start();
    await until(() => node.mirror.bridge('br-int') !== undefined);
    for (const n of [11, 12]) {
      const options = { device: `tap${n}`, mac: mac(n), address: `10.0.0.${n}/24`, ifaceId: id(n) };
      const instance = await Instance.plug(node, options);
      instances.push(instance);
      probers.push(await Prober.start(instance.netns.name, [OPEN, CLOSED]));
    }
    await until(() => [11, 12].every((n) => agent.statuses().get(`port/${id(n)}`) === 'ACTIVE'));
  }, 120_000);
  afterAll(async () => {
    for (const prober of probers) await prober.stop();
    for (const instance of instances) await instance.remove();
    await agent.stop();
    await agent.node.stop();
  });

  it(
    'the agent ends and begins anew: no packet is lost, and nothing is changed',
    async () => {
      await agent.inSync();
      await start('udp', 'udp', OPEN);
      await start('tcp', 'tcp', OPEN);
      await start('closed', 'udp', CLOSED);
      await goesOn('udp');
      await goesOn('tcp');
      const [state, changes] = [await agent.node.state(), agent.node.transactions];
      const added: string[] = [];
      const areThere = async (): Promise<boolean> => {
        const flows = (await agent.node.dump('br-int')).join('\n');
        return added.every((flow) => flows.includes(flow));
      };
      for (let n = 0; n < RESTARTS; n += 1) {
        // With a change under way, which the next one finds not begun or done.
        const port = 9000 + n;
        commit(rule(10 + n, { protocol: 'udp', portRangeMin: port, portRangeMax: port }));
        added.push(`tp_dst=${port}`);
        await new Promise((resolve) => setTimeout(resolve, (7 * n) % UNDER_WAY_MS));
        await agent.end(n % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
        await goesOn('udp');
        agent.start();
        await agent.inSync();
        await until(areThere);
      }
      await goesOn('tcp');
      const lines = new Set((await agent.node.state()).split('\n'));
      expect(state.split('\n').filter((line) => !lines.has(line))).toEqual([]);
      expect(agent.node.transactions).toBe(changes);
      const [udp, tcp, closed] = [await finish('udp'), await finish('tcp'), await finish('closed')];
      expect([udp.sent - udp.back, tcp.sent - tcp.back, closed.back]).toEqual([0, 0, 0]);
    },
    60_000 + RESTARTS * 60_000,
  );

  it('the switch is killed: nothing passes at any moment that a rule forbids, and what is allowed passes again', async () => {
    await start('open', 'udp', OPEN);
    await start('closed', 'udp', CLOSED);
    for (let n = 0; n < SWITCH_RESTARTS; n += 1) {
      await goesOn('open');
      await agent.node.ovs.stopSwitch(true);
      await agent.node.ovs.startSwitch();
      await goesOn('open');
    }
    await until(() => [11, 12].every((n) => agent.statuses().get(`port/${id(n)}`) === 'ACTIVE'));
    await finish('open');
    expect((await finish('closed')).back).toBe(0);
  }, 120_000);
});
