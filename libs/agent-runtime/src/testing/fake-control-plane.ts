import { createHash } from 'node:crypto';
import { AgentKind, Beacon, Recorded, Report } from '@plumbline/contracts';
import { advance, Topology } from '@plumbline/topology';
import { Clock } from '../clock.js';
import { HostFeeds } from '@plumbline/host-feeds';
import { split } from '@plumbline/messaging';
import { FakeBroker } from './fake-broker.js';

/** What it needs of a broker; it may be a real one. */
export type ControlPlaneBroker = Pick<FakeBroker, 'serve' | 'publish'>;

/** A control plane in memory: one log, its feeds, beacons and answers, over a broker. While it is down it publishes nothing, but its log goes on. */
export class FakeControlPlane {
  readonly topology = new Topology();
  readonly reports: (Report & { agent: AgentKind })[] = [];
  /** What its beacons say of who owns; undefined: a release that does not ask. */
  owners: Beacon['owners'];
  /** Largest message, in bytes of JSON. */
  maxBytes = 4_000;
  private readonly feeds: HostFeeds;
  private readonly links = new Map<string, number>();
  private stopServing: (() => void) | null = null;
  private cancelBeacon: (() => void) | null = null;

  constructor(
    readonly log: string,
    private readonly broker: ControlPlaneBroker,
    private readonly clock: Clock,
    private readonly hosts: readonly string[],
    /** A control plane with another text here has the same log with other hashes, as after a restored backup. */
    private readonly past = '',
  ) {
    this.feeds = new HostFeeds(log, []);
  }

  up(): void {
    this.stopServing ??= this.broker.serve((from) => {
      if (from.kind === 'report') this.reports.push({ ...from.body, agent: from.agent });
      else void this.answer(from.host, from.body, from.agent);
    });
    this.beacons();
  }

  down(): void {
    this.stopServing?.();
    this.stopServing = null;
    this.cancelBeacon?.();
    this.cancelBeacon = null;
  }

  /** Commits one command and, when up, publishes it. */
  commit(command: readonly Recorded[]): void {
    const parcels = advance(this.topology, command);
    const links = parcels.map(({ host }) => ({ host, prev: this.links.get(host) ?? null }));
    const { position } = this.topology;
    for (const { host } of links) this.links.set(host, position);
    const at = { position, hash: this.hashAt(position) };
    for (const message of this.feeds.next(this.topology, at, parcels, links))
      if (this.stopServing) this.send(message.host, message);
  }

  private send(host: string, message: Parameters<typeof split>[0]): void {
    for (const body of split(message, this.maxBytes)) this.broker.publish(host, { kind: 'message', body });
  }

  private async answer(host: string, request: Parameters<HostFeeds['answer']>[1], agent: string): Promise<void> {
    const hashAt = async (position: number): Promise<string | null> =>
      position <= this.topology.position ? this.hashAt(position) : null;
    const answer = await this.feeds.answer(host, request, { topology: this.topology, hashAt }, agent);
    if ('refused' in answer) this.broker.publish(host, { kind: 'refusal', body: answer });
    else for (const message of answer) this.send(host, message);
    this.beacon(host);
  }

  private beacon(host: string): void {
    const body = this.feeds.beacon(host, this.topology.position, []);
    this.broker.publish(host, { kind: 'beacon', body: this.owners ? { ...body, owners: this.owners } : body });
  }

  private beacons(): void {
    this.cancelBeacon?.();
    for (const host of this.hosts) this.beacon(host);
    this.cancelBeacon = this.clock.after(500, () => this.beacons());
  }

  /** Chain hash of its log at a position. */
  hashAt(position: number): string {
    return createHash('sha256').update(`${this.log} ${this.past} ${position}`).digest('hex');
  }
}
