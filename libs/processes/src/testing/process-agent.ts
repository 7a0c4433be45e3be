/** An agent of nothing but supervised processes and the engine: what docs/how-to/supervise-a-process.md describes, whole. Each process is a unit of its own. */
import { digest, Memory, Run, settle, type Agent, type Plan, type Refusal } from '@plumbline/reconcile';
import { processRefusal, processStuck, processTasks, type SupervisionStep } from '../step-kind.js';
import type { Found, Processes, WantedProcess } from '../types.js';

const STAGE = 'processes';
const unitOf = (name: string): string => name;

export class ProcessAgent {
  wanted: readonly WantedProcess[] = [];
  /** What a plan already knows cannot be: of what processes need. */
  refused: readonly Refusal[] = [];
  private readonly memory = new Memory();

  constructor(private readonly processes: Processes) {}

  /** All that is wanted and all that is found. */
  async converge(mayRemove = true): Promise<Run> {
    const run = new Run();
    const found = await this.processes.observe();
    const names = [...this.wanted, ...found.processes].map(({ name }) => name);
    const units = new Set([...names, ...found.folders.keys()].map(unitOf));
    await settle(this.agent, this.memory, run, found, units, { mayRemove });
    this.memory.conclude(run, new Map([...units].map((unit) => [unit, this.agent.wanted(unit)])), mayRemove);
    return run;
  }

  private readonly agent: Agent<Found, SupervisionStep> = {
    stages: [{ name: STAGE, batch: 'all' }],
    plan: (found): Plan<SupervisionStep> => ({
      tasks: processTasks(this.wanted, found, { stage: STAGE, unitOf }),
      refused: this.refused,
    }),
    apply: (steps) => this.processes.apply(steps.map(({ step }) => step)),
    observe: () => this.processes.observe(),
    wanted: (unit) => {
      const mine = this.wanted.filter(({ name }) => unitOf(name) === unit);
      return mine.length === 0 ? null : digest(JSON.stringify(mine));
    },
    refusal: (owner, step, error) => (step ? processRefusal(step, error) : `${owner}: ${error.message}`),
    stuck: (_owner, steps) => processStuck(steps),
  };
}
