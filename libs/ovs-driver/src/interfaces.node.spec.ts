/**
 * What others plug into br-int, by type: an end of a veth pair, a device that the switch makes itself (internal) and that is moved into a namespace, the tap device of
 * a guest, and a vhost-user socket, which this switch cannot open. All are one network's; each that works reaches the others.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '@plumbline/exec';
import { makeNetns, type ScratchNetns } from '@plumbline/exec/testing';
import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { frames, Instance, Prober, RealSwitch } from './testing/index.js';

const [VETH, INTERNAL, TAP, VHOST] = [11, 12, 13, 14];
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** Holds a tap device open as a guest's QEMU does: writes the frames that it is given in hex, and prints those that it gets. */
const GUEST = String.raw`
import fcntl, os, struct, sys, threading
fd = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH22x', sys.argv[1].encode(), 0x1002))
print('open', flush=True)
def hear():
    while True: print(os.read(fd, 65536).hex(), flush=True)
threading.Thread(target=hear, daemon=True).start()
for line in sys.stdin: os.write(fd, bytes.fromhex(line.strip()))
`;

class Guest {
  private readonly heard: string[] = [];
  private readonly waiting = new Set<() => void>();

  private constructor(private readonly process: ChildProcess) {
    createInterface({ input: process.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.heard.push(line);
      for (const wake of [...this.waiting]) wake();
    });
  }

