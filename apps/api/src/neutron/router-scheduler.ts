/**
 * Routers that found no host when they got their first leg are scheduled as soon as one can carry them: looked at on a timer, cheaply, in memory; a
 * command is only made when there is a router that waits and an agent that lives.
 */
import { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { schedulePending, unscheduled } from '@plumbline/domain';
import type { Logger } from '@plumbline/telemetry';
import type { Topology } from '@plumbline/topology';
import { randomUUID } from 'node:crypto';
import type { Commands } from './dispatcher.js';
import type { ReadModel } from './read-model.js';

const LOOK_EVERY_MS = 1_000;
const AT_ONCE = 100;

export class RouterScheduler implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    private readonly commands: Commands & { readonly topology: Topology },
    private readonly read: ReadModel,
    private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setTimeout(() => void this.look(), LOOK_EVERY_MS);
  }

  onApplicationShutdown(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private async look(): Promise<void> {
    try {
      if (unscheduled(this.commands.topology.all('router')).length > 0) await this.schedule();
    } catch (err) {
      this.logger.warn({ err, step: 'schedule' }, 'routers could not be scheduled; will be repeated');
    }
    if (!this.stopped) this.timer = setTimeout(() => void this.look(), LOOK_EVERY_MS);
  }

  private async schedule(): Promise<void> {
    const fleet = await this.read.fleet();
    if (fleet.l3Hosts.length === 0) return;
    const meta = {
      requestId: `req-${randomUUID()}`,
      userId: 'plumbline',
      projectId: '',
      time: new Date().toISOString(),
    };
    const { result, position } = await this.commands.execute(schedulePending(fleet, AT_ONCE), meta);
    if (result > 0) this.logger.info({ routers: result, position, step: 'schedule' }, 'waiting routers scheduled');
  }
}
