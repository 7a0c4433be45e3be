/**
 * What owners give their instances to know: set, shown and removed. Only an instance with a port can have any: the port says whose the instance is, and when the last
 * one is deleted the data goes.
 */
import type { InstanceName } from '@plumbline/contracts';
import { DomainError } from '@plumbline/domain';
import type { Ledger } from '@plumbline/ledger';
import { instancePorts, projectsOfDevice } from '@plumbline/topology';
import type { InstanceNews } from './instance-news.js';
import type { InstanceRemoval } from './instance-removal.js';
import type { InstanceChange, InstanceRow, InstanceStore } from './instance-store.js';

export const deviceWithoutPort = ({ projectId, deviceId }: InstanceName): DomainError =>
  new DomainError(
    'InstanceNotFound',
    'not-found',
    `Project ${projectId} has no port with the device id ${deviceId}: create its port first.`,
  );

/** All methods reject as the database does, and with LogDiffers, when nothing can be said at present. */
export class Instances {
  constructor(
    private readonly ledger: Pick<Ledger, 'topology'>,
    private readonly removal: Pick<InstanceRemoval, 'upToDate'>,
    private readonly store: InstanceStore,
    private readonly news: InstanceNews,
  ) {}

  /** Projects that have ports with this device id. */
  async projectsOf(deviceId: string): Promise<readonly string[]> {
    await this.removal.upToDate();
    return projectsOfDevice(this.ledger.topology, deviceId);
  }

  /** Null: nothing is kept for it. */
  async find(instance: InstanceName): Promise<InstanceRow | null> {
    await this.removal.upToDate();
    return this.hasPort(instance) ? this.store.find(instance) : null;
  }

  /** Answers with what is kept from now on. Rejects with `deviceWithoutPort`, and nothing is kept then. */
  async set(instance: InstanceName, change: InstanceChange, userId: string): Promise<InstanceRow> {
    await this.removal.upToDate();
    if (!this.hasPort(instance)) throw deviceWithoutPort(instance);
    const { position } = this.ledger.topology;
    const row = await this.store.set(instance, change, { userId, position });
    // If its last port was deleted since, nothing was removed then, for nothing was stored yet.
    await this.removal.upToDate();
    if (!this.hasPort(instance)) {
      await this.store.removeSetBefore([{ instance, position: this.ledger.topology.position + 1 }]);
      throw deviceWithoutPort(instance);
    }
    this.news.tell([instance]);
    return row;
  }

  /** False: there was nothing. */
  async remove(instance: InstanceName): Promise<boolean> {
    await this.removal.upToDate();
    const removed = await this.store.remove(instance);
    if (removed) this.news.tell([instance]);
    return removed;
  }

  private hasPort(instance: InstanceName): boolean {
    return instancePorts(this.ledger.topology, instance).length > 0;
  }
}
