/** What security groups drop and accept is told, of the ports that are to be logged, and not more often than is wanted. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readLogged, type Told } from '@plumbline/ovs-core';
import { idOf, macOf, type ObjectKey, ViewBuilder } from '@plumbline/ovs-core/testing';
import { frameHeaders } from './frame-headers.js';
import { followBridgeLog } from './bridge-copies.js';
import { Instance, Prober, RealSwitch } from './testing/index.js';

const [WEB, STATELESS] = [900, 901];
const tcp = (port: number) => ({ protocol: 'tcp', portRangeMin: port, portRangeMax: port });

/** Devices of bridges are named by the first characters of their port's id. */
const portId = (n: number): string => `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;

/** 11 asks, 12 lets in TCP 80 alone and lets out nothing but that, 13 the same without tracking. */
function view(): ViewBuilder {
  const builder = new ViewBuilder('cmp1').node('cmp1').network(1, 'local').placed(1, { cmp1: 5 });
  builder
    .group(WEB)
    .rule(1, WEB, tcp(80))
    .rule(2, WEB, { ...tcp(80), direction: 'egress' });
  builder.group(STATELESS, { stateful: false }).rule(3, STATELESS, tcp(80));
  builder.rule(4, STATELESS, { direction: 'egress', protocol: 'tcp' });
  const of = (n: number) => ({ id: portId(n), fixedIps: [{ subnetId: idOf(1), ipAddress: `10.0.0.${n}` }] });
  return builder
    .port(11, 1, { ...of(11), portSecurityEnabled: false })
    .port(12, 1, { ...of(12), securityGroupIds: [idOf(WEB)] })
    .port(13, 1, { ...of(13), securityGroupIds: [idOf(STATELESS)] });
}

describe.each(['openflow', 'hybrid'] as const)('packets that security groups drop or accept (%s)', (firewall) => {
  let real: RealSwitch;
  const instances: Instance[] = [];
  const probers = new Map<number, Prober>();
  const lines: Record<string, unknown>[] = [];
  const waiting = new Set<() => void>();
  const at = (n: number): Prober => {
    const found = probers.get(n);
    if (!found) throw new Error(`no prober ${n}`);
    return found;
  };
  const take = (said: Told | null, frame: Buffer) => {
    lines.push({ ...said, ...frameHeaders(frame) });
    for (const wake of [...waiting]) wake();
  };
  let unfollow = (): void => undefined;
  const listen = () => {
    real.driver.onCopy(({ frame, userdata }) => take(readLogged(userdata), frame));
    const options = { limit: { packetsPerSecond: 100, burstPackets: 25 }, netns: real.ovs.netns };
    unfollow = followBridgeLog(real.runner, take, options);
  };
  const converge = async (builder: ViewBuilder, touched: 'all' | ReadonlySet<ObjectKey> = 'all') => {
    const result = await real.converger.converge(builder.view, { touched, mayRemove: true });
    expect(result.failed).toEqual([]);
    await real.revalidated();
    return result;
  };
  const told = (wanted: Record<string, unknown>): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const fits = (line: Record<string, unknown>) =>
          Object.entries(wanted).every(([key, value]) => line[key] === value);
        if (!lines.some(fits)) return;
        clearTimeout(timer);
        waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(
        () => reject(new Error(`not told: ${JSON.stringify(wanted)}, but ${JSON.stringify(lines.slice(0, 5))}`)),
        10_000,
      );
      waiting.add(look);
      look();
    });
  const ask = (from: number, to: number, port: number, kind = 'tcp', seconds = 0.3) =>
    at(from).ask({ do: kind, to: `10.0.0.${to}`, port, seconds });
  /** What is to be answered is waited for. */
  const reaches = (from: number, to: number, port: number) => ask(from, to, port, 'tcp', 5);
  const meter = async (): Promise<string> => {
    const argv = ['ovs-ofctl', '-O', 'OpenFlow14', 'dump-meters', `unix:${real.ovs.dir}/br-int.mgmt`];
    return (await real.ovs.tool(argv)).stdout;
  };

  beforeAll(async () => {
    const config = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev' } as const;
    real = await RealSwitch.start({ ...config, firewall });
    listen();
    await converge(view());
    for (const n of [11, 12, 13]) {
      const options = { device: `tap${n}`, mac: macOf(n), address: `10.0.0.${n}/24`, ifaceId: portId(n) };
      const instance = await Instance[firewall === 'hybrid' ? 'plugByBridge' : 'plug'](real, options);
      instances.push(instance);
      probers.set(n, await Prober.start(instance.netns.name, [80, 81]));
    }
    await converge(view());
  });
  beforeEach(() => void lines.splice(0));
  afterAll(async () => {
    for (const prober of probers.values()) await prober.stop();
    for (const instance of instances) await instance.remove();
    unfollow();
    await real.stop();
  });

  it('are told nobody while no log names their port', async () => {
    expect(await ask(11, 12, 81)).toBe(false);
    expect(await reaches(11, 12, 80)).toBe(true);
    expect(await meter()).not.toContain('meter=');
    expect(lines).toEqual([]);
  });

  it('are told by a log of the port: what is for it and what it sends', async () => {
    const builder = view().packetLog(50, { portId: portId(12) });
    await converge(builder);
    expect(await ask(11, 12, 81)).toBe(false);
    const dropped = { verdict: 'DROP', portId: portId(12), protocol: 'tcp' };
    await told({
      ...dropped,
      direction: 'ingress',
      src: '10.0.0.11',
      dst: '10.0.0.12',
      dstPort: 81,
      srcMac: macOf(11),
    });
    expect(await ask(12, 11, 81)).toBe(false);
    await told({ ...dropped, direction: 'egress', src: '10.0.0.12', dst: '10.0.0.11', dstPort: 81 });
    expect(await reaches(11, 12, 80)).toBe(true);
    expect(lines.filter(({ dstPort }) => dstPort === 80)).toEqual([]);
    expect(await ask(11, 13, 81)).toBe(false);
    expect(lines.filter((line) => line['portId'] === portId(13))).toEqual([]);
    expect(await converge(builder)).toMatchObject({ applied: 0, drift: 0 });
  });

  it('are told by a log of a group, and of what it accepts', async () => {
    const builder = view().packetLog(50, { securityGroupId: idOf(WEB), event: 'ALL' });
    builder.packetLog(51, { securityGroupId: idOf(STATELESS) });
    await converge(builder);
    expect(await reaches(11, 12, 80)).toBe(true);
    expect(await reaches(12, 11, 80)).toBe(true);
    const accepted = { verdict: 'ACCEPT', portId: portId(12), protocol: 'tcp', dstPort: 80 };
    await told({ ...accepted, direction: 'ingress' });
    await told({ ...accepted, direction: 'egress' });
    expect(await ask(11, 12, 81)).toBe(false);
    await told({ verdict: 'DROP', portId: portId(12), direction: 'ingress', dstPort: 81 });
    expect(await ask(11, 13, 81)).toBe(false);
    await told({ verdict: 'DROP', portId: portId(13), direction: 'ingress', dstPort: 81 });
    expect(await ask(13, 11, 53, 'udp')).toBe(false);
    await told({ verdict: 'DROP', portId: portId(13), direction: 'egress', protocol: 'udp' });
    expect(await converge(builder)).toMatchObject({ applied: 0, drift: 0 });
  });

  it('are told as soon as a log is made, and no more when it is gone or not enabled', async () => {
    const builder = view();
    await converge(builder);
    const key = `packetlog/${idOf(52)}` as const;
    builder.packetLog(52, { securityGroupId: idOf(WEB) });
    await converge(builder, new Set([key]));
    expect(await ask(11, 12, 81)).toBe(false);
    await told({ portId: portId(12), dstPort: 81 });
    builder.packetLog(52, { securityGroupId: idOf(WEB), enabled: false });
    await converge(builder, new Set([key]));
    lines.splice(0);
    expect(await ask(11, 12, 81)).toBe(false);
    expect(lines).toEqual([]);
    const { stdout } = await real.runner.run(['iptables-save'], { netns: real.ovs.netns });
    const left = [...(await real.dump('br-int')), ...stdout.split('\n')];
    expect(left.filter((line) => /controller|NFLOG|ACCEPTED/.test(line))).toEqual([]);
  });

  it('are told at the rate that is wanted, however many there are; also after the switch was killed', async () => {
    const builder = view().packetLog(50, { portId: portId(12) });
    await converge(builder);
    const flood = async () => {
      lines.splice(0);
      const frames = Array.from({ length: 2_000 }, () =>
        at(11).ask({ do: 'ip', to: '10.0.0.12', protocol: 112, payload: '00' }),
      );
      const start = performance.now();
      await Promise.all(frames);
      await told({ protocol: '112' });
      return { count: lines.length, seconds: (performance.now() - start) / 1_000 };
    };
    for (const killed of [false, true]) {
      if (killed) {
        real.news.length = 0;
        await real.ovs.stopSwitch(true);
        await real.ovs.startSwitch();
        await real.heard(({ reason }) => reason === 'switch-back');
        await converge(builder);
      }
      if (firewall === 'openflow') expect(await meter()).toMatch(/meter=controller[^]*rate=100 burst_size=25/);
      const { count, seconds } = await flood();
      expect(count).toBeGreaterThan(0);
      expect(count).toBeLessThan(25 + 100 * (seconds + 1));
    }
  });
});
