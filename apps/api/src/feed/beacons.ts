/** Every half second, each API process tells each host the heads of its feed and of the log: so an agent notices within a second that even the last message was lost. */
import { Beacon, type Owner, subjects } from '@plumbline/contracts';
import { Follower } from '@plumbline/ledger';
import { goneHosts, type Known } from './known-hosts.js';
import type { Outlet } from './publisher.js';

/** Who owns each host's name. */
export interface OwnersOf {
  /** Undefined: not known yet. */
  of(host: string): Readonly<Record<string, Owner>> | undefined;
}

const everyMs = 500;

export class Beacons {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly follower: Follower,
    private readonly outlet: Outlet,
    private readonly known: Known,
    private readonly owners: OwnersOf,
  ) {}

  start(): void {
    this.timer = setInterval(() => this.sendAll(), everyMs);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  send(host: string): void {
    if (this.follower.unusable) return;
    const { feeds, topology } = this.follower;
    const owners = this.owners.of(host);
    // Without the owners it would be the beacon of a release that does not ask who owns, and both of two machines would work.
    if (!owners) return;
    const beacon: Beacon = { ...feeds.beacon(host, topology.position, [...this.known.missing(host)]), owners };
    this.outlet.send(subjects.beacon(host), beacon);
  }

  private sendAll(): void {
    // A process that cannot read the log does not know the heads of its feeds, so it sends none. If no process sends any, the agents notice that.
    if (!this.outlet.connected || this.follower.lastError || this.follower.unusable) return;
    const hosts = new Set([...this.follower.feeds.hosts(), ...this.known.hosts()]);
    for (const host of goneHosts(this.follower, this.known)) hosts.delete(host);
    for (const host of hosts) this.send(host);
  }
}
