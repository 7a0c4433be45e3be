/**
 * docs/how-to/run-libvirt-guests.md, block by block, on nodes of a lab: a virtual machine under libvirt, with nothing done for it but what the page says. It gets
 * address, metadata, protection and floating IP; agents and the switch are restarted under it; it is rebooted, and it moves. And one with a bridge of its own, where a
 * node's firewall asks for that (`hybrid`).
 */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { run } from '@plumbline/exec';
import {
  cloudName,
  datapathType,
  guestImage,
  ownCloudsFile,
  placeFolder,
  runningPlace,
  type InstanceState,
} from '@plumbline/lab';
import { readBlocks } from './real-machines/handbook.js';
import { falseFramesHeard } from './testing/frames.js';
import { lostWhile } from './testing/pings.js';
import { HeldStream } from './testing/stream.js';
import { TestLab, until, upTimeoutMs, type Resource } from './testing/test-lab.js';

const projectDir = path.resolve(import.meta.dirname, '../..');
const blocks = readBlocks(path.join(projectDir, 'docs/how-to/run-libvirt-guests.md'), ['client', 'node', 'other-node']);
/** The machines of the page. */
const HOSTS: Readonly<Record<string, string>> = { node: 'cmp1', 'other-node': 'cmp2' };
/** From no port and no domain to an answer, on a machine that makes a lab with two guests in so many seconds; one that is slower may take longer. */
const ANSWER_SECONDS = 40;
const LAB_SECONDS = 40;
const testMs = 300_000;
/** An address of the network that nobody has. */
const FALSE_IP = '192.168.50.251';

let lab: TestLab;
let folder: string;
let labSeconds: number;
let floatingIp: string;
let guest: InstanceState;
/** A namespace in its network, beside the lab's own instances, which are guests. */
let listener: InstanceState;

/** Where the page's commands are typed: a folder outside, and the node's own. */
const folderOn = (where: string): string => (where === 'client' ? folder : placeFolder(lab.spec, HOSTS[where] ?? ''));

/** Types the blocks of a section that are for this machine, and answers what was printed. */
async function type(heading: string, where: string): Promise<string> {
  const wanted = blocks.filter(
    (each) =>
      each.heading === heading && each.where === where && (each.kind === 'plain' || datapathType() === 'netdev'),
  );
  if (wanted.length === 0) throw new Error(`the page has no block for ${where} under "${heading}"`);
  const script = `set -e\n${wanted.map(({ text }) => text).join('\n')}`;
  const host = HOSTS[where];
  if (host !== undefined) {
    const argv = ['sh', '-c', `cd ${runningPlace(lab.spec, host).paths.var}\n${script}`];
    return (await lab.at(host, argv, { timeoutMs: testMs })).stdout;
  }
  const env = { OS_CLIENT_CONFIG_FILE: ownCloudsFile(lab.spec), OS_CLOUD: cloudName(lab.spec, 'admin') };
  return (await run(['bash', '-c', `cd "$0"\n${script}`, folder], { env, timeoutMs: testMs })).stdout;
}

const carry = (from: string, to: string): void =>
  copyFileSync(path.join(folderOn(from), 'web1.xml'), path.join(folderOn(to), 'web1.xml'));
const inside = async (name: string, ...argv: string[]): Promise<string> =>
  (await lab.at(name, argv, { timeoutMs: 60_000 })).stdout;
const inGuest = (...argv: string[]): Promise<string> => inside('web1', ...argv);
const port = (): Promise<Resource> => lab.named('ports', 'web1');
/** The guest's answer by its floating IP, which it gives after it has booted. */
const answers = (): Promise<void> =>
  until(
    async () => (await lab.greeting('outside', floatingIp)) !== null,
    () => `the guest does not answer at ${floatingIp}`,
    testMs,
  );
const metadata = (): Promise<void> =>
  until(
    async () => (await inGuest('cat', '/run/metadata/instance-id')) === 'web1',
    () => 'the guest got no metadata',
    testMs,
  );
/** Commands in the guest are run by its agent, which may begin later than what it serves. */
const obeys = (): Promise<void> =>
  until(
    async () => (await inGuest('true')) === '',
    () => `the guest's agent does not answer`,
    testMs,
  );
