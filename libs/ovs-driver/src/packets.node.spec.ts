import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '@plumbline/exec';
import { addBridge, removePort, setColumns } from '@plumbline/ovsdb';
import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { Capture, Instance, joinUnderlay, RealSwitch } from './testing/index.js';

const SIZE = 2_000_000;

/** Two nodes that share two VXLAN networks and have one local network each by the same local VLAN; cmp1 also has a flat and a VLAN provider network. */
describe('packets on two real switches', () => {
  const nodes: RealSwitch[] = [];
  const plugged = new Map<string, Instance>();
  const at = (name: string): Instance => plugged.get(name) ?? expectNever(name);
  const view = (host: string) => {
    const builder = new ViewBuilder(host)
      .node('cmp1', { tunnelIp: '192.0.2.1' })
      .node('cmp2', { tunnelIp: '192.0.2.2' })
      .network(501, 'vxlan')
      .placed(501, { cmp1: 1, cmp2: 2 })
      .network(502, 'vxlan')
      .placed(502, { cmp1: 2, cmp2: 1 })
      .network(7, 'local')
      .placed(7, { cmp1: 7, cmp2: 7 });
    if (host === 'cmp2') return builder.port(12, 501).port(22, 502).port(53, 7);
    return builder
      .network(1, 'flat')
      .placed(1, { cmp1: 5 })
      .network(100, 'vlan')
      .placed(100, { cmp1: 6 })
      .port(11, 501)
      .port(21, 502)
      .port(31, 1)
      .port(41, 100)
      .port(51, 7)
      .port(52, 7);
  };
  const converge = async (index: number, builder: ViewBuilder) => {
    const result = await nodes[index]?.converger.converge(builder.view, { touched: 'all', mayRemove: true });
    expect(result?.failed).toEqual([]);
    return result;
  };
  /** Packets that come from now on are judged by the flows of now: before a try that must fail, or one that must not after such a one. */
  const followed = () => Promise.all(nodes.map((node) => node.revalidated()));
  const plug = async (index: number, n: number, more: Partial<Parameters<typeof Instance.plug>[1]> = {}) => {
    const node = nodes[index] ?? expectNever('node');
    const options = { device: `tap${n}`, mac: macOf(n), address: `10.0.0.${n}/24`, ifaceId: idOf(n), ...more };
    plugged.set(`i${n}`, await Instance.plug(node, options));
  };

  beforeAll(async () => {
    const config = { bridgeMappings: {}, datapathType: 'netdev' as const };
    nodes.push(await RealSwitch.start({ ...config, bridgeMappings: { physnet1: 'br-ex' }, tunnelIp: '192.0.2.1' }));
    nodes.push(await RealSwitch.start({ ...config, tunnelIp: '192.0.2.2' }));
    await joinUnderlay(nodes as never, ['192.0.2.1', '192.0.2.2']);
    await nodes[0]?.mirror.commit(addBridge({ name: 'br-ex', bridge: { datapath_type: 'netdev' } }));
    for (const [index, host] of ['cmp1', 'cmp2'].entries()) await converge(index, view(host));
    await plug(0, 11);
    await plug(0, 21);
    await plug(0, 31);
    await plug(0, 41);
    await plug(0, 51);
    await plug(0, 52);
    await plug(1, 12);
    await at('i12').exec(['sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=1']);
    await plug(1, 22);
    await plug(1, 53);
    const beside = { bridge: 'br-ex', ifaceId: null };
    await plug(0, 67, beside);
    await plug(0, 68, { ...beside, tag: 100 });
    for (const [index, host] of ['cmp1', 'cmp2'].entries()) {
      const result = await converge(index, view(host));
      expect(result?.statuses.map(({ status }) => status)).toEqual(result?.statuses.map(() => 'ACTIVE'));
    }
  });
  afterAll(async () => {
    for (const instance of plugged.values()) await instance.remove();
    for (const node of nodes) await node.stop();
  });

  it('carries a VXLAN network between two nodes, ping and TCP, both ways', async () => {
    expect(await at('i11').reaches('10.0.0.12')).toBe(true);
    expect(await at('i12').reaches('10.0.0.11')).toBe(true);
    expect(await at('i11').transfer(at('i12'), '10.0.0.12', SIZE)).toBe(SIZE);
    expect(await at('i12').transfer(at('i11'), '10.0.0.11', SIZE)).toBe(SIZE);
  });

  it('keeps another network apart, on the node itself and across the tunnel', async () => {
    expect(await at('i21').reaches('10.0.0.22')).toBe(true);
    for (const [from, to] of [
      ['i21', '10.0.0.11'],
      ['i21', '10.0.0.12'],
      ['i22', '10.0.0.12'],
      ['i12', '10.0.0.21'],
      ['i31', '10.0.0.11'],
      ['i41', '10.0.0.31'],
    ] as const)
      expect([from, to, await at(from).reaches(to)]).toEqual([from, to, false]);
  });

  it('reaches the outside from an instance plugged into a flat provider network, and is reached', async () => {
    expect(await at('i31').reaches('10.0.0.67')).toBe(true);
    expect(await at('i67').reaches('10.0.0.31')).toBe(true);
    expect(await at('i31').transfer(at('i67'), '10.0.0.67', SIZE)).toBe(SIZE);
    expect(await at('i67').transfer(at('i31'), '10.0.0.31', SIZE)).toBe(SIZE);
    expect(await at('i31').reaches('10.0.0.68')).toBe(false);
  });

  it('reaches by tag the wire of a VLAN provider network, and no other', async () => {
    expect(await at('i41').reaches('10.0.0.68')).toBe(true);
    expect(await at('i68').transfer(at('i41'), '10.0.0.41', SIZE)).toBe(SIZE);
    expect(await at('i41').reaches('10.0.0.67')).toBe(false);
  });

  it('keeps a local network on its node: ports there reach each other, and nothing of it arrives anywhere else', async () => {
    const capture = await Capture.start(at('i53').netns.name);
    expect(await at('i51').reaches('10.0.0.52')).toBe(true);
    expect(await at('i52').transfer(at('i51'), '10.0.0.51', SIZE)).toBe(SIZE);
    for (const [from, to] of [
      ['i51', '10.0.0.53'],
      ['i51', '10.0.0.12'],
      ['i51', '10.0.0.67'],
      ['i53', '10.0.0.51'],
    ] as const)
      expect([from, to, await at(from).reaches(to)]).toEqual([from, to, false]);
    await capture.stop();
    // What the kernel sends for itself, e.g. seeking IPv6 routers, may arrive at any time: of the others there nothing does.
    for (const n of [51, 52]) expect(capture.tagsOf(macOf(n).replaceAll(':', ''))).toEqual([]);
  });

  it('lets nobody speak with another address or another MAC', async () => {
    const instance = at('i11');
    await instance.exec(['ip', 'address', 'add', '10.0.0.99/24', 'dev', 'eth0']);
    await instance.exec(['ip', 'neighbour', 'flush', 'dev', 'eth0']);
    const spoofed = ['ping', '-q', '-c', '2', '-W', '1', '-I', '10.0.0.99', '10.0.0.12'];
    expect((await instance.exec(spoofed, { okCodes: [0, 1, 2] })).code).not.toBe(0);
    await instance.exec(['ip', 'address', 'del', '10.0.0.99/24', 'dev', 'eth0']);
    await instance.exec(['ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:01']);
    expect(await instance.reaches('10.0.0.12')).toBe(false);
    await instance.exec(['ip', 'link', 'set', 'eth0', 'address', macOf(11)]);
    expect(await instance.reaches('10.0.0.12')).toBe(true);
  });

  it('loses no packet when the agent starts anew and looks at everything', async () => {
    const pinging = at('i11').exec(['ping', '-q', '-c', '100', '-i', '0.02', '-W', '1', '10.0.0.12']);
    for (let round = 0; round < 3; round += 1) {
      nodes[0]?.restartAgent();
      expect(await converge(0, view('cmp1'))).toMatchObject({ applied: 0 });
    }
    expect((await pinging).stdout).toContain('100 packets transmitted, 100 received');
  });

  it('carries everything again after the switch was killed', async () => {
    const [node] = nodes as [RealSwitch];
    node.news.length = 0;
    await node.ovs.stopSwitch(true);
    await node.ovs.startSwitch();
    await node.heard(({ reason }) => reason === 'switch-back');
    const { netns } = node.ovs; // the switch makes its bridges' devices anew: their addresses are the operator's to give back
    await run(['ip', '-n', netns, 'address', 'replace', '192.0.2.1/24', 'dev', 'br-under']);
    await run(['ip', '-n', netns, 'link', 'set', 'br-under', 'up']);
    await converge(0, view('cmp1'));
    expect(await at('i12').reaches('10.0.0.11')).toBe(true);
    expect(await at('i11').transfer(at('i12'), '10.0.0.12', SIZE)).toBe(SIZE);
    expect(await at('i31').reaches('10.0.0.67')).toBe(true);
  });

  describe('a tunnel port with another number', () => {
    const TUNNEL = 'vxlan-c0000202';
    const numberOf = () => nodes[0]?.mirror.interface(TUNNEL)?.ofport ?? null;
    const remade: Readonly<Record<string, () => Promise<unknown>>> = {
      'because it was deleted by hand and made anew': async () => {
        const row = nodes[0]?.mirror.port(TUNNEL);
        await nodes[0]?.mirror.commit(removePort('br-tun', row?.uuid ?? ''));
      },
      'because somebody asked for that number': async () => {
        await nodes[0]?.mirror.commit(setColumns('Interface', TUNNEL, { ofport_request: 77 }));
        await nodes[0]?.mirror.commit(setColumns('Interface', TUNNEL, { ofport_request: null }));
      },
    };

    it.each(Object.keys(remade))('reaches at once who says nothing: %s', async (how) => {
      const [from, to] = [at('i11'), at('i12')];
      // It stays silent, or the switch would learn from it: it asks nothing, is asked nothing and speaks no IPv6.
      await from.exec(['ip', 'neighbour', 'replace', '10.0.0.12', 'lladdr', macOf(12), 'dev', 'eth0']);
      await to.exec(['ip', 'neighbour', 'replace', '10.0.0.11', 'lladdr', macOf(11), 'dev', 'eth0']);
      expect(await from.reaches('10.0.0.12')).toBe(true);
      const before = numberOf();
      await remade[how]?.();
      await converge(0, view('cmp1'));
      expect(numberOf()).not.toBe(before);
      expect(await from.datagrams(to, '10.0.0.12', 25)).toBe(25);
      expect(await from.transfer(to, '10.0.0.12', SIZE)).toBe(SIZE);
      await from.exec(['ip', 'neighbour', 'del', '10.0.0.12', 'dev', 'eth0']);
      await to.exec(['ip', 'neighbour', 'del', '10.0.0.11', 'dev', 'eth0']);
    });
  });

  describe('a plugged interface whose device', () => {
    const lost: Readonly<Record<string, { lose: () => Promise<unknown>; mend: () => Promise<unknown>; says: string }>> =
      {
        'is deleted and made anew': {
          lose: () => at('i11').link('del', 'tap11'),
          mend: () => at('i11').makeDevice(),
          says: 'is gone',
        },
        'is moved into another namespace and back': {
          lose: () => at('i11').link('set', 'tap11', 'netns', at('i11').netns.name),
          mend: async () => {
            const { netns } = nodes[0]?.ovs ?? expectNever('node');
            await at('i11').exec(['ip', 'link', 'set', 'tap11', 'netns', netns]);
            await at('i11').link('set', 'tap11', 'up');
          },
          says: 'is gone',
        },
        'is set down and up': {
          lose: () => at('i11').link('set', 'tap11', 'down'),
          mend: () => at('i11').link('set', 'tap11', 'up'),
          says: 'is set down',
        },
      };
    const port = `port/${idOf(11)}` as const;
    /** What the agent reports after the switch's news of that port, until it fits. */
    const told = async (status: string, says = '') => {
      for (;;) {
        const [node] = nodes as [RealSwitch];
        node.news.length = 0;
        const { statuses, failed } = await node.converger.converge(view('cmp1').view, {
          touched: new Set([port]),
          mayRemove: true,
        });
        expect(failed).toEqual([]);
        const found = statuses.find(({ id }) => id === idOf(11));
        if (found?.status === status && (found.reason ?? '').includes(says)) return;
        await node.heard(({ ports }) => ports.includes(idOf(11)));
      }
    };

    it.each(Object.keys(lost))('%s is not ACTIVE meanwhile, and works again by itself', async (how) => {
      const { lose, mend, says } = lost[how] ?? expectNever(how);
      await lose();
      await told('DOWN', says);
      await mend();
      await told('ACTIVE');
      expect(await at('i11').datagrams(at('i12'), '10.0.0.12', 25)).toBeGreaterThan(20);
      expect(await at('i12').transfer(at('i11'), '10.0.0.11', SIZE)).toBe(SIZE);
    });
  });

  it('carries nothing of a network that is set down, on the node itself and from outside, until it is up again', async () => {
    const down = view('cmp1')
      .network(501, 'vxlan', { adminStateUp: false })
      .network(1, 'flat', { adminStateUp: false });
    const result = await converge(0, down);
    const told = new Map(result?.statuses.map(({ id, status, reason }) => [id, `${status} ${reason ?? ''}`]));
    for (const n of [11, 31]) expect(told.get(idOf(n))).toBe("DOWN its network's administrative state is down");
    for (const n of [21, 41]) expect(told.get(idOf(n))).toBe('ACTIVE ');
    await followed();
    for (const [from, to] of [
      ['i11', '10.0.0.12'],
      ['i12', '10.0.0.11'],
      ['i67', '10.0.0.31'],
    ] as const)
      expect([from, to, await at(from).reaches(to)]).toEqual([from, to, false]);
    expect(await at('i11').datagrams(at('i12'), '10.0.0.12', 5)).toBe(0);
    expect(await at('i21').reaches('10.0.0.22')).toBe(true);
    await converge(0, view('cmp1'));
    await followed();
    expect(await at('i11').datagrams(at('i12'), '10.0.0.12', 25)).toBeGreaterThan(20);
    expect(await at('i31').transfer(at('i67'), '10.0.0.67', SIZE)).toBe(SIZE);
  });

  it('cuts off a port that is taken away, and a node that no longer shares a network', async () => {
    await converge(0, view('cmp1').port(31, 1, { adminStateUp: false }));
    await followed();
    expect(await at('i31').reaches('10.0.0.67')).toBe(false);
    const learned = async () => {
      const socket = `unix:${nodes[0]?.ovs.dir}/br-tun.mgmt`;
      const dump = await nodes[0]?.ovs.tool(['ovs-ofctl', '-O', 'OpenFlow14', 'dump-flows', socket, 'table=20']);
      return [...(dump?.stdout ?? '').matchAll(/vlan_tci=0x000(\d)\/0x0fff/g)].map(([, tag]) => tag).sort();
    };
    expect(await at('i12').reaches('10.0.0.11')).toBe(true);
    expect(await at('i22').reaches('10.0.0.21')).toBe(true);
    expect(await learned()).toEqual(['1', '2']);
    const left = view('cmp1')
      .remove(`network/${idOf(501)}`)
      .remove(`placement/${idOf(501)}`);
    await nodes[0]?.converger.converge(left.view, { touched: 'all', mayRemove: true });
    expect(await learned()).toEqual(['2']);
    const alone = view('cmp1').placed(501, { cmp1: 1 }).placed(502, { cmp1: 2 });
    await converge(0, alone);
    expect(nodes[0]?.mirror.port('vxlan-c0000202')).toBeUndefined();
    await followed();
    expect(await at('i12').reaches('10.0.0.11')).toBe(false);
    await converge(0, view('cmp1'));
    await followed();
    expect(await at('i12').reaches('10.0.0.11')).toBe(true);
  });
});

function expectNever(name: string): never {
  throw new Error(`no ${name}`);
}
