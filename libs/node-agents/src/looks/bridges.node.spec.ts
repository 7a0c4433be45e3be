/** What a real node says that rules on the bridges of two instances do with a packet, beside what becomes of a real one. Nobody puts right what is changed by hand. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PACKET_LOOKS, type TracedPacket } from '@plumbline/contracts';
import type { IpVersion } from '@plumbline/iptables';
import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { Instance, Prober, RealSwitch } from '@plumbline/ovs-driver/testing';
import { rulesRead } from './bridges.js';
import { switching } from './switching.js';

const [OPEN, WEB, FRIENDS] = [901, 902, 903];
const [A, B] = [11, 12];
const PORTS = [80, 81, 82];
/** Devices are named by the first characters of their port's id. */
const portId = (n: number): string => `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;
const qvb = (n: number): string => `qvb${portId(n).slice(0, 11)}`;
const ip = (n: number, six = false): string => `${six ? 'fd00::' : '10.0.0.'}${n}`;

/** Everything out; TCP port 80 in, and 82 from members of a group, of which A is one. */
function view(): ViewBuilder {
  const builder = new ViewBuilder('cmp1')
    .node('cmp1', { firewall: 'hybrid' })
    .network(1, 'local')
    .placed(1, { cmp1: 5 });
  for (const group of [OPEN, WEB, FRIENDS]) builder.group(group);
  let rule = 300;
  for (const ethertype of ['IPv4', 'IPv6'] as const) {
    builder.rule((rule += 1), OPEN, { direction: 'egress', ethertype });
    builder.rule((rule += 1), WEB, { ethertype, protocol: 'tcp', portRangeMin: 80, portRangeMax: 80 });
    const friends = { remoteGroupId: idOf(FRIENDS), protocol: 'tcp', portRangeMin: 82, portRangeMax: 82 };
    builder.rule((rule += 1), WEB, { ethertype, ...friends });
  }
  builder.member(FRIENDS, A, [`${ip(A)}/32`, `${ip(A, true)}/128`]);
  for (const n of [A, B])
    builder.port(n, 1, {
      id: portId(n),
      fixedIps: [false, true].map((six) => ({ subnetId: idOf(six ? 2 : 1), ipAddress: ip(n, six) })),
      securityGroupIds: [idOf(OPEN), ...(n === B ? [idOf(WEB)] : [])],
    });
  return builder;
}
const packet = (port: number, six = false): TracedPacket => ({
  ...{ protocol: 'tcp', source: ip(A, six), destination: ip(B, six), sourcePort: 50_000, destinationPort: port },
});
const turned = ({ protocol, source, destination, sourcePort, destinationPort }: TracedPacket): TracedPacket => ({
  ...{ protocol, source: destination, destination: source, sourcePort: destinationPort, destinationPort: sourcePort },
});

describe('a packet over the bridges of two instances', () => {
  let real: RealSwitch;
  const instances: Instance[] = [];
  const probers = new Map<number, Prober>();
  const inside = async (...argv: string[]) =>
    (await real.runner.run(['ip', 'netns', 'exec', real.ovs.netns, ...argv])).stdout;
  const saved = async () =>
    [await inside('iptables-save'), await inside('ip6tables-save'), await inside('ipset', 'save')]
      .join('')
      .replaceAll(/^#.*\n|\[\d+:\d+\]/gm, '');

  beforeAll(async () => {
    const config = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev', firewall: 'hybrid' } as const;
    real = await RealSwitch.start(config);
    const converge = () => real.converger.converge(view().view, { touched: 'all', mayRemove: true });
    await converge();
    for (const n of [A, B]) {
      const options = { device: `tap${n}`, mac: macOf(n), address: `${ip(n)}/24`, ifaceId: portId(n) };
      const instance = await Instance.plugByBridge(real, options);
      instances.push(instance);
      await instance.exec(['ip', 'address', 'add', `${ip(n, true)}/64`, 'dev', 'eth0', 'nodad']);
      probers.set(n, await Prober.start(instance.netns.name, PORTS));
    }
    expect((await converge()).failed).toEqual([]);
  });
  afterAll(async () => {
    for (const prober of probers.values()) await prober.stop();
    for (const instance of instances) await instance.remove();
    await real.stop();
  });

  const asked = async (given: TracedPacket, opened: TracedPacket | null = null) => {
    const from = given.source === ip(A) || given.source === ip(A, true) ? A : B;
    const params = PACKET_LOOKS.switching.params.parse({
      entry: { at: 'port', portId: portId(from) },
      ...{ sourceMac: macOf(from), destinationMac: macOf(from === A ? B : A), packet: given, opened },
    });
    const rules = (version: IpVersion) => rulesRead(real.runner, version, { netns: real.ovs.netns });
    const said = await switching(real.mirror, real.ovs.dir, params, rules);
    return PACKET_LOOKS.switching.answer.parse(said).bridges;
  };
  /** What is said of both bridges, in a few words. */
  const said = async (port: number, six = false) =>
    (await asked(packet(port, six))).map(({ direction, end, rules }) => {
      const { did, of, chain } = rules.at(-1) ?? { did: 'nothing', of: '', chain: '' };
      return `${direction} ${end}: ${did} ${of}${chain === 'FORWARD' ? ' FORWARD' : ''}`;
    });
  const really = async (port: number, six = false) => {
    const wanted = (await said(port, six)).every((each) => each.includes('passed'));
    return probers.get(A)?.ask({ do: 'tcp', to: ip(B, six), port, seconds: wanted ? 5 : 0.5 });
  };
  const OUT = 'egress passed: accept ours';
  const IN = 'ingress passed: accept ours';
  const SHUT = 'ingress dropped: drop ours';

  it.each([
    ['that a rule lets in', 80, IN],
    ['that none lets in', 81, SHUT],
    ['from a member of a group', 82, IN],
  ])('%s, as real ones go, of both IP versions', async (_what, port, ends) => {
    for (const six of [false, true]) {
      const before = await saved();
      expect(await said(port, six)).toEqual([OUT, ends]);
      expect(await saved()).toEqual(before);
      expect(await really(port, six)).toBe(ends === IN);
    }
  });

  it('names the rule that decides by its event, and the bridge', async () => {
    const [out, in_] = await asked(packet(80));
    expect(out).toMatchObject({ portId: portId(A), bridge: `qbr${portId(A).slice(0, 11)}`, unjudged: [], remark: '' });
    const rule = [...view().view.objects.values()].find((each) => each.id === idOf(302));
    expect(in_?.rules.at(-1)).toMatchObject({
      ...{ table: 'filter', did: 'accept', of: 'ours', line: expect.stringContaining('--dport 80') },
      position: rule?.setAt['securitygrouprule'],
    });
  });

  it('that answers is let through by the rule that let in what it answers, and by none without', async () => {
    const ends = (bridges: Awaited<ReturnType<typeof asked>>) => bridges.map(({ end }) => end);
    expect(ends(await asked(turned(packet(80)), packet(80)))).toEqual(['passed', 'passed']);
    expect(ends(await asked(turned(packet(80))))).toEqual(['passed', 'dropped']);
    expect(ends(await asked(turned(packet(81)), packet(81)))).toEqual(['dropped', 'passed']);
  });

  /** Made and unmade by hand; `unjudged`: how many rules cannot be judged. */
  type Change = Readonly<{
    what: string;
    make: string[];
    unmake: string[];
    port: number;
    ends: string[];
    unjudged?: number;
  }>;
  const set = `NIPv4${idOf(FRIENDS).slice(-26)}`;
  const rule = (make: string, unmake: string, text: string) => ({
    make: ['iptables', make, ...text.split(' ')],
    unmake: ['iptables', unmake, ...text.split(' ')],
  });

  it.each<Change>([
    {
      what: 'a member was taken out of its set',
      ...{ make: ['ipset', 'del', set, ip(A)], unmake: ['ipset', 'add', set, ip(A)] },
      ...{ port: 82, ends: [OUT, SHUT] },
    },
    {
      what: 'somebody put a rule before ours',
      ...rule('-I', '-D', `FORWARD -m physdev --physdev-in ${qvb(B)} -p tcp --dport 80 -j DROP`),
      ...{ port: 80, ends: [OUT, 'ingress dropped: drop foreign FORWARD'] },
    },
    {
      what: 'a rule of somebody else cannot be judged',
      ...rule('-I', '-D', 'FORWARD -m time --timestart 00:00:00 --timestop 00:00:01 -j DROP'),
      ...{ port: 80, ends: [OUT, IN], unjudged: 2 },
    },
    {
      what: 'the way to our chains is gone',
      ...rule('-D', '-I', 'FORWARD -j neutron-openvswi-FORWARD'),
      ...{ port: 81, ends: ['egress', 'ingress'].map((way) => `${way} passed: accept foreign FORWARD`) },
    },
  ])('where $what, as real ones go', async ({ make, unmake, port, ends, unjudged = 0 }) => {
    await inside(...make);
    try {
      expect(await said(port)).toEqual(ends);
      expect((await asked(packet(port))).flatMap((each) => each.unjudged)).toHaveLength(unjudged);
      expect(await really(port)).toBe(ends.every((each) => each.includes('passed')));
    } finally {
      await inside(...unmake);
    }
  });

  it('where a rule was removed by hand, as real ones go', async () => {
    const [, found = ''] = /^-A (.*--dport 80 .*)$/m.exec(await inside('iptables-save')) ?? [];
    const gone = found.replaceAll('"', '').split(' ');
    await inside('iptables', '-D', ...gone);
    expect(await said(80)).toEqual([OUT, SHUT]);
    expect(await really(80)).toBe(false);
    expect(await really(80, true)).toBe(true);
    await inside('iptables', '-I', ...gone);
    expect(await really(80)).toBe(true);
  });

  it('where the kernel shows iptables nothing of bridges, as real ones go', async () => {
    const show = (value: string) =>
      real.runner.writeSysctls({ 'net/bridge/bridge-nf-call-iptables': value }, { netns: real.ovs.netns });
    await show('0');
    const [out] = await asked(packet(81));
    expect(out).toMatchObject({ end: 'passed', rules: [], remark: expect.stringContaining('bridge-nf-call-iptables') });
    expect(await really(81)).toBe(true);
    await show('1');
    expect(await really(81)).toBe(false);
  });
});