/** A property of the guest that a boot sets anew. */
const bootId = (): Promise<string> => inGuest('cat', '/proc/sys/kernel/random/boot_id');

/** The interface by which the guest is plugged in on this node; empty: none. */
const pluggedOn = (host: string): Promise<string> =>
  lab.text(host, [
    'ovs-vsctl',
    '--bare',
    '--columns=name',
    'find',
    'Interface',
    `external_ids:iface-id=${guest.portId}`,
  ]);

/** A megabyte from outside, and by the guest from outside and from a guest of the other node. */
async function carriesTcp(name: string, address: string): Promise<void> {
  const { node, project } = runningPlace(lab.spec, 'outside').paths;
  const fetch = [node, `${project}/libs/lab/dist/guest-main.js`, 'fetch', `http://${address}/bytes/1048576`];
  expect(JSON.parse(await lab.text('outside', fetch))).toMatchObject({ bytes: 1_048_576 });
  for (const from of ['10.255.253.1', lab.instance(name === 'web1' ? 'vm2' : 'vm1').ip])
    expect(JSON.parse(await inside(name, 'fetch', `http://${from}/bytes/1048576`))).toMatchObject({ bytes: 1_048_576 });
}

/** Without groups nothing gets in, and with them everything does again. */
async function isProtected({ name, portId }: InstanceState, address: string): Promise<void> {
  const groups = (await lab.get('port', portId))['security_groups'];
  await lab.update('port', portId, { security_groups: [] });
  await until(
    async () => (await lab.greeting('outside', address)) === null && !(await lab.pings('outside', address, 1)),
    () => 'a port without groups lets in what is sent to it',
  );
  await lab.update('port', portId, { security_groups: groups });
  await lab.answers('outside', address, name, testMs);
}

/** All datagrams of this stream have come back but those of the last second: one that is late is not lost. */
async function nothingLost(udp: HeldStream): Promise<void> {
  await udp.flows();
  await until(
    () => udp.state().lost === 0,
    () => `${udp.state().lost} datagrams are lost`,
  );
}

