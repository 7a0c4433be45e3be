import { AGENT_KINDS, type AgentKind } from '@plumbline/contracts';
import type { Logger } from '@plumbline/telemetry';
import type { Known } from '../feed/known-hosts.js';
import type { AgentState, Observations } from './observations.js';

const everyMs = 2_000;
/** An agent that is not in sync is catching up, which takes a moment; for longer than this it is behind, and health and log say so. */
export const BEHIND_AFTER_SECONDS = 10;

/** What the database says of the agents, as of two seconds ago at the most. The beacon asks those of which no full report is stored for one. */
export class KnownAgents implements Known {
  private agents: ReadonlyMap<string, readonly AgentState[]> | null = null;
  /** Those that the log says are behind. */
  private said: ReadonlySet<string> = new Set();
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

  /** Kinds of agents of a host that were ever heard, and whether each is alive. */
  on(host: string): readonly Readonly<{ kind: AgentKind; alive: boolean }>[] {
    return this.agents?.get(host) ?? [];
  }

  /** Agents that report, and have not been in sync for a while. */
  behind(): AgentState[] {
    return [...(this.agents?.values() ?? [])]
      .flat()
      .filter(({ alive, state, seconds }) => alive && state !== 'in-sync' && seconds > BEHIND_AFTER_SECONDS);
  }

  /** Agents that report that something is not well on their node. */
  troubled(): AgentState[] {
    return [...(this.agents?.values() ?? [])].flat().filter(({ alive, troubles }) => alive && troubles > 0);
  }

  private logChanges(): void {
    const names = new Set<string>();
    for (const { host, kind, state, seconds } of this.behind()) {
      names.add(`${host} ${kind}`);
      if (!this.said.has(`${host} ${kind}`))
        this.logger.warn({ host, agent: kind, state, seconds, step: 'observe' }, 'an agent is not in sync');
    }
    for (const name of this.said) {
      const [host, agent] = name.split(' ');
      if (!names.has(name)) this.logger.info({ host, agent, step: 'observe' }, 'the agent is in sync again, or silent');
    }
    this.said = names;
  }

  private async look(): Promise<void> {
    this.timer = setTimeout(() => void this.look(), everyMs);
    this.timer.unref();
    try {
      const byHost = new Map<string, AgentState[]>();
      for (const agent of await this.observations.agents())
        byHost.set(agent.host, [...(byHost.get(agent.host) ?? []), agent]);
      this.agents = byHost;
      this.logChanges();
    } catch (err) {
      this.logger.debug({ err, step: 'observe' }, 'the table of agents cannot be read; retrying in two seconds');
    }
  }
}
