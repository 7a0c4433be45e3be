/** A real Open vSwitch of a spec's own with a converger on it, and namespaces plugged into it. Needs root. */
import { run, Spawner, type RunResult } from '@plumbline/exec';
import { makeNetns, type ScratchNetns } from '@plumbline/exec/testing';
import { addBridge, addPort, OvsdbClient, OvsdbMirror } from '@plumbline/ovsdb';
import { startOvs, type OwnOvs } from '@plumbline/ovsdb/testing';
import { bridgeEnd, bridgeOf, NodeConverger, type OvsNodeConfig, switchEnd, tapOf } from '@plumbline/ovs-core';
import { BridgeDriver } from '../bridge-driver.js';
import { SwitchDriver } from '../switch-driver.js';
import type { SwitchNews } from '../switch-news.js';
import { canonicalState } from './state.js';

export class RealSwitch {
  readonly news: SwitchNews[] = [];
  private readonly waiting = new Set<() => void>();

  private constructor(
    readonly ovs: OwnOvs,
    readonly client: OvsdbClient,
    readonly mirror: OvsdbMirror,
    readonly runner: Spawner,
    public driver: SwitchDriver,
    public converger: NodeConverger,
    public config: OvsNodeConfig,
  ) {}

  static async start(config: OvsNodeConfig, netns?: string): Promise<RealSwitch> {
    const ovs = await startOvs(netns === undefined ? {} : { netns });
    const client = await OvsdbClient.connect(ovs.remote);
    const mirror = await OvsdbMirror.open(client);
    const runner = new Spawner();
    const driver = new SwitchDriver(mirror, runner, { runDir: ovs.dir, netns: ovs.netns });
    const made = new RealSwitch(ovs, client, mirror, runner, driver, null as never, config);
    made.adoptDriver(driver);
    return made;
  }

  /** As after a restart of the agent: a driver and a converger without memory. */
  restartAgent(): void {
    this.driver.close();
    this.adoptDriver(new SwitchDriver(this.mirror, this.runner, { runDir: this.ovs.dir, netns: this.ovs.netns }));
  }

  private adoptDriver(driver: SwitchDriver): void {
    this.driver = driver;
    const bridges = new BridgeDriver(this.runner, { netns: this.ovs.netns });
    this.converger = new NodeConverger(driver, bridges, () => this.config);
    driver.onNews((news) => {
      this.news.push(news);
      for (const wake of [...this.waiting]) wake();
    });
  }

  /** Resolves with the first news, told or to come, that fits; fails after ten seconds. */
  heard(fits: (news: SwitchNews) => boolean): Promise<SwitchNews> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.news.find(fits);
        if (!found) return;
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.waiting.delete(look);
        reject(new Error(`no such news within 10 s; there were: ${JSON.stringify(this.news)}`));
      }, 10_000);
      this.waiting.add(look);
      look();
    });
  }

  /**
   * Resolves when the packets that come now are judged by the flows of now. Until the revalidators have looked at it, the datapath goes on with what it kept of
   * older flows: some milliseconds, more when they get little CPU. A look that was under way when the flows changed may have seen the older ones, so they are paused,
   * which is between two looks, and the end of the next one is waited for (revalidator/pause, wait and resume of ovs-vswitchd).
   */
  async revalidated(): Promise<void> {
    const tell = (command: string) =>
      this.ovs.tool(['ovs-appctl', '-t', `${this.ovs.dir}/ovs-vswitchd.ctl`, `revalidator/${command}`]);
    await tell('pause');
    await Promise.all([tell('wait'), tell('resume')]);
  }

  /** `nextCfg` counts every transaction that anybody made through us; equal before and after means that nothing was changed. */
  get transactions(): number {
    return this.mirror.root?.next_cfg ?? 0;
  }

  async dump(bridge: string): Promise<string[]> {
    const socket = `unix:${this.ovs.dir}/${bridge}.mgmt`;
    const { stdout } = await this.ovs.tool([
      'ovs-ofctl',
      '-O',
      'OpenFlow14',
      '--no-stats',
      '--names',
      'dump-flows',
      socket,
    ]);
    return stdout
      .split('\n')
      .filter((line) => line.startsWith(' ') && !line.includes('hard_timeout=300, priority'))
      .sort();
  }

  async state(): Promise<string> {
    const dumps = new Map<string, string[]>();
    for (const { name } of this.mirror.bridges()) dumps.set(name, await this.dump(name));
    return canonicalState(this.mirror, (bridge) => dumps.get(bridge) ?? []);
  }

  async stop(): Promise<void> {
    this.driver.close();
    this.mirror.close();
    this.client.close();
    await this.runner.close();
    await this.ovs.stop();
  }
}

