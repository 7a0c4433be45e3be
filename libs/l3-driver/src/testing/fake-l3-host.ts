/**
 * A node that exists in memory: it keeps state, accepts the very commands and inputs the driver sends, and fails on any it does not know. Tests look at
 * its state, not at what was called.
 */
import {
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
  SysctlFailed,
  SysctlOptions,
} from '@plumbline/exec';
import { ObservedPort } from '@plumbline/l3-core';
import { FakeProcesses } from '@plumbline/processes/testing';
import { NodeL3Driver } from '../node-driver.js';
import { externalIds, observedPort, ObservedSwitch, PortStep, SwitchPorts } from '../ports.js';
import { FakeFailure, FakeNetns, save } from './fake-kernel.js';
import { FakeNode, ipLine, seenIn } from './fake-ip.js';
import { askedBy } from './fake-neighbour.js';

export class FakeL3Host implements Runner, SwitchPorts, FakeNode {
  readonly netnses = new Map<string, FakeNetns>();
  readonly root = new FakeNetns();
  nextIndex = 1;
  /** br-int: `userspace` says on which datapath. Null: it is not there. */
  bridge: { userspace: boolean } | null = { userspace: true };
  readonly ports = new Map<string, ObservedPort>();
  /** Namespace and key, as `<netns> <key>`. */
  readonly sysctls = new Map<string, string>();
  /** Devices with transmit checksum offload off, as `<netns> <device>`. */
  readonly txOff = new Set<string>();
  /** Addresses whose connections were ended, as `<netns> <address>`, those of a forwarding with ` <protocol> <port> <answered by>`, in order. */
  readonly ended: string[] = [];
  /** What conntrack(8) lists, a line each. */
  readonly connections: string[] = [];
  readonly frames: { netns: string; device: string; hex: string }[] = [];
  /** Others on the segments outside: address -> MAC. Each answers for its address. */
  readonly neighbours = new Map<string, string>();
  /** Ports that the OVS agent has not wired. */
  readonly unwired = new Set<string>();
  /** What the kernel refuses, and in which words: lines of ip(8), inputs of the restore commands, kernel parameters as `<netns> <key>`. */
  readonly refusals: [RegExp, string][] = [];
  /** Addresses that were asked for, in order. */
  readonly asked: string[] = [];
  /** Programs of the agent. They stay when it goes. */
  readonly programs = new FakeProcesses();
  /** Commands and transactions that changed, or could have changed, the node. */
  mutations = 0;
  private failAt: number | null = null;

  /** The `nth` mutating command from now on fails, once, and does nothing. */
  failNext(nth = 1): void {
    this.failAt = this.mutations + nth;
  }

  /** A driver as if the agent had just started. */
  driver(): NodeL3Driver {
    return new NodeL3Driver(
      this,
      {
        observe: () => this.observe(),
        apply: (steps) => this.apply(steps),
        wiredNow: (outsides) => this.wiredNow(outsides),
        wired: (outsides) => this.wired(outsides),
      },
      { announceAfterMs: [0], programs: { processes: this.programs, owner: 'l3-net1' } },
    );
  }

  netns(routerId: string): FakeNetns {
    const netns = this.netnses.get(`qrouter-${routerId}`);
    if (!netns) throw new Error(`router ${routerId} has no namespace on the fake node`);
    return netns;
  }

