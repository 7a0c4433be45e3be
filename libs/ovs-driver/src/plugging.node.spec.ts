/**
 * An instance that libvirt plugs has no tag in the switch's database until the agent sets one: for the switch it is a trunk port of all VLANs. Here it listens on
 * all of them and sends on all of them, before the agent knows of it, while it is another host's port, and when it is wired.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { addBridge } from '@plumbline/ovsdb';
import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { frames, Instance, Prober, RealSwitch } from './testing/index.js';

const GROUP = 900;
const TAGS = { 1: 5, 2: 6 } as const;
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
/** Not known to the API, another host's, this host's. */
const [STRANGER, ELSEWHERE, OURS] = [98, 97, 11];

function view(): ViewBuilder {
  const builder = new ViewBuilder('cmp1').node('cmp1').node('cmp2').network(1, 'flat').placed(1, { cmp1: TAGS[1] });
  builder.network(2, 'local').placed(2, { cmp1: TAGS[2] });
  builder.group(GROUP).rule(1, GROUP, { direction: 'egress' }).rule(2, GROUP, { protocol: 'udp' });
  const addresses = (n: number) => ({ fixedIps: [{ subnetId: idOf(1), ipAddress: `10.0.0.${n}` }] });
  const onCmp2 = { host: 'cmp2', vnicType: 'normal', profile: {} };
  const trusted = { portSecurityEnabled: false };
  return builder
    .port(OURS, 1, { ...addresses(OURS), securityGroupIds: [idOf(GROUP)] })
    .port(ELSEWHERE, 1, { ...addresses(ELSEWHERE), binding: onCmp2, securityGroupIds: [idOf(GROUP)] })
    .port(14, 1, { ...addresses(14), ...trusted })
    .port(24, 2, { ...addresses(24), ...trusted });
}

describe('an instance plugged as libvirt does it, that listens and sends on all VLANs', () => {
  let real: RealSwitch;
  let count = 0;
  const instances = new Map<number, Instance>();
  const probers = new Map<number, Prober>();
  const at = (n: number): Prober => {
    const found = probers.get(n);
    if (!found) throw new Error(`no prober ${n}`);
    return found;
  };
  const plug = async (n: number, more: Partial<Parameters<typeof Instance.plug>[1]> = { asLibvirt: true }) => {
    const options = { device: `tap${n}`, mac: macOf(n), address: `10.0.0.${n}/24`, ifaceId: idOf(n), ...more };
    const instance = await Instance.plug(real, options);
    instances.set(n, instance);
    probers.set(n, await Prober.start(instance.netns.name, [53]));
  };
  /** Unplugged, as libvirt does it when the guest ends. */
  const unplug = async (n: number) => {
    await real.ovs.tool(['ovs-vsctl', `--db=${real.ovs.remote}`, '--timeout=5', 'del-port', 'br-int', `tap${n}`]);
    await probers.get(n)?.stop();
    await instances.get(n)?.remove();
    probers.delete(n);
    instances.delete(n);
  };
  const converge = async () => {
    const result = await real.converger.converge(view().view, { touched: 'all', mayRemove: true });
    expect(result.failed).toEqual([]);
    return new Map(result.statuses.map(({ id, status }) => [id, status]));
  };
  /** Sends to all, and answers with a question whether somebody heard it. */
  const shout = async (from: number, tag?: number) => {
    count += 1;
    const token = Buffer.from(`${(0x51f1_0000 + count).toString(16)}${'a5'.repeat(16)}`, 'hex');
    const ports = { src: `10.0.0.${from}`, dst: '10.0.0.255', sport: 4000, dport: 53 };
    const ethernet = { src: macOf(from), dst: BROADCAST, type: 0x0800, ...(tag === undefined ? {} : { tag }) };
    await at(from).ask({ do: 'frame', frame: frames.ethernet(ethernet, frames.udp(ports, token)) });
    return (by: number, seconds: number): Promise<boolean> =>
      at(by).ask({ do: 'arrived', token: token.toString('hex'), seconds });
  };
  /** Which of its frames, by tag, anybody hears; 67 is on the wire of the provider network. */
  const heardOf = async (from: number, how: 'wired' | 'not wired') => {
    const asks = [];
    for (const tag of [undefined, 0, TAGS[1], TAGS[2], 4095]) asks.push([tag, await shout(from, tag)] as const);
    const heard = asks.map(async ([tag, by]) => {
      const seconds = tag === undefined && how === 'wired' ? 5 : 0.3;
      const on = await Promise.all([14, 67].map((n) => by(n, seconds)));
      return [on[0] && 14, on[1] && 67, (await by(24, 0.1)) && 24].filter(Boolean);
    });
    return Promise.all(heard);
  };
  /** What it hears of the two networks here, and of the wire. */
  const hears = async (n: number) => {
    const asks = [];
    for (const from of [14, 24, 67]) asks.push([from, await shout(from)] as const);
    // They were all sent: whoever hears the last of them has had the time to hear the others.
    expect(await asks[0]?.[1](67, 5)).toBe(true);
    expect(await asks[2]?.[1](14, 5)).toBe(true);
    return (await Promise.all(asks.map(async ([from, by]) => ((await by(n, 0.3)) ? [from] : [])))).flat();
  };
  const NOBODY = [[], [], [], [], []];

  beforeAll(async () => {
    const config = { bridgeMappings: { physnet1: 'br-ex' }, tunnelIp: null, datapathType: 'netdev' } as const;
    real = await RealSwitch.start({ ...config, firewall: 'openflow' });
    await real.mirror.commit(addBridge({ name: 'br-ex', bridge: { datapath_type: 'netdev' } }));
    await converge();
    await Promise.all([14, 24].map((n) => plug(n)));
    await plug(67, { bridge: 'br-ex', ifaceId: null });
    expect(await converge()).toEqual(
      new Map([
        [idOf(14), 'ACTIVE'],
        [idOf(24), 'ACTIVE'],
        [idOf(OURS), 'DOWN'],
      ]),
    );
  });
  afterAll(async () => {
    for (const prober of probers.values()) await prober.stop();
    for (const instance of instances.values()) await instance.remove();
    await real.stop();
  });

  it.each([
    ['of a port that the API does not know', STRANGER],
    ['of a port that is bound to another host', ELSEWHERE],
  ])('%s reaches nobody and hears nobody, before the agent looked and after', async (_what, n) => {
    await plug(n);
    expect([await heardOf(n, 'not wired'), await hears(n)]).toEqual([NOBODY, []]);
    await converge();
    expect([await heardOf(n, 'not wired'), await hears(n)]).toEqual([NOBODY, []]);
    await unplug(n);
  });

  it('of a port of this host reaches nobody until the agent wires it, and then its own network alone, untagged', async () => {
    await plug(OURS);
    expect([await heardOf(OURS, 'not wired'), await hears(OURS)]).toEqual([NOBODY, []]);
    expect((await converge()).get(idOf(OURS))).toBe('ACTIVE');
    expect([await heardOf(OURS, 'wired'), await hears(OURS)]).toEqual([
      [[14, 67], [], [], [], []],
      [14, 67],
    ]);

    // Plugged anew, its port has another number: again nothing until the agent looked.
    await unplug(OURS);
    await plug(OURS);
    expect([await heardOf(OURS, 'not wired'), await hears(OURS)]).toEqual([NOBODY, []]);
    await converge();
    expect([await heardOf(OURS, 'wired'), await hears(OURS)]).toEqual([
      [[14, 67], [], [], [], []],
      [14, 67],
    ]);
  });
});
