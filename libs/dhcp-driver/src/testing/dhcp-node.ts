/** A network node of a test's own that serves DHCP, and guests of it with clients that nobody here wrote. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Port } from '@plumbline/contracts';
import {
  convergeDhcp,
  DHCP_PORT_OWNER,
  dhcpOutside,
  renderDhcp,
  type DhcpState,
  type ServedNetwork,
} from '@plumbline/dhcp-core';
import { TERMS } from '@plumbline/dhcp-core/testing';
import { OvsdbPorts } from '@plumbline/l3-driver';
import { makeNode, type ScratchNode } from '@plumbline/l3-driver/testing';
import { NodeProcesses, type NodeProcessesOptions } from '@plumbline/processes';
import { NodeDhcpDriver } from '../node-driver.js';

/** What a client says of its lease, by the names that its script gets. */
export type Told = Readonly<Record<string, string>>;

const DEADLINE_MS = 30_000;
/** Waits for what it returns to be neither null nor false. */
export async function until<T>(what: string, look: () => T | Promise<T>): Promise<NonNullable<T>> {
  for (const end = performance.now() + DEADLINE_MS; ; await delay(20)) {
    const seen = await look();
    if (seen !== null && seen !== undefined && seen !== false) return seen;
    if (performance.now() > end) throw new Error(`waited ${DEADLINE_MS} ms for ${what}`);
  }
}

/** Prints its environment into a file: what dhclient and udhcpc run at each event. */
const SCRIPT = `#!/bin/sh
case "$1$reason" in *deconfig*|*PREINIT*) [ -n "$reason" ] && ip link set dev "$interface" up; exit 0;; esac
env > "$OUT.next" && mv "$OUT.next" "$OUT"
`;

type Restarts = NonNullable<NodeProcessesOptions['restarts']>;

export class DhcpNode {
  private wanted = new Map<string, DhcpState>();
  /** Whether guests are led to metadata. */
  metadata = false;
  processes!: NodeProcesses;
  driver!: NodeDhcpDriver;

  private constructor(
    readonly node: ScratchNode,
    readonly folder: string,
    readonly owner: string,
    private readonly restarts: Restarts,
  ) {
    this.restartAgent();
  }

  /** Needs root, Open vSwitch, dnsmasq-base and dnsmasq-utils. `restarts`: of a dnsmasq that ends; by default a test need not wait for one that it ends at once. */
  static async make(restarts: Restarts = { firstMs: 20, maxMs: 1_000 }): Promise<DhcpNode> {
    const folder = mkdtempSync('/tmp/plumb-dhcp-');
    // dnsmasq reads its files as nobody.
    chmodSync(folder, 0o755);
    writeFileSync(path.join(folder, 'script'), SCRIPT, { mode: 0o755 });
    return new DhcpNode(await makeNode(), folder, `dhcp-test-${process.pid}`, restarts);
  }

  /** A new agent without memory, on the node as it is. */
  restartAgent(): void {
    this.processes?.close();
    this.driver?.close();
    this.processes = new NodeProcesses(this.node.spawner, {
      owner: this.owner,
      runDir: this.folder,
      restarts: this.restarts,
    });
    const ports = new OvsdbPorts(this.node.mirror, DHCP_PORT_OWNER);
    this.driver = new NodeDhcpDriver(this.node.runner, ports, this.processes, {
      owner: this.owner,
      runDir: this.folder,
    });
  }

  /** Name servers of this node itself: PLUMB_DNS_RESOLVERS. */
  resolvers: readonly string[] = [];

  /** Serves just these networks; rejects when something failed. Returns the number of steps that changed the node. */
  async serve(...networks: readonly ServedNetwork[]): Promise<number> {
    const { owner, resolvers, metadata } = this;
    const terms = { ...TERMS, owner, resolvers, metadata, runDir: this.folder };
    this.wanted = new Map(
      networks.flatMap((each) => {
        const state = renderDhcp(each, terms);
        return state ? [[each.network.id, state] as const] : [];
      }),
    );
    const { applied, failures } = await convergeDhcp({ wanted: this.wanted, held: new Set() }, this.driver, {
      touched: 'all',
      mayRemove: true,
    });
    if (failures.size > 0) throw new Error([...failures.values()].map(({ reason }) => reason).join('\n'));
    // The OVS agent's part.
    for (const [at, { server }] of networks.entries())
      if (this.wanted.has(networks[at]?.network.id ?? '')) await this.node.wire(dhcpOutside(server.id), at + 1);
    return applied;
  }

