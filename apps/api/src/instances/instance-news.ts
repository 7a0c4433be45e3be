/** Tells the nodes that serve an instance that what is kept for it was changed or removed; they ask what it is now. A node that does not hear it asks some time later. */
import { type InstanceName, type InstancesChanged, subjects } from '@plumbline/contracts';
import type { Follower } from '@plumbline/ledger';
import { pagesOf } from '@plumbline/messaging';
import { hostsServing } from '@plumbline/topology';
import type { Outlet } from '../feed/publisher.js';

/** Bytes of a message besides the names. */
const FRAME_BYTES = 700;

export class InstanceNews {
  constructor(
    private readonly follower: Pick<Follower, 'log' | 'topology' | 'unusable'>,
    private readonly outlet: Outlet,
  ) {}

  /** To the hosts that serve them as far as this process has read the log. Never throws. */
  tell(instances: readonly InstanceName[]): void {
    const { log, topology, unusable } = this.follower;
    if (!this.outlet.connected || unusable) return;
    const byHost = new Map<string, InstanceName[]>();
    for (const { projectId, deviceId } of instances)
      for (const host of hostsServing(topology, { projectId, deviceId }))
        byHost.set(host, [...(byHost.get(host) ?? []), { projectId, deviceId }]);
    for (const [host, names] of byHost)
      for (const changed of pagesOf(names, this.outlet.maxBodyBytes - FRAME_BYTES))
        this.outlet.send(subjects.instances(host), { log, host, changed } satisfies InstancesChanged);
  }
}
