/**
 * Asks nodes what a check wants to know. A look may be answered by any agent of its node: the first is asked, and the next one too when it is slow, so that a dead agent costs
 * little time. Each agent is asked a few questions at a time, which is what it takes (QUESTIONS_AT_ONCE).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type AgentKind, QUESTIONS, QUESTIONS_AT_ONCE } from '@plumbline/contracts';
import type { AgentFacts, Heard, Wanted } from '@plumbline/reasons';
import type { NodeQuestions } from '../questions/node-questions.js';

/** After this time without an answer, beyond what the node itself waits for, the next agent is asked, too. */
const HEDGE_MS = 250;
/** And so long after that, where the first has answered anything: it runs, on a node that has much to do, which the same question once more would not help. */
const RUNS_MS = 1_500;
/** So long an agent that has not reported for a while is waited for: it is likely dead. */
const DEAD_MS = 500;
/** Longest wait for an answer: a node that needs longer is as good as silent to whoever waits for a diagnosis. */
const LONGEST_MS = 3_000;
/** After this time an agent that had too many questions is asked again. */
const BUSY_MS = 100;
/** One is left for others who ask. */
const AT_ONCE = QUESTIONS_AT_ONCE - 1;

type Silent = Readonly<{ silent: string }>;

const nameOf = (host: string, agent: AgentKind): string => `${host} ${agent}`;

export class Asking {
  private readonly under = new Map<string, number>();
  private readonly waiting: (() => void)[] = [];

  /** Agents that have answered anything, and the end of patience with each other one. */
  private readonly heard = new Set<string>();
  private readonly silences = new Map<string, Promise<Silent>>();

  /** `patienceMs`: an agent that has answered nothing for so long since it was first asked is silent, and not waited for any more. */
  constructor(
    private readonly questions: Pick<NodeQuestions, 'ask'>,
    private readonly agents: readonly AgentFacts[],
    private readonly patienceMs: number,
    private readonly nowMs: () => number,
  ) {}

  /** `until`: of `nowMs`. Does not reject. */
  async ask(wanted: Wanted, end: number): Promise<Heard> {
    const until = Math.min(end, this.nowMs() + LONGEST_MS);
    const late = (): Heard => ({ silent: `${wanted.host} did not answer in time` });
    const agents = this.candidates(wanted);
    if (agents.length === 0) return { silent: `no agent of ${wanted.host} is known` };
    const { forMs = 0 } = wanted.params as Readonly<{ forMs?: number }>;
    return new Promise((resolve) => {
      const heard = new Map<AgentKind, Heard>();
      const timers: NodeJS.Timeout[] = [];
      let [begun, settled] = [0, false];
      const later = (ms: number, then: () => void): void => void timers.push(setTimeout(then, ms));
      const settle = (told: Heard): void => {
        settled = true;
        for (const timer of timers) clearTimeout(timer);
        resolve(told);
      };
      const askNext = (): void => {
        const agent = agents[begun];
        if (agent === undefined || settled) return;
        const turn = (begun += 1);
        const hedge = (): void => {
          if (begun === turn) askNext();
        };
        void this.askOne(wanted, agent, until).then((told) => {
          heard.set(agent, told);
          if ('answer' in told || heard.size === agents.length) settle(told);
          else hedge();
        });
        later(HEDGE_MS + forMs, () => {
          if (this.heard.has(nameOf(wanted.host, agent))) later(RUNS_MS, hedge);
          else hedge();
        });
      };
      later(Math.max(1, until - this.nowMs()), () => settle([...heard.values()][0] ?? late()));
      askNext();
    });
  }

  /** Agents that may answer, those that report first. */
  private candidates({ host, agent }: Wanted): readonly AgentKind[] {
    if (agent !== null) return [agent];
    const here = this.agents.filter((each) => each.host === host);
    return [...here.filter(({ alive }) => alive), ...here.filter(({ alive }) => !alive)].map(({ kind }) => kind);
  }

  /** Resolves when an agent has answered nothing for too long; never, when it has. */
  private silence(host: string, agent: AgentKind): Promise<Silent> {
    const name = nameOf(host, agent);
    const known = this.silences.get(name);
    if (known) return known;
    const isAlive = this.agents.some((each) => each.host === host && each.kind === agent && each.alive);
    const ms = isAlive ? this.patienceMs : Math.min(DEAD_MS, this.patienceMs);
    const silence = new Promise<Silent>((resolve) => {
      setTimeout(() => {
        if (!this.heard.has(name))
          resolve({ silent: `the ${agent} agent of ${host} answered nothing within ${ms} ms` });
      }, ms);
    });
    this.silences.set(name, silence);
    return silence;
  }

  private async askOne({ host, question, params }: Wanted, agent: AgentKind, until: number): Promise<Heard> {
    const name = nameOf(host, agent);
    while ((this.under.get(name) ?? 0) >= AT_ONCE && this.nowMs() < until)
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.under.set(name, (this.under.get(name) ?? 0) + 1);
    try {
      for (;;) {
        const withinMs = Math.floor(Math.min(QUESTIONS[question].withinMs, until - this.nowMs()));
        if (withinMs <= 0) return { silent: `${host} did not answer in time` };
        const asked = this.questions.ask(host, agent, question, params as never, withinMs).then((told) => {
          // One that has its hands full is there.
          if ('answer' in told || told.busy === 'agent') this.heard.add(name);
          return told;
        });
        const told = await Promise.race([asked, this.silence(host, agent)]);
        if ('answer' in told) return { answer: told.answer };
        if ('silent' in told) return told;
        if (!told.busy) return { silent: told.unknown };
        await delay(BUSY_MS);
      }
    } finally {
      this.under.set(name, (this.under.get(name) ?? 1) - 1);
      for (const go of this.waiting.splice(0)) go();
    }
  }
}
