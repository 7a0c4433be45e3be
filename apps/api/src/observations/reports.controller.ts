/**
 * Takes reports in. A report may have consequences in the log: a node whose facts changed is registered anew, and routers that wait for a host are scheduled
 * when a network node speaks.
 */
import { randomUUID } from 'node:crypto';
import { Controller, Inject } from '@nestjs/common';
import { Ctx, EventPattern, NatsContext, Payload } from '@nestjs/microservices';
import { Meta, Report, senderOf, subjects } from '@plumbline/contracts';
import { Fleet, registerNode, schedulePending, unscheduled } from '@plumbline/domain';
import { Ledger } from '@plumbline/ledger';
import type { Logger } from '@plumbline/telemetry';
import { LOGGER } from '../tokens.js';
import { Observations } from './observations.js';
import { FLEET } from './tokens.js';

/** Routers scheduled at one go; the rest goes with the next report. */
const atOnce = 50;

export const systemMeta = (): Meta => ({
  requestId: `req-${randomUUID()}`,
  userId: 'plumbline',
  projectId: '',
  time: new Date().toISOString(),
});

@Controller()
export class ReportsController {
  constructor(
    @Inject(Ledger) private readonly ledger: Ledger,
    @Inject(Observations) private readonly observations: Observations,
    @Inject(FLEET) private readonly fleet: () => Promise<Fleet>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @EventPattern<string>(subjects.allReports)
  async report(@Payload() body: unknown, @Ctx() context: NatsContext): Promise<void> {
    const sender = senderOf(context.getSubject());
    const report = Report.safeParse(body);
    if (!sender || !report.success) {
      this.logger.warn({ subject: context.getSubject(), step: 'report' }, 'not a report');
      return;
    }
    const { host, agent } = sender;
    try {
      if ((await this.observations.store(host, agent, report.data)) === 'late') return;
      // An agent of another log says nothing of this one.
      const { log, state } = report.data;
      if (state === 'foreign-log' || (log !== null && log !== this.ledger.log)) return;
      if (report.data.node) await this.register(host, report.data.node);
      if (agent === 'l3' && unscheduled(this.ledger.topology.all('router')).length > 0)
        await this.ledger.execute(schedulePending(await this.fleet(), atOnce), systemMeta());
    } catch (err) {
      this.logger.warn({ err, host, agent, step: 'report' }, 'report not taken in; the next one will be');
    }
  }

  /** Asks memory first: a report comes every five seconds, a change once in a year. */
  private async register(host: string, facts: NonNullable<Report['node']>): Promise<void> {
    const { tunnelIp, bridgeMappings } = facts;
    const node = this.ledger.topology.get('node', host);
    const sorted = (mappings: Readonly<Record<string, string>>): string =>
      JSON.stringify(Object.entries(mappings).sort());
    const same =
      node && !node.removed && node.tunnelIp === tunnelIp && sorted(node.bridgeMappings) === sorted(bridgeMappings);
    if (same) return;
    const { position } = await this.ledger.execute(registerNode({ host, tunnelIp, bridgeMappings }), systemMeta());
    this.logger.info({ host, position, tunnelIp, bridgeMappings, step: 'register' }, 'node registered');
  }
}