  static async start(netns: string, device: string): Promise<Guest> {
    const argv = ['netns', 'exec', netns, 'python3', '-c', GUEST, device];
    const guest = new Guest(spawn('ip', argv, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await guest.hears('open');
    return guest;
  }

  send(frame: string): void {
    this.process.stdin?.write(`${frame}\n`);
  }

  async hears(text: string): Promise<void> {
    while (!this.heard.some((line) => line.includes(text)))
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${text} did not come in 10 s`)), 10_000);
        const wake = (): void => {
          clearTimeout(timer);
          this.waiting.delete(wake);
          resolve();
        };
        this.waiting.add(wake);
      });
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
  }
}

describe.each(['none', 'openflow'] as const)('what is plugged in by type, firewall %s', (firewall) => {
  let real: RealSwitch;
  let veth: Instance;
  let inside: ScratchNetns;
  let prober: Prober;
  let guest: Guest;
  const view = new ViewBuilder('cmp1').node('cmp1').network(1, 'local').placed(1, { cmp1: 1 });
  view.group(900).rule(1, 900, { direction: 'egress' }).rule(2, 900);
  for (const n of [VETH, INTERNAL, TAP, VHOST])
    view.port(n, 1, { fixedIps: [{ subnetId: idOf(1), ipAddress: `10.0.0.${n}` }], securityGroupIds: [idOf(900)] });
  const vsctl = (...argv: string[]) =>
    real.ovs.tool(['ovs-vsctl', `--db=${real.ovs.remote}`, '--timeout=10', '--no-wait', ...argv]);
  const plug = (n: number, device: string, type: string, ...more: string[]) =>
    vsctl('add-port', 'br-int', device, 'tag=4095', '--', 'set', 'Interface', device, `type=${type}`, `external_ids:iface-id=${idOf(n)}`, ...more); // prettier-ignore
  const statusOf = async (n: number) => {
    const { statuses } = await real.converger.converge(view.view, { touched: 'all', mayRemove: true });
    const found = statuses.find(({ id }) => id === idOf(n));
    return `${found?.status} ${found?.reason ?? ''}`.trim();
  };
  /** The switch opens what is plugged in in its own time. */
  const until = async (n: number, fits: RegExp): Promise<string> => {
    for (const end = performance.now() + 20_000; ;) {
      const said = await statusOf(n);
      if (fits.test(said)) return said;
      if (performance.now() > end) throw new Error(`port ${n}: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  beforeAll(async () => {
    real = await RealSwitch.start({ bridgeMappings: {}, datapathType: 'netdev', tunnelIp: null, firewall });
    await statusOf(VETH);
    const options = { device: 'tap11', mac: macOf(VETH), address: `10.0.0.${VETH}/24`, ifaceId: idOf(VETH) };
    veth = await Instance.plug(real, options);
    prober = await Prober.start(veth.netns.name, []);
    inside = await makeNetns('inner');
  }, 60_000);
  afterAll(async () => {
    await guest?.stop();
    await prober.stop();
    await veth.remove();
    await inside.remove();
    await real.stop();
  });

  it('a veth end and an internal port reach each other', async () => {
    await plug(INTERNAL, 'int12', 'internal');
    await until(INTERNAL, /^DOWN the device of interface int12 is in the switch's own namespace and set down/);
    const ip = (...argv: string[]) => run(['ip', '-n', inside.name, ...argv]);
    await run(['ip', '-n', real.ovs.netns, 'link', 'set', 'int12', 'netns', inside.name]);
    await ip('link', 'set', 'int12', 'address', macOf(INTERNAL), 'mtu', '1450', 'up');
    await ip('address', 'add', `10.0.0.${INTERNAL}/24`, 'dev', 'int12');
    await until(INTERNAL, /^ACTIVE$/);
    expect(await until(VETH, /^ACTIVE$/)).toBe('ACTIVE');
    expect(await veth.reaches(`10.0.0.${INTERNAL}`)).toBe(true);
  });

  it('a tap device carries frames both ways while its guest holds it open', async () => {
    const netns = real.ovs.netns;
    await run(['ip', '-n', netns, 'tuntap', 'add', 'dev', 'tap13', 'mode', 'tap']);
    guest = await Guest.start(netns, 'tap13');
    await run(['ip', '-n', netns, 'link', 'set', 'tap13', 'mtu', '1450', 'up']);
    await plug(TAP, 'tap13', 'system');
    await until(TAP, /^ACTIVE$/);
    const arp = (op: 1 | 2, n: number, target: number) => ({
      ...{ op, sha: macOf(n), spa: `10.0.0.${n}`, tha: '00:00:00:00:00:00', tpa: `10.0.0.${target}` },
    });
    const question = frames.ethernet({ src: macOf(TAP), dst: BROADCAST, type: 0x0806 }, frames.arp(arp(1, TAP, VETH)));
    guest.send(question);
    const [own, to] = [macOf(VETH).replaceAll(':', ''), macOf(TAP).replaceAll(':', '')];
    // The answer of the other instance's kernel, for the guest.
    await guest.hears(`${to}${own}0806`);
    const token = randomBytes(16).toString('hex');
    const ports = { src: `10.0.0.${TAP}`, dst: `10.0.0.${VETH}`, sport: 4000, dport: 4001 };
    const ethernet = { src: macOf(TAP), dst: macOf(VETH), type: 0x0800 };
    guest.send(frames.ethernet(ethernet, frames.udp(ports, Buffer.from(token, 'hex'))));
    expect(await prober.ask({ do: 'arrived', token, seconds: 10 })).toBe(true);
  });

  it('a vhost-user socket cannot be opened by a switch without DPDK, and its port says so; the others go on', async () => {
    await plug(VHOST, 'vhu14', 'dpdkvhostuserclient', 'options:vhost-server-path=/run/vhu14');
    expect(await until(VHOST, /^DOWN .*cannot open|^ERROR/)).toMatch(/the switch cannot open interface vhu14/);
    expect(await statusOf(VETH)).toBe('ACTIVE');
    expect(await veth.reaches(`10.0.0.${INTERNAL}`)).toBe(true);
    await vsctl('del-port', 'br-int', 'vhu14');
  });

  it('an internal port that a restarted switch made anew is DOWN until its plugger has put that in place', async () => {
    await real.ovs.stopSwitch(true);
    await real.ovs.startSwitch();
    await until(VETH, /^ACTIVE$/);
    // The device in the namespace is dead, and the switch has another one of its name.
    await until(INTERNAL, /^DOWN .*is in the switch's own namespace.* whoever plugged it in must move it/);
    expect(await veth.reaches(`10.0.0.${INTERNAL}`)).toBe(false);
    // A restart of the agent changes nothing of that: it needs no memory.
    real.restartAgent();
    await until(INTERNAL, /^DOWN .*is in the switch's own namespace/);
    const ip = (...argv: string[]) => run(['ip', '-n', inside.name, ...argv]);
    await run(['ip', '-n', inside.name, 'link', 'delete', 'int12'], { okCodes: [0, 1] });
    await run(['ip', '-n', real.ovs.netns, 'link', 'set', 'int12', 'netns', inside.name]);
    await ip('link', 'set', 'int12', 'address', macOf(INTERNAL), 'mtu', '1450', 'up');
    await ip('address', 'add', `10.0.0.${INTERNAL}/24`, 'dev', 'int12');
    await until(INTERNAL, /^ACTIVE$/);
    expect(await veth.reaches(`10.0.0.${INTERNAL}`)).toBe(true);
  });
});