  /** All that a person would look at, sorted, without indexes: equal nodes give equal text. */
  dump(): string {
    const links = (netns: FakeNetns): unknown =>
      [...netns.links.values()]
        .map(({ name, mac, mtuBytes, up, addresses, peer }) => ({
          name,
          mtuBytes,
          up,
          mac: name.startsWith('tap') ? '' : mac,
          addresses: [...addresses].sort((a, b) => (a.address < b.address ? -1 : 1)),
          peer: peer?.name ?? null,
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    const state = {
      root: links(this.root),
      netnses: [...this.netnses]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, netns]) => ({
          name,
          links: links(netns),
          routes: [...netns.routes, ...netns.kernelRoutes].map((route) => JSON.stringify(route)).sort(),
          rules4: save(netns.rules4).split('\n'),
          rules6: save(netns.rules6).split('\n'),
        })),
      ports: [...this.ports.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
      sysctls: [...this.sysctls].sort(),
      txOff: [...this.txOff].sort(),
      programs: this.programs.running.map(({ name, digest }) => `${name} ${digest}`).sort(),
      files: [...this.programs.folders]
        .flatMap(([name, { files }]) => [...files.values()].map(({ content }) => `${name}\n${content}`))
        .sort(),
    };
    return JSON.stringify(state, null, 1);
  }

  outsideBorn(device: string): void {
    this.sysctls.set(` net/ipv6/conf/${device}/disable_ipv6`, '0');
  }

  netnsGone(name: string): void {
    for (const key of [...this.sysctls.keys()]) if (key.startsWith(`${name} `)) this.sysctls.delete(key);
    for (const key of [...this.txOff]) if (key.startsWith(`${name} `)) this.txOff.delete(key);
  }

  deviceGone(netns: string, device: string): void {
    this.txOff.delete(`${netns} ${device}`);
    for (const key of [...this.sysctls.keys()])
      if (key.startsWith(`${netns} `) && key.includes(`/conf/${device}/`)) this.sysctls.delete(key);
  }

  // Runner

  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const fail = (stderr: string): never => {
      throw new CommandFailed({ argv, reason: 'exit', code: 1, stderr, stdin: options.stdin, netns: options.netns });
    };
    if (!options.reads) this.mutate(fail);
    if (options.netns && !this.netnses.has(options.netns))
      throw new CommandFailed({ argv, reason: 'netns', code: null, netns: options.netns, detail: 'no such namespace' });
    try {
      const { stdout, code, stderr } = this.command(argv.join(' '), options);
      return { stdout, stderr, code };
    } catch (error) {
      if (!(error instanceof FakeFailure)) throw error;
      return fail(error.message);
    }
  }

  async readSysctls(keys: readonly string[], { netns = '' }: SysctlOptions = {}): Promise<ReadonlyMap<string, string>> {
    return new Map(
      keys.flatMap((key) => {
        const value = this.sysctls.get(`${netns} ${key}`);
        return value === undefined ? [] : [[key, value] as const];
      }),
    );
  }

  async writeSysctls(values: Readonly<Record<string, string>>, { netns = '' }: SysctlOptions = {}): Promise<void> {
    this.mutate();
    const failed: { key: string; value: string; error: string }[] = [];
    for (const [key, value] of Object.entries(values)) {
      const error = this.refusal(`${netns} ${key}`);
      if (error === undefined) this.sysctls.set(`${netns} ${key}`, value);
      else failed.push({ key, value, error });
    }
    if (failed.length > 0) throw new SysctlFailed(failed, netns);
  }

  async readTxChecksum(
    devices: readonly string[],
    { netns = '' }: SysctlOptions = {},
  ): Promise<ReadonlyMap<string, boolean>> {
    return new Map(devices.map((device) => [device, !this.txOff.has(`${netns} ${device}`)]));
  }

  async setTxChecksum(devices: readonly string[], on: boolean, { netns = '' }: SysctlOptions = {}): Promise<void> {
    this.mutate();
    for (const device of devices)
      if (on) this.txOff.delete(`${netns} ${device}`);
      else this.txOff.add(`${netns} ${device}`);
  }

  async setEach(all: readonly NetnsSettings[]): Promise<(SysctlFailed | null)[]> {
    return Promise.all(
      all.map(async ({ netns, sysctls = {}, txChecksum = {} }) => {
        for (const [device, on] of Object.entries(txChecksum)) await this.setTxChecksum([device], on, { netns });
        if (Object.keys(sysctls).length === 0) return null;
        return this.writeSysctls(sysctls, { netns }).then(
          () => null,
          (error: unknown) => {
            if (error instanceof SysctlFailed) return error;
            throw error;
          },
        );
      }),
    );
  }

  async sendFrames(frames: readonly OutgoingFrame[]): Promise<void> {
    for (const { netns = '', device, frame } of frames)
      this.frames.push({ netns, device, hex: Buffer.from(frame).toString('hex') });
  }

