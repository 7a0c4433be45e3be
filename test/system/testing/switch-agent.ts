/**
 * The OVS agent on a real switch of a spec's own: session, converger, driver and snapshot file, with a control plane and a broker in memory. It can be killed and
 * started again.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { machineClock, NodeSession, SnapshotFile } from '@plumbline/agent-runtime';
import { aMachine, FakeBroker, FakeControlPlane, MemoryOwnerRecord } from '@plumbline/agent-runtime/testing';
import type { ObjectStatus } from '@plumbline/contracts';
import {
  type FilterDriver,
  NodeConverger,
  type OvsDriver,
  OvsUnavailable,
  StayingConverger,
} from '@plumbline/ovs-core';
import { BridgeDriver, concernedBy, watchBridges } from '@plumbline/ovs-driver';
import type { RealSwitch } from '@plumbline/ovs-driver/testing';
import { createLogger } from '@plumbline/telemetry';
import { LOG } from '@plumbline/topology/testing';

const MOST_NOTED = 60;

export class SwitchAgent {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'plumb-walk-'));
  readonly snapshot = new SnapshotFile(path.join(this.folder, 'ovs.snapshot'));
  readonly broker = new FakeBroker(machineClock);
  readonly plane: FakeControlPlane;
  session: NodeSession;
  /** The last convergences, begin and end, of all lives: what a spec that waited in vain shows. */
  readonly log: string[] = [];
  private readonly machine = aMachine();
  private life = { ended: false };
  private unwatch = (): void => undefined;

  constructor(
    readonly host: string,
    readonly node: RealSwitch,
  ) {
    this.plane = new FakeControlPlane(LOG, this.broker, machineClock, [host]);
    this.session = this.born();
  }

  /** As by SIGKILL, between any two changes of the switch: nothing more is done and nothing is saved. `start` begins anew, without memory. */
  async kill(): Promise<void> {
    this.life.ended = true;
    this.unwatch();
    await this.session.stop();
  }

  async start(): Promise<void> {
    this.node.restartAgent();
    this.life = { ended: false };
    this.session = this.born();
    await this.session.start();
  }

  private born(): NodeSession {
    const { life, node, snapshot, host, machine } = this;
    const where = { netns: node.ovs.netns };
    const bridges = mortalBridges(new BridgeDriver(node.runner, where), life);
    const driver = mortal(node.driver, life);
    const converger = new StayingConverger(
      new NodeConverger(driver, bridges, () => node.config),
      driver,
      machineClock,
      (keys) => void (life.ended || session.touch(keys)),
    );
    const session: NodeSession = new NodeSession({
      ...{ host, agent: 'ovs', feed: this.broker.feed(host, 'ovs') },
      snapshots: {
        load: (of) => snapshot.load(of),
        save: async (view) => (life.ended ? undefined : snapshot.save(view)),
        untouched: () => snapshot.untouched(),
      },
      reconciler: {
        converge: async (view, options) => {
          const { touched, mayRemove } = options;
          const about = touched === 'all' ? 'all' : [...touched].join(' ');
          this.note(`begins by position ${view.position}: ${about}${mayRemove ? '' : ', removes nothing'}`);
          const result = await converger.converge(view, options).catch((error: unknown) => {
            this.note(`ends: ${String(error)}`);
            throw error;
          });
          const { applied, failed, again } = result;
          this.note(`ends: ${applied} applied, ${failed.length} failed, again ${[...(again ?? [])].length}`);
          return result;
        },
      },
      ...{ clock: machineClock, machine, ownerRecord: new MemoryOwnerRecord() },
      logger: createLogger({ name: 'walk', level: 'silent' }),
      fullEveryMs: () => 3_600_000,
    });
    if (node.config.firewall === 'hybrid')
      this.unwatch = watchBridges(node.runner, () => session.touch(new Set([`node/${host}` as const])), where);
    node.driver.onNews(
      (news) => void (life.ended || session.touch(concernedBy(news, host), news.reason === 'switch-back')),
    );
    return session;
  }

  private note(what: string): void {
    this.log.push(`${(performance.now() / 1000).toFixed(2)} s ${this.host} ${what.slice(0, 300)}`);
    if (this.log.length > MOST_NOTED) this.log.shift();
  }

  /** The last thing that was reported of each object. */
  statuses(): Map<string, string> {
    return new Map([...this.last()].map(([key, { status }]) => [key, status]));
  }

  last(): Map<string, ObjectStatus> {
    const last = new Map<string, ObjectStatus>();
    for (const { objects } of this.plane.reports) for (const each of objects) last.set(`${each.kind}/${each.id}`, each);
    return last;
  }

  async stop(): Promise<void> {
    this.unwatch();
    await this.session.stop();
    this.plane.down();
    rmSync(this.folder, { recursive: true });
  }
}

const mortal = (driver: OvsDriver, life: { readonly ended: boolean }): OvsDriver => {
  const alive = (): void => {
    if (life.ended) throw new OvsUnavailable('the agent was killed');
  };
  return {
    observe: async () => (alive(), driver.observe()),
    flows: async (bridges, options) => (alive(), driver.flows(bridges, options)),
    apply: async (step) => (alive(), driver.apply(step)),
  };
};

const mortalBridges = (driver: FilterDriver, life: { readonly ended: boolean }): FilterDriver => {
  const alive = (): void => {
    if (life.ended) throw new OvsUnavailable('the agent was killed');
  };
  return {
    observe: async () => (alive(), driver.observe()),
    apply: async (steps) => (alive(), driver.apply(steps)),
  };
};

/** Resolves when it holds. Twenty seconds are many times what it takes. */
export const until = async (
  holds: () => boolean | Promise<boolean>,
  what: () => unknown = () => holds,
  withinMs = 20_000,
): Promise<void> => {
  for (const end = performance.now() + withinMs; !(await holds());) {
    if (performance.now() > end) throw new Error(`does not come true: ${JSON.stringify(await what())}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
