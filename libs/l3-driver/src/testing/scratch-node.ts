/**
 * A real network node of a test's own: a network and a mount namespace with an empty /run, Open vSwitch on the userspace datapath, and a driver that
 * works there. Nothing of it is seen from, or touches, the machine; it is gone when its helper process is.
 */
import {
  AskOptions,
  CommandFailed,
  FrameAnswer,
  FrameQuestion,
  NetnsSettings,
  NetworkQuestion,
  OutgoingFrame,
  Runner,
  RunOptions,
  RunResult,
  SeenNetwork,
  Spawner,
  SysctlFailed,
  SysctlOptions,
} from '@plumbline/exec';
import { OvsdbClient, OvsdbMirror } from '@plumbline/ovsdb';
import { OwnOvs, startOvs } from '@plumbline/ovsdb/testing';
import { NodeL3Driver, NodeL3DriverOptions } from '../node-driver.js';
import { OvsdbPorts, SwitchPorts } from '../ports.js';

/** Passes everything on and counts what is not marked as a read. */
export class CountingRunner implements Runner {
  mutations = 0;
  /** Questions put to neighbours. */
  asked = 0;
  constructor(private readonly runner: Runner) {}

  run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    if (!options.reads) this.mutations += 1;
    return this.runner.run(argv, options);
  }
  readSysctls(keys: readonly string[], options?: SysctlOptions): Promise<ReadonlyMap<string, string>> {
    return this.runner.readSysctls(keys, options);
  }
  writeSysctls(values: Readonly<Record<string, string>>, options?: SysctlOptions): Promise<void> {
    this.mutations += 1;
    return this.runner.writeSysctls(values, options);
  }
  readTxChecksum(devices: readonly string[], options?: SysctlOptions): Promise<ReadonlyMap<string, boolean>> {
    return this.runner.readTxChecksum(devices, options);
  }
  setTxChecksum(devices: readonly string[], on: boolean, options?: SysctlOptions): Promise<void> {
    this.mutations += 1;
    return this.runner.setTxChecksum(devices, on, options);
  }
  setEach(all: readonly NetnsSettings[]): Promise<readonly (SysctlFailed | CommandFailed | null)[]> {
    this.mutations += 1;
    return this.runner.setEach(all);
  }
  sendFrames(frames: readonly OutgoingFrame[]): Promise<void> {
    return this.runner.sendFrames(frames);
  }
  askFrames(questions: readonly FrameQuestion[], options: AskOptions): Promise<readonly FrameAnswer[]> {
    this.asked += questions.length;
    return this.runner.askFrames(questions, options);
  }
  look(question: NetworkQuestion, netnses?: readonly string[]): Promise<readonly (SeenNetwork | CommandFailed)[]> {
    return this.runner.look(question, netnses);
  }
}

export type ScratchNode = {
  readonly spawner: Spawner;
  readonly runner: CountingRunner;
  readonly ports: SwitchPorts;
  readonly mirror: OvsdbMirror;
  readonly ovs: OwnOvs;
  /** A driver as if the agent had just started. */
  driver(options?: NodeL3DriverOptions): NodeL3Driver;
  /** Does the OVS agent's part: a port of this iface-id gets this tag. */
  wire(device: string, tag: number): Promise<void>;
  /** An instance behind this gateway, or without one a host outside: a namespace on br-int with this tag. */
  plug(name: string, tag: number, address: string, gateway?: string): Promise<void>;
  remove(): Promise<void>;
};

/** Needs root, Open vSwitch and iptables. */
export async function makeNode(): Promise<ScratchNode> {
  // The machine's /run may be empty (nobody has run `ip netns` since it booted): the node brings its own, as it would after its own boot.
  const prepare = 'mount -t tmpfs -o mode=755 tmpfs /run && ip link set lo up && exec "$@"';
  const spawner = new Spawner({ under: ['unshare', '--net', '--mount', '--', 'sh', '-c', prepare, 'sh'] });
  await spawner.run(['true']);
  const ovs = await startOvs({ netns: `/proc/${spawner.helperPid}/ns/net` });
  const vsctl = (...argv: string[]): Promise<RunResult> => ovs.tool(['ovs-vsctl', `--db=${ovs.remote}`, ...argv]);
  await vsctl('add-br', 'br-int', '--', 'set', 'bridge', 'br-int', 'datapath_type=netdev');
  const client = await OvsdbClient.connect(ovs.remote);
  const mirror = await OvsdbMirror.open(client);
  const runner = new CountingRunner(spawner);
  const ports = new OvsdbPorts(mirror);
  const drivers: NodeL3Driver[] = [];
  return {
    spawner,
    runner,
    ports,
    mirror,
    ovs,
    driver(options) {
      const driver = new NodeL3Driver(runner, ports, options);
      drivers.push(driver);
      return driver;
    },
    async wire(device, tag) {
      await vsctl('set', 'port', device, `tag=${tag}`);
    },
    async plug(name, tag, address, gateway) {
      // Instances learn the network's MTU by DHCP; what is larger than their port takes is dropped.
      const mtu = gateway ? 1450 : 1500;
      const lines = [
        `netns add ${name}`,
        `link add v-${name} up mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${name}`,
      ];
      await spawner.run(['ip', '-batch', '-'], { stdin: `${lines.join('\n')}\n` });
      await spawner.setTxChecksum(['eth0'], false, { netns: name });
      const inside = ['link set lo up', `address add ${address} dev eth0`, 'link set eth0 up'];
      if (gateway) inside.push(`route add default via ${gateway}`);
      await spawner.run(['ip', '-batch', '-'], { netns: name, stdin: `${inside.join('\n')}\n` });
      await vsctl('add-port', 'br-int', `v-${name}`, `tag=${tag}`);
    },
    async remove() {
      for (const driver of drivers) driver.close();
      mirror.close();
      client.close();
      await ovs.stop();
      await spawner.close();
    },
  };
}