/** Joins two switches by a wire: a veth pair in a bridge each, which has the tunnel address (the userspace datapath routes tunnels by its own bridges). */
export async function joinUnderlay(
  ends: readonly [RealSwitch, RealSwitch],
  addresses: readonly [string, string],
): Promise<void> {
  const [a, b] = ends;
  const pair = ['type', 'veth', 'peer', 'name', 'wire0', 'netns', b.ovs.netns];
  await run(['ip', '-n', a.ovs.netns, 'link', 'add', 'wire0', ...pair]);
  for (const [index, end] of ends.entries()) await plugWire(end, addresses[index] ?? '');
}

async function plugWire({ ovs: { netns }, mirror }: RealSwitch, address: string): Promise<void> {
  await mirror.commit([
    ...addBridge({ name: 'br-under', bridge: { datapath_type: 'netdev' } }),
    ...addPort({ bridge: 'br-under', name: 'wire0' }),
  ]);
  // The bridge answers for its address, the kernel must not: its answer would have the wire's MAC, to which no tunnel end listens.
  await run(['ip', '-n', netns, 'link', 'set', 'wire0', 'arp', 'off', 'up']);
  await run(['ip', '-n', netns, 'address', 'add', `${address}/24`, 'dev', 'br-under']);
  await run(['ip', '-n', netns, 'link', 'set', 'br-under', 'mtu', '1500', 'up']);
}

/** Joins any number of switches by a hub, as `joinUnderlay` joins two. Remove the hub when the switches are stopped. */
export async function joinByHub(ends: readonly RealSwitch[], addresses: readonly string[]): Promise<ScratchNetns> {
  const hub = await makeNetns('hub');
  await run(['ip', '-n', hub.name, 'link', 'add', 'hub', 'type', 'bridge']);
  await run(['ip', '-n', hub.name, 'link', 'set', 'hub', 'up']);
  for (const [index, end] of ends.entries()) {
    const name = `wire${index}`;
    const pair = ['type', 'veth', 'peer', 'name', 'wire0', 'netns', end.ovs.netns];
    await run(['ip', '-n', hub.name, 'link', 'add', name, ...pair]);
    await run(['ip', '-n', hub.name, 'link', 'set', name, 'master', 'hub', 'up']);
    await plugWire(end, addresses[index] ?? '');
  }
  return hub;
}

/** A namespace plugged into a switch by a veth pair born in it, as an instance would be. */
export class Instance {
  private bridged = false;

  private constructor(
    readonly netns: ScratchNetns,
    public device: string,
    private on: RealSwitch,
    private readonly what: Readonly<{ mac: string; address: string; mtuBytes: number }>,
  ) {}

  /** `address` with prefix length. The far end is named `device` in the switch's namespace; without `ifaceId` it is nobody's. */
  static async plug(
    on: RealSwitch,
    options: {
      device: string;
      mac: string;
      address: string;
      ifaceId: string | null;
      bridge?: string;
      tag?: number;
      mtuBytes?: number;
      asLibvirt?: boolean;
      /** Waits for no switch, which may be away. */
      noWait?: boolean;
    },
  ): Promise<Instance> {
    const { device, mac, address, ifaceId, bridge = 'br-int', mtuBytes = 1450 } = options;
    const made = new Instance(await makeNetns('inst'), device, on, { mac, address, mtuBytes });
    await made.makeDevice();
    if (options.asLibvirt) {
      await made.plugAsLibvirt(ifaceId ?? '');
      return made;
    }
    if (options.noWait) {
      await made.plugIn(device, ifaceId ?? '');
      return made;
    }
    const external_ids = ifaceId === null ? {} : { 'iface-id': ifaceId, 'attached-mac': mac };
    await on.mirror.commit(
      addPort({ bridge, name: device, port: { tag: options.tag ?? null }, interface: { external_ids } }),
    );
    return made;
  }

