/**
 * Provider networks on the wire: what leaves by which uplink with which tag is captured there, and what comes from there is sought at every instance. All networks
 * have the same addresses, so that nothing but tags and bridges keeps them apart. One bridge is somebody else's, with a port and a flow of his.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { Capture, frames, Instance, Prober, RealSwitch } from './testing/index.js';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const FOREIGN_FLOW = 'cookie=0xabc,priority=77,dl_dst=02:00:00:00:00:99,actions=drop';
/** Port -> its network, where that is and by which tag it is on the wire. */
const PORTS = [
  { port: 11, network: 101, physical: 'physnet1', vlan: 101, tag: 5 },
  { port: 12, network: 102, physical: 'physnet1', vlan: 102, tag: 6 },
  { port: 13, network: 1, physical: 'physnet1', vlan: null, tag: 7 },
  { port: 14, network: 201, physical: 'physnet2', vlan: 101, tag: 8 },
  { port: 15, network: 7, physical: null, vlan: null, tag: 9 },
] as const;
/** Wire -> the bridge that it is the uplink of. */
const WIRES = { eth61: 'br-ex', eth62: 'br-two', eth63: 'br-three' } as const;
type Wire = keyof typeof WIRES;

describe.each(['none', 'openflow'] as const)('provider networks on the wire, firewall %s', (firewall) => {
  let real: RealSwitch;
  const plugged: Instance[] = [];
  /** A host on VLAN 101 of the first uplink's bridge. */
  let neighbour: Instance;
  const probers = new Map<string, Prober>();
  const captures = new Map<string, Capture>();
  const at = (name: string): Prober => probers.get(name) as Prober;

  const view = (): ViewBuilder => {
    const builder = new ViewBuilder('cmp1').node('cmp1');
    for (const { network, physical, vlan, tag, port } of PORTS) {
      const type: Parameters<ViewBuilder['network']>[1] = physical === null ? 'local' : vlan === null ? 'flat' : 'vlan';
      builder.network(network, type, { physicalNetwork: physical, segmentationId: vlan });
      builder.placed(network, { cmp1: tag });
      const fixedIps = [{ subnetId: idOf(network), ipAddress: `10.0.0.${port}` }];
      builder.port(port, network, { fixedIps, portSecurityEnabled: false });
    }
    return builder;
  };
  /** Statuses by port, with reasons. Frames that are sent from then on are judged by the flows of then. */
  const converge = async (bridgeMappings: Readonly<Record<string, string>>) => {
    real.config = { ...real.config, bridgeMappings };
    const { statuses } = await real.converger.converge(view().view, { touched: 'all', mayRemove: true });
    await real.revalidated();
    return new Map(statuses.map(({ id, status, reason }) => [id, `${status} ${reason ?? ''}`.trim()]));
  };
  const frameOf = (mac: string, token: string, tag: number | null) =>
    frames.ethernet(
      { src: mac, dst: BROADCAST, type: 0x0800, ...(tag === null ? {} : { tag }) },
      frames.udp({ src: '10.0.0.99', dst: '10.0.0.255', sport: 4000, dport: 4001 }, Buffer.from(token, 'hex')),
    );
  /** A device that is to hear it, if one is: then all others have had the time, too. */
  type Ear = string | null;
  /** Who hears it: instances by port, wires by name and the tag there. */
  const heard = async (token: string, ear: Ear) => {
    const hears = async (name: string, seconds: number): Promise<string[]> => {
      const capture = captures.get(name);
      if (capture) return (await capture.tagsWithin(token, seconds)).map((tag) => `${name} ${tag ?? 'untagged'}`);
      return (await at(name).ask({ do: 'arrived', token, seconds })) ? [name] : [];
    };
    if (ear !== null) await hears(ear, 5);
    return (await Promise.all([...probers.keys()].map((name) => hears(name, ear === null ? 0.5 : 0.15)))).flat().sort();
  };
  const shout = async (port: number, ear: Ear): Promise<string[]> => {
    const token = randomBytes(16).toString('hex');
    await at(`tap${port}`).ask({ do: 'frame', frame: frameOf(macOf(port), token, null) });
    return heard(token, ear);
  };
  const shoutFrom = async (name: Wire, tag: number | null, ear: Ear): Promise<string[]> => {
    const token = randomBytes(16).toString('hex');
    await at(name).ask({ do: 'frame', frame: frameOf('02:00:00:00:00:61', token, tag) });
    return heard(token, ear);
  };
  const vsctl = async (...argv: string[]): Promise<string> =>
    (await real.ovs.tool(['ovs-vsctl', `--db=${real.ovs.remote}`, '--timeout=10', ...argv])).stdout.trim();
  const foreign = async (bridge: string) => ({
    ports: (await vsctl('list-ports', bridge)).split('\n').filter((name) => !name.startsWith('phy-')),
    rows: await vsctl('get', 'Port', 'theirs', '_uuid'),
    mode: await vsctl('get', 'Bridge', bridge, 'fail_mode'),
    flows: (await real.dump(bridge)).filter((line) => line.includes('cookie=0xabc')).length,
  });
  const leftOf = async (bridge: string): Promise<string[]> =>
    (await real.dump(bridge)).filter((line) => /cookie=0x504c/.test(line));

  beforeAll(async () => {
    real = await RealSwitch.start({ bridgeMappings: {}, datapathType: 'netdev', tunnelIp: null, firewall });
    for (const bridge of Object.values(WIRES))
      await vsctl('add-br', bridge, '--', 'set', 'Bridge', bridge, 'datapath_type=netdev');
    await vsctl('add-port', 'br-ex', 'theirs', '--', 'set', 'Interface', 'theirs', 'type=internal');
    await real.ovs.tool(['ovs-ofctl', '-O', 'OpenFlow14', 'add-flow', `unix:${real.ovs.dir}/br-ex.mgmt`, FOREIGN_FLOW]);
    await converge({ physnet1: 'br-ex' });
    for (const { port } of PORTS) {
      const options = { device: `tap${port}`, mac: macOf(port), address: `10.0.0.${port}/24`, ifaceId: idOf(port) };
      plugged.push(await Instance.plug(real, { ...options, mtuBytes: 1500 }));
    }
    for (const [index, [device, bridge]] of Object.entries(WIRES).entries()) {
      const options = {
        device,
        mac: `02:00:00:00:01:0${index}`,
        address: `10.0.0.6${index}/24`,
        ifaceId: null,
        bridge,
      };
      plugged.push(await Instance.plug(real, { ...options, mtuBytes: 1500 }));
    }
    const host = { device: 'host101', mac: '02:00:00:00:02:01', address: '10.0.0.60/24', ifaceId: null };
    neighbour = await Instance.plug(real, { ...host, bridge: 'br-ex', tag: 101, mtuBytes: 1500 });
    for (const { device, netns } of plugged) {
      probers.set(device, await Prober.start(netns.name, []));
      if (Object.hasOwn(WIRES, device)) captures.set(device, await Capture.start(netns.name));
    }
  }, 60_000);
  afterAll(async () => {
    for (const prober of probers.values()) await prober.stop();
    for (const capture of captures.values()) await capture.stop();
    for (const instance of [...plugged, neighbour]) await instance.remove();
    await real.stop();
  });

  it('of one uplink leave by it with their own tag each, and come in by it; nothing crosses', async () => {
    const statuses = await converge({ physnet1: 'br-ex' });
    expect([11, 12, 13, 15].map((n) => statuses.get(idOf(n)))).toEqual(['ACTIVE', 'ACTIVE', 'ACTIVE', 'ACTIVE']);
    expect(await shout(11, 'eth61')).toEqual(['eth61 101']);
    expect(await shout(12, 'eth61')).toEqual(['eth61 102']);
    expect(await shout(13, 'eth61')).toEqual(['eth61 untagged']);
    expect(await shoutFrom('eth61', 101, 'tap11')).toEqual(['tap11']);
    expect(await shoutFrom('eth61', 102, 'tap12')).toEqual(['tap12']);
    expect(await shoutFrom('eth61', null, 'tap13')).toEqual(['tap13']);
    // Nobody's VLAN, and the local VLAN of a network, which means nothing outside.
    for (const tag of [103, 5, 6, 7, 9]) expect([tag, await shoutFrom('eth61', tag, null)]).toEqual([tag, []]);
    expect(await shout(15, null)).toEqual([]);
  });

  it('carry TCP and pings, by tag', async () => {
    const instance = plugged[0] as Instance;
    expect(await instance.reaches('10.0.0.60')).toBe(true);
    expect(await instance.transfer(neighbour, '10.0.0.60', 1_000_000)).toBe(1_000_000);
    expect(await neighbour.transfer(instance, '10.0.0.11', 1_000_000)).toBe(1_000_000);
    expect(await (plugged[1] as Instance).reaches('10.0.0.60')).toBe(false);
  });

  it('whose physical network no mapping names are in error with the reason, until a mapping is added', async () => {
    const before = await converge({ physnet1: 'br-ex' });
    expect(before.get(idOf(14))).toMatch(
      /^ERROR .*no bridge_mappings entry of this node names physical network physnet2/,
    );
    expect(await shout(14, null)).toEqual([]);
    const mappings = { physnet1: 'br-ex', physnet2: 'br-two' };
    expect((await converge(mappings)).get(idOf(14))).toBe('ACTIVE');
    // The same VLAN id on two uplinks is two networks.
    expect(await shout(14, 'eth62')).toEqual(['eth62 101']);
    expect(await shout(11, 'eth61')).toEqual(['eth61 101']);
    expect(await shoutFrom('eth62', 101, 'tap14')).toEqual(['tap14']);
    expect(await shoutFrom('eth61', 101, 'tap11')).toEqual(['tap11']);
  });

  it('follow a mapping to another bridge, and the other networks lose nothing meanwhile', async () => {
    const from = { physnet1: 'br-ex', physnet2: 'br-two' };
    await converge(from);
    const steady = (plugged[0] as Instance).exec(['ping', '-q', '-c', '100', '-i', '0.02', '-W', '1', '10.0.0.60']);
    expect((await converge({ physnet1: 'br-ex', physnet2: 'br-three' })).get(idOf(14))).toBe('ACTIVE');
    expect((await steady).stdout).toContain('100 packets transmitted, 100 received');
    expect(await shout(14, 'eth63')).toEqual(['eth63 101']);
    expect(await shoutFrom('eth62', 101, null)).toEqual([]);
    expect(await shoutFrom('eth63', 101, 'tap14')).toEqual(['tap14']);
    expect(await leftOf('br-two')).toEqual([]);
    expect(await vsctl('list-ports', 'br-two')).toBe('eth62');
    expect(await vsctl('get', 'Bridge', 'br-two', 'external_ids')).toBe('{}');
  });

  it('on a bridge that was there before take nothing from it, with a mapping and when that is gone', async () => {
    const before = await foreign('br-ex');
    expect(before).toMatchObject({ ports: ['eth61', 'host101', 'theirs'], mode: '[]', flows: 1 });
    await converge({ physnet1: 'br-ex' });
    expect(await foreign('br-ex')).toEqual(before);
    const statuses = await converge({});
    expect([11, 12, 13].map((n) => statuses.get(idOf(n))?.split(' ')[0])).toEqual(['ERROR', 'ERROR', 'ERROR']);
    expect(await foreign('br-ex')).toEqual(before);
    expect(await leftOf('br-ex')).toEqual([]);
    expect(await vsctl('list-ports', 'br-ex')).toBe('eth61\nhost101\ntheirs');
    for (const n of [11, 12, 13]) expect([n, await shout(n, null)]).toEqual([n, []]);
    expect((await converge({ physnet1: 'br-ex' })).get(idOf(11))).toBe('ACTIVE');
    expect(await shout(11, 'eth61')).toEqual(['eth61 101']);
  });
});