  async dnsmasqs(): Promise<number[]> {
    const { processes } = await this.processes.observe();
    return processes.filter(({ main }) => main).map(({ pid }) => pid);
  }

  /** As if each had crashed. */
  async killDnsmasqs(): Promise<void> {
    const pids = await this.dnsmasqs();
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await until('the end of dnsmasq', async () => (await this.dnsmasqs()).length === 0);
  }

  /** An instance's port on network `tag`, as it is before it has an address. */
  async plug({ id, macAddress }: Pick<Port, 'id' | 'macAddress'>, tag: number): Promise<Guest> {
    const name = `g${id.slice(1, 11).replace('-', '')}`;
    const { spawner, ovs } = this.node;
    const ip = (lines: string[], netns?: string) =>
      spawner.run(['ip', '-batch', '-'], { stdin: `${lines.join('\n')}\n`, ...(netns ? { netns } : {}) });
    await ip([
      `netns add ${name}`,
      `link add v-${name} up mtu 1450 type veth peer name eth0 address ${macAddress} mtu 1450 netns ${name}`,
    ]);
    await spawner.setTxChecksum(['eth0'], false, { netns: name });
    await spawner.writeSysctls({ 'net/ipv6/conf/eth0/accept_dad': '0' }, { netns: name });
    await ip(['link set lo up', 'link set eth0 up'], name);
    await ovs.tool(['ovs-vsctl', `--db=${ovs.remote}`, 'add-port', 'br-int', `v-${name}`, `tag=${tag}`]);
    return new Guest(this, name);
  }

  async remove(): Promise<void> {
    await this.serve();
    this.processes.close();
    this.driver.close();
    await this.node.remove();
    rmSync(this.folder, { recursive: true });
  }
}

export class Guest {
  constructor(
    private readonly owner: DhcpNode,
    readonly netns: string,
  ) {}

  run(argv: readonly string[], env: Readonly<Record<string, string>> = {}, okCodes: readonly number[] = [0]) {
    return this.owner.node.spawner.run(argv, { netns: this.netns, env, okCodes, timeoutMs: DEADLINE_MS });
  }

  private file(name: string): string {
    return path.join(this.owner.folder, `${this.netns}-${name}`);
  }

  private get script(): string {
    return path.join(this.owner.folder, 'script');
  }

  private async told(client: (env: Record<string, string>) => Promise<unknown>): Promise<Told> {
    const OUT = this.file('told');
    rmSync(OUT, { force: true });
    await client({ OUT });
    return toldIn(readFileSync(OUT, 'utf8'));
  }

  /** BusyBox: asks until it has a lease, and ends. Rejects when nobody answers. `more`: for example `-r <address>`. */
  udhcpc(...more: string[]): Promise<Told> {
    const options = ['-f', '-n', '-q', '-i', 'eth0', '-t', '20', '-T', '1', '-A', '1', '-s', this.script];
    // Routes, MTU, NTP, TFTP and boot file, which it does not ask for by itself.
    const asks = ['121', '249', '26', '42', '66', '67'].flatMap((option) => ['-O', option]);
    return this.told((env) => this.run(['udhcpc', ...options, ...asks, ...more], env));
  }

  /** ISC dhclient with what it remembers: asks once and goes; `-6` for DHCPv6, `-6 -S` for options alone. */
  dhclient(...more: string[]): Promise<Told> {
    const files = ['-lf', this.file('leases'), '-pf', this.file('pid')];
    return this.told(async (env) => {
      await this.run(['dhclient', '-1', '-v', ...files, '-sf', this.script, ...extra(env), ...more, 'eth0'], env);
      await this.endDhclient();
      rmSync(this.file('pid'), { force: true });
    });
  }