  async askFrames(questions: readonly FrameQuestion[]): Promise<readonly FrameAnswer[]> {
    return questions.map(({ netns = '', device, frame, answers }) => {
      const link = this.netnses.get(netns)?.links.get(device);
      if (!link?.up) return { frame: null, error: link ? 'ENETDOWN: network is down' : 'ENODEV: no such device' };
      const { address, advertised } = askedBy(frame);
      this.asked.push(address);
      const mac = this.neighbours.get(address);
      const heard = mac === undefined ? null : advertised(mac);
      if (heard === null || !answers.some((pattern) => new RegExp(`^${pattern}`).test(heard)))
        return { frame: null, error: null };
      return { frame: Buffer.from(heard, 'hex'), error: null };
    });
  }

  async look(
    question: NetworkQuestion,
    netnses: readonly string[] = [''],
  ): Promise<readonly (SeenNetwork | CommandFailed)[]> {
    return netnses.map((name) => {
      const netns = name === '' ? this.root : this.netnses.get(name);
      if (!netns)
        return new CommandFailed({ argv: ['look'], reason: 'netns', code: null, netns: name, detail: 'ENOENT' });
      const seen = seenIn(this, name, question.links);
      const devices = seen.links
        .map((link) => link.name)
        .filter((device) => question.devices?.some((prefix) => device.startsWith(prefix)));
      const keys = (question.sysctls ?? []).flatMap((key) =>
        key.includes('%') ? devices.map((device) => key.replace('%', device)) : [key],
      );
      const sysctls = keys.flatMap((key) => {
        const value = this.sysctls.get(`${name} ${key}`);
        return value === undefined ? [] : [[key, value] as const];
      });
      return {
        ...seen,
        sysctls: new Map(sysctls),
        txChecksum: new Map(devices.map((device) => [device, !this.txOff.has(`${name} ${device}`)])),
        rulesRevision: { namespace: name, changes: netns.transactions() },
      };
    });
  }

  // SwitchPorts

  wiredNow(outsides: ReadonlySet<string>): ReadonlySet<string> {
    return new Set([...outsides].filter((name) => this.ports.has(name) && !this.unwired.has(name)));
  }

  async wired(outsides: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    return this.wiredNow(outsides);
  }

  async observe(): Promise<ObservedSwitch> {
    return { bridge: this.bridge !== null, userspace: this.bridge?.userspace ?? false, ports: new Map(this.ports) };
  }

  async apply(steps: readonly PortStep[]): Promise<void> {
    this.mutate();
    for (const step of steps)
      if (step.op === 'remove-port') this.ports.delete(step.outside);
      else this.ports.set(step.outside, observedPort(step.outside, externalIds(step)));
  }

  private refuseRules(input: string): void {
    const refusal = this.refusal(input);
    if (refusal !== undefined) throw new FakeFailure(refusal);
  }

  private refusal(text: string): string | undefined {
    return this.refusals.find(([pattern]) => pattern.test(text))?.[1];
  }

  private mutate(
    fail: (stderr: string) => never = (why) => {
      throw new Error(why);
    },
  ): void {
    this.mutations += 1;
    if (this.mutations !== this.failAt) return;
    this.failAt = null;
    fail('failed on purpose');
  }

