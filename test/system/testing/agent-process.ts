/**
 * An agent as it is installed: a process of its own on a switch of the spec's own, with a real NATS between it and a control plane in this process. Its files
 * are in the switch's folder, and /run/openvswitch, where the OVS agent looks for the switch, is that folder. Needs root and the project built.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { machineClock, SnapshotFile } from '@plumbline/agent-runtime';
import { type ControlPlaneBroker, FakeControlPlane, type FromNode } from '@plumbline/agent-runtime/testing';
import { type AgentKind, type ObjectStatus, senderOf, subjects } from '@plumbline/contracts';
import type { RealSwitch } from '@plumbline/ovs-driver/testing';
import { LOG } from '@plumbline/topology/testing';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { until } from './switch-agent.js';

/** Many times what a process needs to start, to load the agent and to look at its node. */
const START_MS = 60_000;
const RUN_DIR = '/run/openvswitch';
const mainOf = (kind: AgentKind): string =>
  path.resolve(import.meta.dirname, `../../../apps/${kind}-agent/dist/main.js`);

/** FakeBroker's shape over a nats-server. */
class NatsBroker implements ControlPlaneBroker {
  private constructor(
    private readonly server: ChildProcess,
    readonly url: string,
    private readonly connection: NatsConnection,
  ) {}

  /** `dir`: for the file in which the server says its port. */
  static async start(dir: string): Promise<NatsBroker> {
    const server = spawn('nats-server', ['-a', '127.0.0.1', '-p', '-1', '--ports_file_dir', dir], { stdio: 'ignore' });
    const told = (): string => {
      const file = readdirSync(dir).find((name) => name.endsWith('.ports'));
      return file === undefined ? '' : readFileSync(path.join(dir, file), 'utf8').trim();
    };
    // The file is there before all of it is.
    await until(() => told().endsWith('}'));
    const [url = ''] = (JSON.parse(told()) as { nats: string[] }).nats;
    return new NatsBroker(server, url, await connect({ servers: url }));
  }

  serve(hear: (message: FromNode) => void): () => void {
    const subscriptions = [subjects.allReplays, subjects.allReports].map((subject) =>
      this.connection.subscribe(subject, {
        callback: (_error, message) => {
          const from = senderOf(message.subject);
          const kind = message.subject.split('.')[2];
          if (from) hear({ ...from, kind, body: message.json<{ data: unknown }>().data } as FromNode);
        },
      }),
    );
    return () => subscriptions.forEach((each) => each.unsubscribe());
  }

  publish: ControlPlaneBroker['publish'] = (host, { kind, body }) => {
    const subject = kind === 'beacon' ? subjects.beacon(host) : subjects.feed(host);
    this.connection.publish(subject, JSON.stringify({ pattern: subject, data: body }));
  };

  async stop(): Promise<void> {
    await this.connection.close();
    await end(this.server, 'SIGTERM');
  }
}

export class AgentProcess {
  private child: ChildProcess | null = null;
  private startedAt = 0;

  private constructor(
    readonly host: string,
    readonly kind: AgentKind,
    readonly node: RealSwitch,
    readonly plane: FakeControlPlane,
    private readonly broker: NatsBroker,
    private readonly settings: Readonly<Record<string, string>>,
  ) {}

  /** The node's OVS agent. Does not start it yet. `settings`: environment variables of what its node is. */
  static async of(host: string, node: RealSwitch, settings: Readonly<Record<string, string>>): Promise<AgentProcess> {
    symlinkSync(node.ovs.dir, RUN_DIR);
    mkdirSync(path.join(node.ovs.dir, 'agent'));
    const broker = await NatsBroker.start(node.ovs.dir);
    const plane = new FakeControlPlane(LOG, broker, machineClock, [host]);
    return new AgentProcess(host, 'ovs', node, plane, broker, settings);
  }

  /** Another agent of the same node. It stops with `end`; the one that it is beside stops the control plane. */
  beside(kind: AgentKind): AgentProcess {
    return new AgentProcess(this.host, kind, this.node, this.plane, this.broker, this.settings);
  }

  /** Returns at once. */
  start(): void {
    const env = {
      ...{ PATH: process.env['PATH'], PLUMB_HOST: this.host, NATS_URL: this.broker.url, PLUMB_LOG_LEVEL: 'silent' },
      ...{ PLUMB_STATE_DIR: path.join(this.node.ovs.dir, 'agent'), PLUMB_OVSDB: this.node.ovs.remote },
      ...this.settings,
    };
    this.startedAt = Date.now();
    this.child = spawn(process.execPath, ['--max-semi-space-size=4', mainOf(this.kind)], { env, stdio: 'inherit' });
  }

  /** Resolves when the process is gone. Throws when it was not able to stop in good order. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { child } = this;
    if (!child) return;
    await end(child, signal);
    this.child = null;
    if (signal === 'SIGTERM' && child.exitCode !== 0) throw new Error(`the agent ended with ${child.exitCode}`);
  }

  /** Resolves when the agent that runs now has said that its view is the log's and was made true. */
  async inSync(): Promise<void> {
    const { position } = this.plane.topology;
    const mine = () =>
      this.plane.reports.filter(
        ({ agent, startedAt }) => agent === this.kind && Date.parse(startedAt) >= this.startedAt,
      );
    await until(
      () => mine().some((report) => report.state === 'in-sync' && report.position >= position),
      () => ({ agent: this.kind, wanted: position, last: mine().at(-1) ?? 'none', exitCode: this.child?.exitCode }),
      START_MS,
    );
  }

  /** Resolves when what it would begin from alone is as the log is now. It saves within about a second of what it hears. */
  async hasSaved(): Promise<void> {
    const { position } = this.plane.topology;
    const snapshot = new SnapshotFile(path.join(this.node.ovs.dir, 'agent', `${this.kind}.snapshot`));
    await until(async () => ((await snapshot.load(this.host))?.position ?? -1) >= position);
  }

  /** The last thing that was reported of each object. */
  statuses(): Map<string, ObjectStatus['status']> {
    const reported = this.plane.reports.flatMap(({ objects }) => objects);
    return new Map(reported.map(({ kind, id, status }) => [`${kind}/${id}`, status]));
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
    this.plane.down();
    await this.broker.stop();
    unlinkSync(RUN_DIR);
  }
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}
