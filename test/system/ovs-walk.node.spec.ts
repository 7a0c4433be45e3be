/**
 * A walk over the switch's side of a busy node: each thing that the agent made is altered or taken away by hand, one at a time, and must come back, while nothing
 * else moves. What there is to alter is read from the node itself. The agent is the whole of it but the broker: session, converger, driver, snapshot file, on a
 * real switch with a provider network, a tunnel to a second switch, and instances that speak over both.
 *
 * What the switch's database shows comes back by its news alone. Flows show nothing: they come back in the next look at everything, which the agent's timer
 * begins every 60 s; here it is begun by hand. `--long`: every flow instead of one of each shape.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { PlumbEvent } from '@plumbline/contracts';
import { Instance, joinUnderlay, RealSwitch } from '@plumbline/ovs-driver/testing';
import { effort } from '../../tools/jest/effort.mjs';
import * as made from '@plumbline/topology/testing';
import { SwitchAgent, until } from './testing/switch-agent.js';

const { id, mac } = made;
const ENDS = ['192.0.2.1', '192.0.2.2'] as const;
const HOSTS = ['cmp1', 'cmp2'] as const;
const LONG = effort > 1;
const [flat, vxlan] = [id(1), id(501)];

describe('what is altered by hand on a busy node', () => {
  const agents: SwitchAgent[] = [];
  const instances: Instance[] = [];
  const agent = (): SwitchAgent => agents[0] as SwitchAgent;
  const here = (): RealSwitch => agent().node;
  const vsctl = (...argv: string[]) =>
    here().ovs.tool(['ovs-vsctl', `--db=${here().ovs.remote}`, '--timeout=10', ...argv]);
  const ofctl = (command: string, bridge: string, ...argv: string[]) =>
    here().ovs.tool([
      ...['ovs-ofctl', '-O', 'OpenFlow14', ...(command === 'del-flows' ? ['--strict'] : []), command],
      ...[`unix:${here().ovs.dir}/${bridge}.mgmt`, ...argv],
    ]);
  /** Rows of ports by name: a port that is made anew is another row. */
  const rows = (): Map<string, string> =>
    new Map(
      here()
        .mirror.bridges()
        .flatMap((bridge) => here().mirror.portsOf(bridge))
        .map(({ name, uuid }) => [name, uuid]),
    );

  beforeAll(async () => {
    const config = { bridgeMappings: {}, datapathType: 'netdev' as const };
    const nodes = [
      await RealSwitch.start({ ...config, bridgeMappings: { physnet1: 'br-ex' }, tunnelIp: ENDS[0] }),
      await RealSwitch.start({ ...config, tunnelIp: ENDS[1] }),
    ] as const;
    await joinUnderlay(nodes, ENDS);
    const add = ['add-br', 'br-ex', '--', 'set', 'Bridge', 'br-ex', 'datapath_type=netdev'];
    await nodes[0].ovs.tool(['ovs-vsctl', `--db=${nodes[0].ovs.remote}`, ...add]);
    const port = (n: number, host: string, networkId: string): PlumbEvent[] => [
      made.portCreated({ portId: id(n), networkId, fixedIps: [{ subnetId: id(7), ipAddress: `10.0.0.${n}` }] }, n),
      made.portBound(id(n), networkId, host),
    ];
    const log: PlumbEvent[][] = [
      [made.nodeRegistered('cmp1', ENDS[0], { physnet1: 'br-ex' }), made.nodeRegistered('cmp2', ENDS[1])],
      [
        made.networkCreated({
          networkId: flat,
          networkType: 'flat',
          physicalNetwork: 'physnet1',
          segmentationId: null,
        }),
        made.networkCreated({ networkId: vxlan, networkType: 'vxlan', physicalNetwork: null, segmentationId: 501 }),
        made.networkPlaced(flat, 'cmp1', 5),
        ...HOSTS.map((host, index) => made.networkPlaced(vxlan, host, index + 1)),
      ],
      [...port(11, 'cmp1', vxlan), ...port(31, 'cmp1', flat), ...port(12, 'cmp2', vxlan)],
    ];
    for (const [index, node] of nodes.entries()) {
      const each = new SwitchAgent(HOSTS[index] as string, node);
      agents.push(each);
      const world = new made.World();
      each.plane.up();
      for (const events of log) each.plane.commit(events.map((event) => world.append(event, made.metaOf(0))));
      await each.session.start();
      await until(() => node.mirror.bridge('br-tun') !== undefined);
    }
    const plug = async (index: number, n: number, more: object = {}) => {
      const options = { device: `tap${n}`, mac: mac(n), address: `10.0.0.${n}/24`, ifaceId: id(n), ...more };
      instances.push(await Instance.plug(nodes[index as 0 | 1], options));
    };
    await plug(0, 11);
    await plug(0, 31);
    await plug(1, 12);
    await plug(0, 67, { bridge: 'br-ex', ifaceId: null });
    await ofctl('add-flow', 'br-int', 'cookie=0xabc,table=60,priority=9,dl_dst=02:00:00:00:00:99,actions=drop');
    await until(allActive);
    await until(pass);
  }, 120_000);
  afterAll(async () => {
    for (const each of agents) await each.stop();
    for (const instance of instances) await instance.remove();
    for (const { node } of agents) await node.stop();
  });

  const allActive = (): boolean =>
    agents.every((each) => {
      const told = each.statuses();
      return [11, 31, 12].every((n) => {
        const status = told.get(`port/${id(n)}`);
        return status === 'ACTIVE' || (status === undefined && (n === 12) === (each === agents[0]));
      });
    });
  afterEach(async () => expect(await pass()).toBe(true));
  const pass = async (): Promise<boolean> => {
    const [i11, i31] = instances as [Instance, Instance];
    const [tunnel, provider] = await Promise.all([i11.reaches('10.0.0.12'), i31.reaches('10.0.0.67')]);
    return tunnel && provider;
  };

  /** Alters one thing; asserts that it comes back as it was, that no other port was made anew, and that packets pass while everything is ACTIVE. */
  const walk = async (alter: () => Promise<unknown>, look: boolean, remade: readonly string[]): Promise<void> => {
    const [state, ports] = [await here().state(), rows()];
    await alter();
    if (look) agent().session.touch('all');
    const before = new Set(state.split('\n'));
    await until(
      async () => allActive() && (await here().state()) === state,
      async () => {
        const after = new Set((await here().state()).split('\n'));
        const lines = (of: Set<string>, other: Set<string>) => [...of].filter((line) => !other.has(line)).slice(0, 5);
        return [alter.toString(), allActive(), lines(before, after), lines(after, before), agent().session.health()];
      },
    );
    const others = (of: Map<string, string>) => [...of].filter(([name]) => !remade.includes(name));
    expect(others(rows())).toEqual(others(ports));
    expect(agent().session.health()).toMatchObject({ ok: true });
  };

  it('flows: each is put back, taken away or altered, by a look at everything', async () => {
    const shapes = new Set<string>();
    for (const bridge of ['br-int', 'br-tun', 'br-ex'])
      for (const line of await here().dump(bridge)) {
        const [, key = '', actions = ''] = /cookie=0x504c[0-9a-f]+, (.*) actions=(.*)$/.exec(line) ?? [];
        const shape = `${bridge} ${key.replace(/[0-9a-f]*\d[0-9a-f]*/g, '#')}`;
        if (key === '' || (!LONG && shapes.has(shape))) continue;
        shapes.add(shape);
        const match = key.replaceAll(', ', ',').replace(/,$/, '');
        // Every other one is altered instead.
        const altered = ['--strict', 'mod-flows', match] as const;
        const change =
          shapes.size % 2 === 0
            ? () => ofctl('del-flows', bridge, match)
            : () =>
                here().ovs.tool([
                  ...['ovs-ofctl', '-O', 'OpenFlow14', altered[0], altered[1]],
                  ...[
                    `unix:${here().ovs.dir}/${bridge}.mgmt`,
                    `${match},actions=${actions === 'drop' ? 'NORMAL' : 'drop'}`,
                  ],
                ]);
        const flows = async () => (await here().dump(bridge)).join('\n');
        const state = await flows();
        await change();
        expect(await flows()).not.toBe(state);
        agent().session.touch('all');
        await until(
          async () => (await flows()) === state,
          () => [shape, line],
        );
      }
    expect(shapes.size).toBeGreaterThan(20);
    await walk(async () => undefined, true, []);
  }, 120_000);

  it('all flows of a bridge are put back by a look at everything', async () => {
    for (const bridge of ['br-ex', 'br-tun', 'br-int']) {
      const ours = `cookie=0x504c000000000000/0xffff000000000000`;
      const socket = `unix:${here().ovs.dir}/${bridge}.mgmt`;
      await walk(() => here().ovs.tool(['ovs-ofctl', '-O', 'OpenFlow14', 'del-flows', socket, ours]), true, []);
    }
  });

  const TUNNEL = 'vxlan-c0000202';
  const PATCHES = ['patch-tun', 'patch-int', 'int-br-ex', 'phy-br-ex'];
  const bridgeOf = (port: string): string => here().mirror.bridgeOf(here().mirror.port(port)!)!.name;

  it.each([...PATCHES, TUNNEL])('the port %s is put back as the switch tells, deleted or altered', async (port) => {
    await walk(() => vsctl('del-port', bridgeOf(port), port), false, [port]);
    await walk(() => vsctl('set', 'Port', port, 'tag=77'), false, []);
    await walk(() => vsctl('set', 'Port', port, 'trunks=5', 'vlan_mode=trunk'), false, []);
    await walk(() => vsctl('remove', 'Port', port, 'external_ids', 'plumb'), false, []);
    if (port === TUNNEL) {
      await walk(() => vsctl('set', 'Interface', port, 'options:remote_ip=192.0.2.99'), false, []);
      await walk(() => vsctl('clear', 'Interface', port, 'bfd'), false, []);
      await walk(() => vsctl('set', 'Interface', port, 'ofport_request=99'), false, []);
      await vsctl('clear', 'Interface', port, 'ofport_request');
    } else await walk(() => vsctl('set', 'Interface', port, 'options:peer=nobody'), false, []);
  });

  it('the tag and the VLANs of a plugged interface are put back', async () => {
    await walk(() => vsctl('set', 'Port', 'tap11', 'tag=77'), false, []);
    await walk(() => vsctl('clear', 'Port', 'tap11', 'tag'), false, []);
    await walk(() => vsctl('set', 'Port', 'tap11', 'vlan_mode=trunk', 'trunks=1,2'), false, []);
    await walk(() => vsctl('remove', 'Port', 'tap11', 'external_ids', 'plumb-tag'), false, []);
    await walk(() => vsctl('set', 'Interface', 'tap11', 'ofport_request=98'), false, []);
    await vsctl('clear', 'Interface', 'tap11', 'ofport_request');
  });

  it('mode, controllers, OpenFlow versions and marks of our bridges are put back', async () => {
    // The switch itself drops all flows of a bridge whose mode or controllers change, those of others too.
    await ofctl('del-flows', 'br-int', 'table=60,priority=9,dl_dst=02:00:00:00:00:99');
    for (const bridge of ['br-int', 'br-tun']) {
      await walk(() => vsctl('set-fail-mode', bridge, 'standalone'), false, []);
      await walk(() => vsctl('set-controller', bridge, 'tcp:127.0.0.1:6653'), false, []);
      await walk(() => vsctl('set', 'Bridge', bridge, 'protocols=OpenFlow10'), false, []);
    }
    // One of ours without its mark would count as somebody else's that we use: a provider's bridge is that already.
    await walk(() => vsctl('remove', 'Bridge', 'br-ex', 'external_ids', 'plumb'), false, []);
  });

  it('a bridge that is deleted is made again with its ports', async () => {
    await walk(() => vsctl('del-br', 'br-tun'), false, ['br-tun', 'patch-int', TUNNEL]);
  });

  it('a snapshot that is removed or altered is written anew by a look at everything', async () => {
    for (const harm of [() => rmSync(agent().snapshot.path), () => writeFileSync(agent().snapshot.path, 'x')]) {
      await until(() => agent().snapshot.untouched());
      harm();
      expect(await agent().snapshot.untouched()).toBe(false);
      agent().session.touch('all');
      await until(() => agent().snapshot.untouched());
      expect((await agent().snapshot.load('cmp1'))?.position).toBe(agent().session.position);
    }
  });

  it('what is not ours to put back is seen: an interface that was unplugged, and one that says to be another port', async () => {
    const [state] = [await here().state()];
    const status = () =>
      agent()
        .statuses()
        .get(`port/${id(11)}`);
    await vsctl('remove', 'Interface', 'tap11', 'external_ids', 'iface-id');
    await until(() => status() === 'DOWN');
    await vsctl('set', 'Interface', 'tap11', `external_ids:iface-id=${id(999)}`);
    await until(() => here().mirror.port('tap11')?.tag === 4095);
    expect(status()).toBe('DOWN');
    await vsctl('set', 'Interface', 'tap11', `external_ids:iface-id=${id(11)}`);
    await until(async () => status() === 'ACTIVE' && (await here().state()) === state);
    expect(await pass()).toBe(true);
  });

  /** Alters what is not ours to put back; asserts that the port that needs it says so, and no other, and that all is as it was once it is mended. */
  const seen = async (alter: () => Promise<unknown>, because: RegExp, mend: () => Promise<unknown>): Promise<void> => {
    const state = await here().state();
    await alter();
    const said = () => ({
      ...agent()
        .last()
        .get(`port/${id(31)}`),
    });
    await until(
      () => said().status === 'ERROR' && because.test(said().reason ?? ''),
      () => [String(because), said(), agent().session.health()],
    );
    expect(
      agent()
        .statuses()
        .get(`port/${id(11)}`),
    ).toBe('ACTIVE');
    await mend();
    await until(
      async () => allActive() && (await here().state()) === state,
      () => [String(because), said(), agent().session.health()],
    );
    expect(agent().session.health()).toMatchObject({ ok: true });
    expect(agent().session.health()).not.toHaveProperty('degraded');
  };

  it('the uplink of a provider bridge is seen when it is down, without carrier, gone, or taken off', async () => {
    const uplink = instances[3] as Instance;
    const far = (...argv: string[]) => uplink.exec(['ip', 'link', 'set', 'eth0', ...argv]);
    const link =
      (...argv: string[]) =>
      () =>
        uplink.link(...argv);
    await seen(link('set', 'tap67', 'down'), /tap67 is set down/, link('set', 'tap67', 'up'));
    await seen(
      () => far('down'),
      /tap67 has no carrier/,
      () => far('up'),
    );
    await seen(link('delete', 'tap67'), /tap67 is gone/, () => uplink.makeDevice());
    const taken = /tap67 was taken off it/;
    await seen(
      () => vsctl('del-port', 'br-ex', 'tap67'),
      taken,
      () => vsctl('add-port', 'br-ex', 'tap67'),
    );
  });

  it('a mapping that the operator takes away and gives again', async () => {
    const { config } = here();
    const become = async (bridgeMappings: typeof config.bridgeMappings) => {
      here().config = { ...config, bridgeMappings };
      agent().session.touch('all');
    };
    await seen(
      () => become({}),
      /no bridge_mappings entry of this node names physical network physnet1/,
      () => become(config.bridgeMappings),
    );
  });

  it('a provider bridge that is deleted is made again, and is in error until its uplink is put on again', async () => {
    const said = () => ({
      ...agent()
        .last()
        .get(`port/${id(31)}`),
    });
    await vsctl('del-br', 'br-ex');
    await until(() => said().status === 'ERROR' && /tap67 was taken off it/.test(said().reason ?? ''), said);
    await vsctl('add-port', 'br-ex', 'tap67');
    await until(allActive, said);
  });
});
