import { AGENT_KINDS, type AgentKind } from '@plumbline/contracts';
import type { Logger } from '@plumbline/telemetry';
import type { Known } from '../feed/beacons.js';
import type { Observations } from './observations.js';

const everyMs = 2_000;

/** Which agents have a row in the database, as of two seconds ago at the most. The beacon asks those without one for a full report. */
export class KnownAgents implements Known {
  private agents: ReadonlyMap<string, ReadonlySet<AgentKind>> | null = null;
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
    const there = this.agents.get(host);
    return AGENT_KINDS.filter((kind) => !there?.has(kind));
  }

  hosts(): Iterable<string> {
    return this.agents?.keys() ?? [];
  }

  private async look(): Promise<void> {
    this.timer = setTimeout(() => void this.look(), everyMs);
    this.timer.unref();
    try {
      this.agents = await this.observations.agents();
    } catch (err) {
      this.logger.debug({ err, step: 'observe' }, 'the table of agents cannot be read; retrying in two seconds');
    }
  }
}
