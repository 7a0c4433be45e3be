/** What real switches say they do with a packet: two nodes that share a tunnel network and an external one, with rules of security groups. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PACKET_LOOKS, type ParamsOf, type TracedPacket } from '@plumbline/contracts';
import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { addBridge } from '@plumbline/ovsdb';
import { Instance, joinUnderlay, RealSwitch } from '@plumbline/ovs-driver/testing';
import { switching } from './switching.js';

const ADDRESSES = ['192.0.2.1', '192.0.2.2'] as const;
const [TENANT, OUTSIDE, VNI] = [501, 601, 501];
const [OPEN, WEB] = [901, 902];
const addresses = (n: number) => ({ fixedIps: [{ subnetId: idOf(1), ipAddress: `10.0.0.${n}` }] });

const view = (host: string) =>
  new ViewBuilder(host)
    .node('cmp1', { tunnelIp: ADDRESSES[0], firewall: 'openflow' })
    .node('cmp2', { tunnelIp: ADDRESSES[1], firewall: 'openflow' })
    .network(TENANT, 'vxlan')
    .network(OUTSIDE, 'flat')
    .placed(TENANT, { cmp1: 1, cmp2: 2 })
    .placed(OUTSIDE, { cmp1: 5 })
    .group(OPEN)
    .group(WEB)
    .rule(1, OPEN, { direction: 'egress' })
    .rule(2, WEB, { protocol: 'tcp', portRangeMin: 80, portRangeMax: 80 });

const packet = (source: number, destination: number, port: number): TracedPacket => ({
  ...{ protocol: 'tcp', source: `10.0.0.${source}`, destination: `10.0.0.${destination}` },
  ...{ sourcePort: 50_000, destinationPort: port },
});
const turned = ({ protocol, source, destination, sourcePort, destinationPort }: TracedPacket): TracedPacket => ({
  ...{ protocol, source: destination, destination: source, sourcePort: destinationPort, destinationPort: sourcePort },
});

const noBridges = () => Promise.reject(new Error('no packet of these crosses the bridge of an instance'));

describe('a packet through real switches', () => {
  const nodes: RealSwitch[] = [];
  const instances: Instance[] = [];

  beforeAll(async () => {
    for (const [index, tunnelIp] of ADDRESSES.entries()) {
      const node = await RealSwitch.start({
        ...{ bridgeMappings: index === 0 ? { physnet1: 'br-ex' } : {}, datapathType: 'netdev', firewall: 'openflow' },
        tunnelIp,
      });
      nodes.push(node);
    }
    await joinUnderlay(nodes as never, ADDRESSES);
    const [first] = nodes as [RealSwitch];
    await first.mirror.commit(addBridge({ name: 'br-ex', bridge: { datapath_type: 'netdev' } }));
    instances.push(
      await Instance.plug(first, {
        device: 'wire1',
        mac: macOf(99),
        address: '10.0.9.9/24',
        ifaceId: null,
        bridge: 'br-ex',
      }),
    );
    const at = [0, 0, 1];
    const converge = async (): Promise<void> => {
      for (const [index, node] of nodes.entries()) {
        const built = view(`cmp${index + 1}`);
        for (const n of index === 0 ? [11, 12] : [13])
          built.port(n, TENANT, { ...addresses(n), securityGroupIds: [idOf(OPEN), idOf(WEB)] });
        if (index === 0) built.entry(13, TENANT, 'cmp2');
        else built.entry(11, TENANT, 'cmp1');
        const { failed } = await node.converger.converge(built.view, { touched: 'all', mayRemove: true });
        expect(failed).toEqual([]);
      }
    };
    await converge();
    for (const [index, n] of [11, 12, 13].entries()) {
      const on = nodes[at[index] ?? 0] as RealSwitch;
      const options = { device: `tap${n}`, mac: macOf(n), address: `10.0.0.${n}/24`, ifaceId: idOf(n) };
      instances.push(await Instance.plug(on, options));
    }
    await converge();
  });
  afterAll(async () => {
    for (const instance of instances) await instance.remove();
    for (const node of nodes) await node.stop();
  });

  const asked = async (index: number, more: Partial<ParamsOf<'switching'>>) => {
    const node = nodes[index] as RealSwitch;
    const before = [node.transactions, await node.dump('br-int'), await node.dump('br-tun')];
    const params = PACKET_LOOKS.switching.params.parse({
      ...{ entry: { at: 'port', portId: idOf(11) }, sourceMac: macOf(11), destinationMac: macOf(12) },
      ...{ packet: packet(11, 12, 80), opened: null },
      ...more,
    });
    const told = PACKET_LOOKS.switching.answer.parse(await switching(node.mirror, node.ovs.dir, params, noBridges));
    expect([node.transactions, await node.dump('br-int'), await node.dump('br-tun')]).toEqual(before);
    return told;
  };

  it('on one node: by flows of ours to the receiver alone', async () => {
    const told = await asked(0, {});
    expect(told.device).toBe('tap11');
    expect(told.outputs).toEqual([{ bridge: 'br-int', device: 'tap12', portId: idOf(12), remoteIp: null, vni: null }]);
    expect(told.flows.length).toBeGreaterThan(8);
    for (const flow of told.flows) expect(flow).toMatchObject({ bridge: 'br-int', of: 'ours' });
    expect(told.flows[0]).toMatchObject({ table: 0, match: expect.stringContaining('in_port') });
    expect(told.flows.every(({ position }) => position !== null)).toBe(true);
    expect(told.flows.map(({ table }) => table)).toEqual(expect.arrayContaining([71, 84, 85, 94]));
  });

  it('that no rule lets in, or that is from another address, is dropped, and by which flow', async () => {
    const shut = await asked(0, { packet: packet(11, 12, 81) });
    expect(shut.outputs).toEqual([]);
    expect(shut.flows.at(-1)).toMatchObject({ table: 85, actions: ['drop'] });
    const false_ = await asked(0, { packet: packet(66, 12, 80) });
    expect(false_.outputs).toEqual([]);
    expect(false_.flows.at(-1)).toMatchObject({ table: 71, actions: ['drop'] });
  });

  it('that answers is let through by the rule for what it answers, and by none without', async () => {
    const opened = packet(12, 11, 80);
    const answer = await asked(0, { packet: turned(opened), opened });
    expect(answer.outputs.map(({ portId }) => portId)).toEqual([idOf(12)]);
    const first = await asked(0, { packet: turned(opened) });
    expect(first.outputs).toEqual([]);
  });

  it('to another node: into the tunnel with its number, and out of it', async () => {
    const gone = await asked(0, { destinationMac: macOf(13), packet: packet(11, 13, 80) });
    expect(gone.outputs).toEqual([
      { bridge: 'br-tun', device: 'vxlan-c0000202', portId: null, remoteIp: ADDRESSES[1], vni: VNI },
    ]);
    expect(gone.flows.filter(({ bridge }) => bridge === 'br-tun').length).toBeGreaterThan(1);
    const arrived = await asked(1, {
      entry: { at: 'tunnel', remoteIp: ADDRESSES[0], vni: VNI },
      ...{ destinationMac: macOf(13), packet: packet(11, 13, 80) },
    });
    expect(arrived.outputs.map(({ portId }) => portId)).toEqual([idOf(13)]);
    expect(arrived.flows[0]).toMatchObject({ bridge: 'br-tun', table: 0 });
    const shut = await asked(1, {
      entry: { at: 'tunnel', remoteIp: ADDRESSES[0], vni: VNI },
      ...{ destinationMac: macOf(13), packet: packet(11, 13, 81) },
    });
    expect(shut.outputs).toEqual([]);
  });

  it('that nothing takes in is said so', async () => {
    expect(await asked(0, { entry: { at: 'port', portId: idOf(77) } })).toMatchObject({ device: null, flows: [] });
    expect(await asked(0, { entry: { at: 'tunnel', remoteIp: '192.0.2.9', vni: 1 } })).toMatchObject({ device: null });
    expect(await asked(1, { entry: { at: 'wire', bridge: 'br-no', vlanId: null } })).toMatchObject({ device: null });
  });
});