  /** The very command that libvirt runs for `<virtualport type='openvswitch'>`: no tag, in one transaction. */
  private async plugAsLibvirt(ifaceId: string): Promise<void> {
    const { device, on, netns } = this;
    const set = (key: string, value: string) => ['--', 'set', 'Interface', device, `external-ids:${key}="${value}"`];
    await on.ovs.tool([
      ...['ovs-vsctl', `--db=${on.ovs.remote}`, '--timeout=5', '--', '--may-exist', 'add-port', 'br-int', device],
      ...[...set('attached-mac', this.what.mac), ...set('iface-id', ifaceId), ...set('vm-id', netns.name)],
      ...['--', 'set', 'Interface', device, 'external-ids:iface-status=active'],
    ]);
  }

  /**
   * As when an instance is migrated: unplugged here and plugged in there, with the same addresses. Waits for neither switch, which may be away. `byBridge`: whether it
   * has a bridge there; without one its device is named `device`.
   */
  async moveTo(
    there: RealSwitch,
    { ifaceId, device, byBridge = false }: Readonly<{ ifaceId: string; device: string; byBridge?: boolean }>,
  ): Promise<void> {
    await this.vsctl('--if-exists', 'del-port', 'br-int', this.bridged ? switchEnd(ifaceId) : this.device);
    await this.link('delete', this.device);
    if (this.bridged) for (const each of [bridgeEnd(ifaceId), bridgeOf(ifaceId)]) await this.link('delete', each);
    this.on = there;
    this.device = byBridge ? tapOf(ifaceId) : device;
    this.bridged = byBridge;
    if (byBridge) await this.makeBridge(ifaceId);
    else await this.makeDevice();
    await this.plugIn(byBridge ? switchEnd(ifaceId) : device, ifaceId);
  }

  private vsctl(...argv: string[]): Promise<RunResult> {
    const { ovs } = this.on;
    return ovs.tool(['ovs-vsctl', `--db=${ovs.remote}`, '--no-wait', ...argv]);
  }

  private async plugIn(end: string, ifaceId: string): Promise<void> {
    const ids = [`external_ids:iface-id=${ifaceId}`, `external_ids:attached-mac="${this.what.mac}"`];
    await this.vsctl('add-port', 'br-int', end, '--', 'set', 'Interface', end, ...ids);
  }

  /** As os-vif does where bridges have the rules: `tap<11>` in `qbr<11>`, which a pair joins to br-int. `ifaceId` names them. */
  static async plugByBridge(
    on: RealSwitch,
    options: { mac: string; address: string; ifaceId: string | null; mtuBytes?: number },
  ): Promise<Instance> {
    const { mac, address, mtuBytes = 1450 } = options;
    const id = options.ifaceId ?? '';
    const made = new Instance(await makeNetns('inst'), tapOf(id), on, { mac, address, mtuBytes });
    made.bridged = true;
    await made.makeBridge(id);
    const external_ids = { 'iface-id': id, 'attached-mac': mac };
    await on.mirror.commit(addPort({ bridge: 'br-int', name: switchEnd(id), interface: { external_ids } }));
    return made;
  }

  /** The bridge, the pair that joins it to br-int, and the instance's own pair in it; nothing is told the switch's database. */
  private async makeBridge(id: string): Promise<void> {
    const [bridge, near, far] = [bridgeOf(id), bridgeEnd(id), switchEnd(id)];
    const { on } = this;
    const plain = ['stp_state', '0', 'forward_delay', '0', 'ageing_time', '0', 'mcast_snooping', '0'];
    await this.link('add', bridge, 'type', 'bridge', ...plain);
    await this.link('add', near, 'type', 'veth', 'peer', 'name', far);
    for (const device of [bridge, near, far])
      await on.runner.writeSysctls({ [`net/ipv6/conf/${device}/disable_ipv6`]: '1' }, { netns: on.ovs.netns });
    await this.link('set', near, 'master', bridge);
    await this.makeDevice();
    await this.link('set', this.device, 'master', bridge);
    for (const device of [bridge, near, far]) await this.link('set', device, 'up');
  }