  private command(command: string, { stdin = '', netns = '' }: RunOptions): RunResult {
    const said = (stdout: string, stderr = '', code = 0): RunResult => ({ stdout, stderr, code });
    const inside = (): FakeNetns => {
      const found = this.netnses.get(netns);
      if (!found) throw new FakeFailure(`no namespace ${netns}`);
      return found;
    };
    const lines = stdin.split('\n').filter((line) => line !== '');
    // Where programs run: the fake ones run nowhere that the kernel knows.
    if (command.startsWith('stat -L ')) return said('');
    switch (command) {
      case 'ip -j netns list':
        return said(JSON.stringify([...this.netnses.keys()].map((name) => ({ name }))));
      case 'ip -batch -':
        for (const [index, line] of lines.entries())
          try {
            const refusal = this.refusal(line);
            if (refusal !== undefined) throw new FakeFailure(refusal);
            ipLine(this, netns, line);
          } catch (error) {
            if (!(error instanceof FakeFailure)) throw error;
            throw new FakeFailure(`${error.message}\nCommand failed -:${index + 1}`);
          }
        return said('');
      case 'iptables-save':
        return said(save(inside().rules4));
      case 'ip6tables-save':
        return said(save(inside().rules6));
      case 'iptables-restore --noflush --wait':
        this.refuseRules(stdin);
        inside().restore(4, stdin);
        return said('');
      case 'ip6tables-restore --noflush --wait':
        this.refuseRules(stdin);
        inside().restore(6, stdin);
        return said('');
    }
    const none = said('', 'conntrack: 0 flow entries have been deleted.', 1);
    const forwarded = /^conntrack -D -p (\S+) --orig-dst (\S+) --reply-src (\S+)(?: --orig-port-dst (\d+))?$/.exec(
      command,
    );
    if (forwarded) {
      const [, protocol, address, answeredBy, port] = forwarded;
      inside();
      if (answeredBy !== address) this.ended.push(`${netns} ${address} ${protocol} ${port ?? ''} ${answeredBy}`);
      return none;
    }
    const listed = /^conntrack -L -p (\S+) --orig-dst (\S+) --reply-src (\S+)$/.exec(command);
    if (listed) {
      inside();
      return said(this.connections.filter((line) => line.startsWith(listed[1] ?? '')).join('\n'));
    }
    if (command === 'conntrack -L -f ipv4') {
      inside();
      return said(this.connections.join('\n'));
    }
    if (/^conntrack -L -f ipv[46] -p tcp$/.test(command)) {
      inside();
      return said('');
    }
    if (command === 'conntrack -R -') {
      inside();
      const gone: string[] = [];
      for (const line of lines) {
        const one = /^-D -p \S+ --orig-src (\S+) --orig-dst (\S+) --orig-port-src (\S+)/.exec(line);
        if (one) {
          const [, source, to, port] = one;
          gone.push(...this.endConnections((each) => each.includes(` src=${source} dst=${to} sport=${port} `)));
          continue;
        }
        const anew = /^-I -p udp -s (\S+) -d (\S+) --sport (\d+) --dport (\d+) -t (\d+) --src-nat (\S+)$/.exec(line);
        if (anew) {
          const [, from, to, sport, dport, seconds, as] = anew;
          if (this.connections.some((each) => each.includes(` src=${from} dst=${to} sport=${sport} dport=${dport} `)))
            return said(gone.join('\n'), 'conntrack: Operation failed: Such conntrack exists, try -U to update', 1);
          this.connections.push(
            `udp      17 ${seconds} src=${from} dst=${to} sport=${sport} dport=${dport} [UNREPLIED] src=${to} dst=${as} sport=${dport} dport=${sport} mark=0 use=1`,
          );
          continue;
        }
        const [, protocol, address, answeredBy, port] =
          /^-D -p (\S+) --orig-dst (\S+) --reply-src (\S+) --orig-port-dst (\d+)$/.exec(line) ?? [];
        if (!port) throw new FakeFailure(`conntrack: unknown option in ${line}`);
        this.ended.push(`${netns} ${address} ${protocol} ${port} ${answeredBy}`);
        this.endConnections(
          (each) => each.includes(` dst=${address} `) && each.includes(` dport=${port} src=${answeredBy} `),
        );
      }
      return said(gone.join('\n'));
    }
    const ended = /^conntrack -D --(orig-dst|reply-dst) (\S+)$/.exec(command);
    if (!ended) throw new FakeFailure(`the fake node does not know: ${command}`);
    inside();
    if (ended[1] === 'orig-dst') this.ended.push(`${netns} ${ended[2]}`);
    const side = ended[1] === 'orig-dst' ? 0 : 1;
    this.endConnections((each) => [...each.matchAll(/ dst=(\S+)/g)][side]?.[1] === ended[2]);
    return none;
  }

  /** Those that are gone. */
  private endConnections(which: (line: string) => boolean): string[] {
    const gone = this.connections.filter(which);
    this.connections.splice(0, this.connections.length, ...this.connections.filter((each) => !which(each)));
    return gone;
  }
}