  /** dhcpcd, once, with nothing that it remembers. */
  dhcpcd(...more: string[]): Promise<Told> {
    const inEmpty = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs tmpfs /var/lib/dhcpcd && exec "$@"', 'sh'];
    const options = ['--oneshot', '--nobackground', '--timeout', '20', '--script', this.script];
    const env = (OUT: string): string[] => ['--env', `OUT=${OUT}`];
    return this.told(({ OUT = '' }) => this.run([...inEmpty, 'dhcpcd', ...options, ...env(OUT), ...more, 'eth0']));
  }

  /** What this nameserver says of a name; its refusal, as Node.js names it, where it says nothing. */
  async ask(server: string, name: string, type: 'A' | 'AAAA' | 'PTR' = 'A'): Promise<string[] | string> {
    const program =
      'const r = new (require("dns").promises.Resolver)({ timeout: 2000 }); const [, server, name, type] = process.argv;' +
      'r.setServers([server]); r.resolve(name, type).catch((e) => e.code).then((all) => console.log(JSON.stringify(all)));';
    const { stdout } = await this.run([process.execPath, '-e', program, server, name, type]);
    return JSON.parse(stdout) as string[] | string;
  }

  /** Gives itself addresses, as somebody does who did not ask for them. */
  async has(...addresses: readonly string[]): Promise<void> {
    for (const address of addresses) await this.run(['ip', 'address', 'add', address, 'dev', 'eth0']);
  }

  /** A nameserver of somebody else in this guest, which knows one name. It ends with the returned function. */
  async resolves(name: string, address: string): Promise<() => Promise<void>> {
    const options = [
      '--keep-in-foreground',
      '--no-hosts',
      '--no-resolv',
      '--conf-file=/dev/null',
      '--pid-file',
      '--log-facility=-',
    ];
    const pid = await this.owner.node.spawner.startDetached(['dnsmasq', ...options, `--address=/${name}/${address}`], {
      netns: this.netns,
      logFile: this.file('resolver'),
    });
    await until('the nameserver of a guest', async () => Array.isArray(await this.ask('127.0.0.1', name)));
    return async () => {
      process.kill(pid);
      await until('the end of the nameserver', () => !alive(pid));
    };
  }

  /** BusyBox that stays: `renew` has it renew its lease as at T1, and resolves with what it is told then; `release` has it give the lease back and end. */
  async stayingUdhcpc(): Promise<{ renew(): Promise<Told>; release(): Promise<void> }> {
    const OUT = this.file('staying');
    rmSync(OUT, { force: true });
    const argv = ['udhcpc', '-f', '-i', 'eth0', '-t', '20', '-T', '1', '-A', '1', '-R', '-s', this.script];
    const logFile = this.file('staying-log');
    const pid = await this.owner.node.spawner.startDetached(argv, { netns: this.netns, logFile, env: { OUT } });
    const told = (): Promise<Told> =>
      until('udhcpc to be told', () => {
        const now = toldIn(textOf(OUT));
        return now['ip'] === undefined ? null : now;
      });
    const { ip = '', mask = '' } = await told();
    // The script only notes: an address is what the answer to a renewal is sent to.
    await this.has(`${ip}/${mask}`);
    return {
      renew: async () => {
        rmSync(OUT, { force: true });
        process.kill(pid, 'SIGUSR1');
        return told();
      },
      release: async () => {
        process.kill(pid, 'SIGTERM');
        await until('the end of udhcpc', () => !alive(pid));
      },
    };
  }

  /** Gives the lease back. */
  async releaseByDhclient(...more: string[]): Promise<void> {
    const files = ['-lf', this.file('leases'), '-pf', this.file('pid')];
    const env = { OUT: this.file('told') };
    await this.run(['dhclient', '-r', ...files, '-sf', this.script, ...extra(env), ...more, 'eth0'], env);
  }

  private async endDhclient(): Promise<void> {
    // It writes its number when it has gone into the background.
    const pid = await until('the pid file of dhclient', () => Number(textOf(this.file('pid'))) || null);
    process.kill(pid);
    await until('the end of dhclient', () => !alive(pid));
  }
}

/** What its script gets beside what it says itself. */
const extra = (env: Readonly<Record<string, string>>): string[] =>
  Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);

const toldIn = (text: string): Told =>
  Object.fromEntries(text.split('\n').map((line) => [line.split('=')[0] ?? '', line.slice(line.indexOf('=') + 1)]));

const textOf = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
