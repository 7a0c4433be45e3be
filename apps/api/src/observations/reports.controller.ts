/**
 * Receives the agents' reports. A report may lead to events: a node whose facts changed is registered anew, and a report of a network node schedules routers
 * that have no host yet, or networks to DHCP agents. A report of a machine that does not own its host's name is not taken (owners.ts). What a node says beyond what an operator admitted it to
 * is stored, so that it is seen, and leads to nothing.
 */
import { Controller, Inject } from '@nestjs/common';
import { Ctx, EventPattern, NatsContext, Payload } from '@nestjs/microservices';
import { AgentKind, agentOf, agentsAdmitted, Report, senderOf, subjects } from '@plumbline/contracts';
import { Fleet, registerNode, schedulePending, unscheduled } from '@plumbline/domain';
import { Ledger } from '@plumbline/ledger';
import type { Logger } from '@plumbline/telemetry';
import { LOGGER } from '../tokens.js';
import { Beacons } from '../feed/beacons.js';
import { Observations } from './observations.js';
import { DhcpSchedule } from './dhcp-schedule.js';
import { Owners } from './owners.js';
import { systemMeta } from './system-meta.js';
import { FLEET } from './tokens.js';

/** Routers scheduled with one report; the others are scheduled with the next ones. */
const atOnce = 50;
/** At most so many agents of an unknown kind are warned about. */
const maxWarned = 1_000;

@Controller()
export class ReportsController {
  private readonly warned = new Set<string>();

  constructor(
    @Inject(Ledger) private readonly ledger: Ledger,
    @Inject(Observations) private readonly observations: Observations,
    @Inject(Owners) private readonly owners: Owners,
    @Inject(Beacons) private readonly beacons: Beacons,
    @Inject(FLEET) private readonly fleet: () => Promise<Fleet>,
    @Inject(DhcpSchedule) private readonly dhcp: DhcpSchedule,
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
    const { host } = sender;
    const kind = AgentKind.safeParse(sender.agent);
    if (!kind.success) return this.warnOnce(host, sender.agent);
    const agent = kind.data;
    // The agent reports again.
    if (this.ledger.unusable) return;
    try {
      const { is } = await this.owners.judge(host, agent, report.data);
      // It waits for this word before it changes anything on its node.
      if (is === 'new-owner') this.beacons.send(host);
      if (is === 'refused' || is === 'late') return;
      if ((await this.observations.store(host, agent, report.data)) === 'late') return;
      // What an agent of another log reports is not about this one.
      const { log, state } = report.data;
      if (state === 'foreign-log' || (log !== null && log !== this.ledger.log)) return;
      if (!this.admitted(host).includes(agent)) return;
      if (report.data.node) await this.register(host, report.data.node);
      if (agentOf(agent).carries === 'router' && unscheduled(this.ledger.topology.all('router')).length > 0)
        await this.ledger.execute(schedulePending(await this.fleet(), atOnce), systemMeta());
      if (agentOf(agent).carries === 'network') await this.dhcp.reported(host);
    } catch (err) {
      this.logger.warn(
        { err, host, agent, step: 'report' },
        'report not stored; the agent reports again in some seconds',
      );
    }
  }

  /** Kinds of agents that an operator lets this host run. */
  private admitted(host: string): readonly AgentKind[] {
    return agentsAdmitted(this.ledger.topology.get('admission', host)?.roles ?? []);
  }

  /** An agent of a later release: it gets its feed like any other, but this release cannot show what it reports. */
  private warnOnce(host: string, agent: string): void {
    const name = `${host} ${agent}`;
    if (this.warned.has(name) || this.warned.size >= maxWarned) return;
    this.warned.add(name);
    this.logger.warn(
      { host, agent, step: 'report' },
      'this release of the API does not know this kind of agent and ignores its reports; upgrade the API',
    );
  }

  /** Compares with what is in memory first: reports come every five seconds, and hardly ever with a change. */
  private async register(host: string, facts: NonNullable<Report['node']>): Promise<void> {
    const { tunnelIp, bridgeMappings, bfd, firewall = 'none' } = facts;
    const node = this.ledger.topology.get('node', host);
    const sorted = (mappings: Readonly<Record<string, string>>): string =>
      JSON.stringify(Object.entries(mappings).sort());
    const same =
      node &&
      !node.removed &&
      node.tunnelIp === tunnelIp &&
      node.bfd === bfd &&
      node.firewall === firewall &&
      sorted(node.bridgeMappings) === sorted(bridgeMappings);
    if (same) return;
    const { position } = await this.ledger.execute(
      registerNode({ host, tunnelIp, bridgeMappings, bfd, firewall }),
      systemMeta(),
    );
    this.logger.info({ host, position, tunnelIp, bridgeMappings, firewall, step: 'register' }, 'node registered');
  }
}
