import { AGENT_KINDS, type AgentKind } from '@plumbline/contracts';
import type { Logger } from '@plumbline/telemetry';
import type { Known } from '../feed/beacons.js';
import type { AgentState, Observations } from './observations.js';

const everyMs = 2_000;

/** What the database says of the agents, as of two seconds ago at the most. The beacon asks those of which no full report is stored for one. */
export class KnownAgents implements Known {
  private agents: ReadonlyMap<string, readonly AgentState[]> | null = null;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly observations: Pick<Observations, 'agents'>,
    private readonly logger: Logger,
  ) {}

  start(): void {
    void this.look();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** None until the table was read for the first time: otherwise every agent would be asked. */
  missing(host: string): readonly AgentKind[] {
    if (!this.agents) return [];
    const there = this.agents.get(host) ?? [];
    return AGENT_KINDS.filter((kind) => !there.some((agent) => agent.kind === kind && agent.reported));
  }

  hosts(): Iterable<string> {
    return this.agents?.keys() ?? [];
  }

  private async look(): Promise<void> {
    this.timer = setTimeout(() => void this.look(), everyMs);
    this.timer.unref();
    try {
      const byHost = new Map<string, AgentState[]>();
      for (const agent of await this.observations.agents())
        byHost.set(agent.host, [...(byHost.get(agent.host) ?? []), agent]);
      this.agents = byHost;
    } catch (err) {
      this.logger.debug({ err, step: 'observe' }, 'the table of agents cannot be read; retrying in two seconds');
    }
  }
}
