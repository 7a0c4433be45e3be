/**
 * Answers nodes that ask what is kept for the instances they serve. A node is told only of instances on whose networks it has a router or a DHCP server; of all others it
 * hears what it would hear of one that nothing is kept for.
 *
 * Questions are answered one after the other, because what is kept may be large: a hundred nodes that come back at once would each have megabytes in memory. Of a node
 * that asks again meanwhile only the last question is answered.
 */
import { type InstanceAnswer, type InstanceAsk, type InstanceName, subjects } from '@plumbline/contracts';
import type { Follower } from '@plumbline/ledger';
import { answersOf } from '@plumbline/messaging';
import type { Logger } from '@plumbline/telemetry';
import { servedOn } from '@plumbline/topology';
import type { Outlet } from '../feed/publisher.js';
import type { InstanceRemoval } from './instance-removal.js';
import type { InstanceStore } from './instance-store.js';

/** Bytes of data in the answers to one question; what is beyond is said to be had later. At least one instance is answered. */
const MOST_BYTES = 4 * 1024 * 1024;

export class InstanceAnswers {
  private readonly asked = new Map<string, InstanceAsk>();
  private working = false;

  constructor(
    private readonly follower: Pick<Follower, 'log' | 'topology' | 'memory'>,
    private readonly removal: Pick<InstanceRemoval, 'upToDate'>,
    private readonly store: Pick<InstanceStore, 'revisions' | 'data'>,
    private readonly outlet: Outlet,
    private readonly logger: Logger,
    private readonly mostBytes = MOST_BYTES,
  ) {}

  /** `host`: who asks, as the broker says. Never throws. */
  hear(host: string, ask: InstanceAsk): void {
    this.asked.set(host, ask);
    if (!this.working) void this.work();
  }

  private async work(): Promise<void> {
    this.working = true;
    for (const [host, ask] of this.asked) {
      this.asked.delete(host);
      await this.answer(host, ask).catch((err: unknown) =>
        this.logger.warn({ err, host, step: 'instances' }, 'a node is not answered about instances; it asks again'),
      );
    }
    this.working = false;
  }

  private async answer(host: string, ask: InstanceAsk): Promise<void> {
    const { log, memory } = this.follower;
    if (ask.log !== log) {
      this.logger.warn({ host, log: ask.log, step: 'instances' }, 'a node of another log asks about instances');
      return;
    }
    await this.removal.upToDate();
    const { topology } = this.follower;
    if (topology.position < ask.position) throw new Error('the node has read more of the log than there is');
    const served = servedOn(topology, host);
    const known = new Map(
      (await this.store.revisions(ask.instances.filter(served))).map((each) => [keyOf(each), each]),
    );
    const lists = { same: [] as InstanceName[], gone: [] as InstanceName[], later: [] as InstanceName[] };
    const wanted: InstanceName[] = [];
    let bytes = 0;
    for (const { projectId, deviceId, revision } of ask.instances) {
      const name = { projectId, deviceId };
      const kept = known.get(keyOf(name));
      if (!kept) lists.gone.push(name);
      else if (kept.revision === revision) lists.same.push(name);
      else if (wanted.length > 0 && bytes + kept.bytes > this.mostBytes) lists.later.push(name);
      else {
        wanted.push(name);
        bytes += kept.bytes;
      }
    }
    const found = new Map((await this.store.data(wanted)).map((row) => [keyOf(row), row]));
    if (memory !== this.follower.memory) throw new Error('the log was loaded anew meanwhile');
    lists.gone.push(...wanted.filter((name) => !found.has(keyOf(name))));
    const set = [...found.values()].map(({ projectId, deviceId, revision, hostname, publicKeys, userData }) => ({
      ...{ projectId, deviceId, revision, hostname, publicKeys, userData },
    }));
    const answer: InstanceAnswer = { log, host, ask: ask.ask, set, ...lists, last: true };
    for (const message of answersOf(answer, this.outlet.maxBodyBytes))
      this.outlet.send(subjects.instances(host), message);
    this.logger.debug(
      { host, asked: ask.instances.length, set: set.length, gone: lists.gone.length, step: 'instances' },
      'answered about instances',
    );
  }
}

const keyOf = ({ projectId, deviceId }: InstanceName): string => JSON.stringify([projectId, deviceId]);
