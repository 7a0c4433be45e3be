import { AGENT_KINDS, type AgentKind } from '@plumbline/contracts';
import type { Logger } from '@plumbline/telemetry';
import type { Known } from '../feed/beacons.js';
import type { Observations } from './observations.js';

const everyMs = 2_000;

/** Which agents have a row, as of at most two seconds ago: those that have none are asked to report in full. */
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

  /** Until the table was read nobody is asked: everybody would answer. */
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
      this.logger.debug({ err, step: 'observe' }, 'agents cannot be read');
    }
  }
}