const supported = process.arch === 'x64';
(supported ? describe : describe.skip)('a guest under libvirt', () => {
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'plumb-guest-'));
    const begin = performance.now();
    lab = await TestLab.up('g', undefined, { guests: true });
    labSeconds = (performance.now() - begin) / 1000;
    const network = await lab.named('networks', 'private');
    listener = await lab.newInstance('ear', 'cmp2', network, { prefix: 24, gateway: '192.168.50.1' });
  }, 3 * upTimeoutMs);
  afterAll(async () => {
    await lab?.down();
    rmSync(folder, { recursive: true, force: true });
  }, upTimeoutMs);

  test('is what the instances of the lab are', async () => {
    const { instances, floatingIp: address } = lab.state;
    expect(instances.map((each) => each.guest)).toEqual([true, true]);
    expect(await lab.greeting('outside', address ?? '')).toMatch(/^vm1 greets /);
    const domains = async (host: string) => (await lab.text(host, ['virsh', 'list', '--name'])).trim();
    expect([await domains('cmp1'), await domains('cmp2')]).toEqual(['vm1', 'vm2']);
    const { stdout } = await lab.plumb(['lab', '--name', lab.spec.name, 'exec', 'vm1', '--', 'uname', '-n']);
    expect(stdout).toBe('vm1\n');
    await expect(lab.at('vm1', ['false'])).rejects.toThrow('ended with code 1');
  }, 60_000);

  test(
    'is plugged by libvirt, and answers TCP by its floating IP',
    async () => {
      const begin = performance.now();
      // As whoever runs the nodes puts images there.
      for (const where of Object.keys(HOSTS)) {
        const images = path.join(folderOn(where), 'libvirt/lib/images');
        mkdirSync(images, { recursive: true });
        for (const file of Object.values(guestImage))
          copyFileSync(path.join(projectDir, file), path.join(images, path.basename(file)));
      }
      await type('Make the port, and the domain for it', 'client');
      if (datapathType() === 'netdev') await type('Where the switch is in userspace', 'client');
      carry('client', 'node');
      await type('Start it', 'node');
      await type('Start it', 'client');
      const { id, mac_address: mac, fixed_ips: fixed } = await port();
      const [{ ip_address: ip }] = fixed as readonly [{ ip_address: string }];
      const [found] = await lab.list('floatingips', `?port_id=${id}`);
      floatingIp = String(found?.['floating_ip_address']);
      await answers();
      const seconds = (performance.now() - begin) / 1000;
      const said = `from no port to an answer by its floating IP: ${seconds.toFixed(1)} s; the lab's own start: ${labSeconds.toFixed(1)} s\n`;
      process.stdout.write(said);
      expect(seconds).toBeLessThan(ANSWER_SECONDS * Math.max(1, labSeconds / LAB_SECONDS));
      expect(await lab.greeting('outside', floatingIp)).toMatch(/^web1 greets /);
      guest = {
        ...{ name: 'web1', host: 'cmp1', portId: id, mac: String(mac), ip, prefix: 24, gateway: '192.168.50.1' },
        ...{ mtuBytes: 1450, byDhcp: true, guest: true },
      };
      lab.know(guest);
      await obeys();
    },
    testMs,
  );

  test(
    'has address, route and MTU by DHCP, and knows who it is by metadata',
    async () => {
      expect(await inGuest('ip', '-o', '-4', 'address', 'show', 'dev', 'eth0')).toContain(` ${guest.ip}/24 `);
      expect(await inGuest('ip', 'route')).toContain('default via 192.168.50.1 dev eth0');
      expect(await inGuest('cat', '/sys/class/net/eth0/mtu')).toBe('1450\n');
      await metadata();
      expect(await inGuest('cat', '/run/metadata/local-ipv4')).toBe(guest.ip);
      expect((await port())['status']).toBe('ACTIVE');
    },
    testMs,
  );

  test('carries TCP both ways, a megabyte each', () => carriesTcp('web1', floatingIp), testMs);

  test('is protected by the groups of its port', () => isProtected(guest, floatingIp), testMs);

  test(
    'sends nothing that is not its own: frames with another address or MAC are dropped',
    async () => expect(await falseFramesHeard(lab, guest, listener, FALSE_IP)).toEqual([]),
    testMs,
  );

  test(
    'loses nothing while agents are killed and come back, and goes on after a restart of the switch',
    async () => {
      const streams = {
        tcp: await HeldStream.open(lab, 'tcp', 'web1', floatingIp),
        udp: await HeldStream.open(lab, 'udp', 'web1', floatingIp, { protocol: 'udp' }),
      };
      const killed = [
        ['cmp1', 'ovs'],
        ['net1', 'ovs'],
        ['net1', 'l3'],
        ['net1', 'dhcp'],
      ] as const;
      const { sent, lost } = await lostWhile(lab, floatingIp, async () => {
        for (const [host, agent] of killed) await lab.kill(`${agent}-agent-${host}`);
        for (const [host, agent] of killed)
          await until(
            async () => (await lab.health(host, agent)).includes('in-sync'),
            () => `the ${agent} agent of ${host} does not come back`,
            60_000,
          );
      });
      process.stdout.write(`${sent} pings while ${killed.length} agents were killed: ${lost} lost\n`);
      expect({ sent: sent > 0, lost }).toEqual({ sent: true, lost: 0 });
      await streams.tcp.flows();
      await nothingLost(streams.udp);

      await lab.kill('ovs-vswitchd-cmp1');
      await lab.becomes('port', guest.portId, 'ACTIVE');
      const after = [await streams.tcp.flows(60_000), await streams.udp.flows(60_000)];
      process.stdout.write(
        `longest silence over a restart of the switch: ${after.map(({ gapMs }) => gapMs).join(', ')} ms\n`,
      );
      await until(
        () => lab.pings('outside', floatingIp),
        () => 'pings are lost',
      );
      for (const stream of Object.values(streams)) await stream.close();
    },
    testMs,
  );

  test(
    'reboots',
    async () => {
      const before = await bootId();
      await type('Reboot it', 'node');
      await until(
        async () => (await bootId()) !== before,
        () => 'it does not boot',
        testMs,
      );
      await answers();
      await metadata();
    },
    testMs,
  );

  test(
    'moves with its definition to the other node, and keeps its addresses',
    async () => {
      await type('Move it to another node', 'node');
      await type('Move it to another node', 'client');
      carry('node', 'other-node');
      await type('Move it to another node', 'other-node');
      lab.know({ ...guest, host: 'cmp2' });
      await answers();
      await obeys();
      expect(await inGuest('ip', '-o', '-4', 'address', 'show', 'dev', 'eth0')).toContain(` ${guest.ip}/24 `);
      await metadata();
      expect(await port()).toMatchObject({ status: 'ACTIVE', 'binding:host_id': 'cmp2' });
      expect(await pluggedOn('cmp1')).toBe('');
    },
    testMs,
  );

  test(
    'unprepared, talks where the kernel switches; where nobody finishes its checksums, its port says so',
    async () => {
      const file = path.join(folderOn('other-node'), 'web1.xml');
      writeFileSync(file, readFileSync(file, 'utf8').replace(/<driver>.*?<\/driver>/s, ''));
      await lab.text('cmp2', ['virsh', 'destroy', 'web1']);
      await type('Move it to another node', 'other-node');
      await until(
        () => lab.pings('outside', floatingIp, 1),
        () => 'it does not answer pings',
        testMs,
      );
      if (datapathType() === 'system') return answers();
      // An agent looks at all it has when it starts, and every minute.
      await lab.kill('ovs-agent-cmp2');
      await until(
        async () => /leaves checksums .*run-libvirt-guests/.test(String((await port())['status_reason'])),
        () => 'its port does not say so',
        testMs,
      );
      expect((await port())['status']).toBe('ACTIVE');
      expect(await lab.pings('outside', floatingIp)).toBe(true);
      expect(await lab.greeting('outside', floatingIp)).toBeNull();
    },
    testMs,
  );

  test(
    'leaves nothing when it is removed',
    async () => {
      await type('Remove it', 'other-node');
      await type('Remove it', 'client');
      expect(await lab.list('ports', '?name=web1')).toEqual([]);
      expect(await pluggedOn('cmp2')).toBe('');
    },
    testMs,
  );

  test(
    'with a bridge of its own, where its node asks for one: reached, protected, nothing forged, and untouched by a restart of the agent',
    async () => {
      await lab.withEnvironment('ovs-agent-cmp2', { PLUMB_FIREWALL: 'hybrid' });
      const details = async () => (await lab.get('port', listener.portId))['binding:vif_details'];
      await until(
        async () => JSON.stringify(await details()).includes('"ovs_hybrid_plug":true'),
        () => 'the API does not say how to plug on cmp2',
      );
      const network = await lab.named('networks', 'private');
      const own = await lab.newInstance('web2', 'cmp2', network, { prefix: 24, gateway: '192.168.50.1', guest: true });
      expect((await lab.text('cmp2', ['ovs-vsctl', 'list-ports', 'br-int'])).split('\n')).toContain(
        `qvo${own.portId.slice(0, 11)}`,
      );
      const address = String((await lab.floatingIp(own))['floating_ip_address']);
      await lab.answers('outside', address, 'web2', testMs);
      expect(await lab.pings('outside', address)).toBe(true);
      await carriesTcp('web2', address);
      await isProtected(own, address);
      expect(await falseFramesHeard(lab, own, listener, FALSE_IP)).toEqual([]);
      const streams = [
        await HeldStream.open(lab, 'tcp2', 'web2', address),
        await HeldStream.open(lab, 'udp2', 'web2', address, { protocol: 'udp' }),
      ] as const;
      await lab.kill('ovs-agent-cmp2');
      await until(
        async () => (await lab.health('cmp2', 'ovs')).includes('in-sync'),
        () => 'the agent of cmp2 does not come back',
        60_000,
      );
      await streams[0].flows();
      await nothingLost(streams[1]);
      for (const stream of streams) await stream.close();
    },
    testMs,
  );
});