  /** The pair of devices; nothing is told the switch's database. */
  async makeDevice(): Promise<void> {
    const { device, netns, on } = this;
    const { mac, address, mtuBytes } = this.what;
    const make = ['link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns.name];
    await run(['ip', '-n', on.ovs.netns, ...make]);
    await run(['ip', '-n', on.ovs.netns, 'link', 'set', device, 'up']);
    await run(['ip', '-n', netns.name, 'link', 'set', 'eth0', 'address', mac, 'mtu', String(mtuBytes), 'up']);
    await run(['ip', '-n', netns.name, 'address', 'add', address, 'dev', 'eth0']);
    await run(['ethtool', '-K', 'eth0', 'tx', 'off'], { netns: netns.name });
  }

  /** `ip link ...` where the switch is. */
  link(...argv: string[]): Promise<RunResult> {
    return run(['ip', '-n', this.on.ovs.netns, 'link', ...argv]);
  }

  exec(argv: readonly string[], more: { okCodes?: readonly number[]; stdin?: string } = {}): Promise<RunResult> {
    return run(argv, { netns: this.netns.name, timeoutMs: 20_000, ...more });
  }

  /** True when at least one of three pings is answered. */
  async reaches(address: string): Promise<boolean> {
    const { code } = await this.exec(['ping', '-q', '-c', '3', '-i', '0.2', '-W', '1', address], {
      okCodes: [0, 1, 2],
    });
    return code === 0;
  }

  /** Bytes that arrive of `size` sent over TCP to a server in `to`. */
  async transfer(to: Instance, address: string, size: number): Promise<number> {
    const server = [
      'const net=require("node:net");let n=0;',
      `const s=net.createServer(c=>{c.on("data",d=>n+=d.length);c.on("end",()=>{c.end(String(n));s.close()})});`,
      `s.listen(5001,"0.0.0.0",()=>{});setTimeout(()=>process.exit(3),15000).unref();`,
    ].join('');
    const client = [
      'const net=require("node:net");let out="";',
      `const go=(left)=>{const c=net.connect({host:"${address}",port:5001});`,
      `c.on("connect",()=>c.end(Buffer.alloc(${size})));c.on("data",d=>out+=d);`,
      'c.on("close",()=>{if(out)console.log(out);else if(left>0)setTimeout(go,50,left-1);else process.exit(4)});c.on("error",()=>{})};go(40);',
      'setTimeout(()=>process.exit(5),15000).unref();',
    ].join('');
    const serving = to.exec(['node', '-e', server]);
    const { stdout } = await this.exec(['node', '-e', client]);
    await serving;
    return Number(stdout.trim());
  }

  /** How many of `count` datagrams arrive that are sent 20 ms apart to a receiver in `to` that answers none of them. */
  async datagrams(to: Instance, address: string, count: number): Promise<number> {
    const receiver = [
      'const s=require("node:dgram").createSocket("udp4");let n=0;const end=()=>{console.log(n);process.exit(0)};',
      `let t=setTimeout(end,${count * 20 + 8_000});`,
      `s.on("message",()=>{n+=1;clearTimeout(t);if(n===${count})end();else t=setTimeout(end,1500)});s.bind(5002);`,
    ].join('');
    const sender = [
      'const s=require("node:dgram").createSocket("udp4");let n=0;',
      `const go=()=>s.send("x",5002,"${address}",()=>{n+=1;if(n<${count})setTimeout(go,20);else process.exit(0)});go();`,
    ].join('');
    const receiving = to.exec(['node', '-e', receiver]);
    for (;;) {
      const { stdout } = await to.exec(['ss', '-Hunl', 'sport', '=', ':5002']);
      if (stdout.trim() !== '') break;
    }
    await this.exec(['node', '-e', sender]);
    return Number((await receiving).stdout.trim());
  }

  /** The pair first, if it and the switch are still there: the kernel takes it away with the namespace, but later, and its name could not be used again until then. */
  async remove(): Promise<void> {
    await run(['ip', '-n', this.on.ovs.netns, 'link', 'delete', this.device], { okCodes: [0, 1, 255] });
    await this.netns.remove();
  }
}
