/**
 * `plumb doctor`: walks from an object to its packets, and names the first cause. The checks are libs/reasons; here is what they need of this process: the log, the reports, and
 * questions to nodes, all within two seconds. Nothing is changed anywhere.
 */
import type { EventStore, RecordedEvent } from '@plumbline/event-store';
import type { Caller } from '@plumbline/identity/login';
import type { Follower } from '@plumbline/ledger';
import {
  CHECKS,
  examine,
  type Examined,
  type Finding,
  type Heard,
  type Known,
  madeBy,
  remembered,
  reportedOf,
  sceneOf,
  type Scene,
  type SubjectSort,
  type Traffic,
  type Wanted,
} from '@plumbline/reasons';
import type pg from 'pg';
import type { Outlet } from '../feed/publisher.js';
import type { NodeQuestions } from '../questions/node-questions.js';
import { Asking } from './asking.js';
import { readReports } from './known.js';
import { type Diagnosis, shownTo } from './shown.js';
import { subjectOf } from './subjects.js';

export type DoctorQuestion = Readonly<{ sort: SubjectSort; name: string; traffic: Traffic | null }>;

/**
 * The first look, and the second at what was found by a look that may fail: how long after the start the nodes are waited for; how long an agent that answers nothing; how
 * long a node waits for answers to what it sends. Where all answer it takes a second.
 */
const LOOKS = [
  { withinMs: 4_000, patienceMs: 1_200, forMs: 500 },
  { withinMs: 8_000, patienceMs: 2_000, forMs: 1_200 },
] as const;
/** More of the cloud is looked at when all is asked about. */
const ALL_LONGER = 4;
const CATCH_UP_MS = 300;
const EVENTS_MS = 300;
/** Findings whose events are looked for. */
const MOST_EXPLAINED = 5;
/**
 * A frame or an answer may be lost on a busy machine, a program may be starting, and what is behind a fault may not be seen yet by the switch: what such a look found is
 * looked for again.
 */
const FLEETING: readonly string[] = ['probe', 'path', 'state', 'namespace'];

type Examination = Readonly<{
  known: Known;
  scene: Scene;
  traffic: Traffic | null;
  memory: Map<string, Heard>;
  asking: Asking;
  /** Of `nowMs`. */
  until: number;
  forMs: number;
}>;

export class Doctor {
  constructor(
    private readonly follower: Pick<Follower, 'topology' | 'catchUp'>,
    private readonly questions: Pick<NodeQuestions, 'ask'>,
    private readonly pool: pg.Pool,
    private readonly outlet: Pick<Outlet, 'connected'>,
    private readonly store: Pick<EventStore, 'readStream'>,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** Throws 'not-found', 'forbidden' and 'bad-request'. */
  async examine({ sort, name, traffic }: DoctorQuestion, caller: Caller): Promise<Diagnosis> {
    const start = this.nowMs();
    // A database that is away is what is to be told.
    await inTime(this.follower.catchUp(), CATCH_UP_MS).catch(() => undefined);
    const { topology } = this.follower;
    const subject = subjectOf(topology, sort, name, caller);
    const scene = sceneOf(topology, subject);
    const known = await this.known(scene);
    const examined = await this.judged(known, scene, traffic, start);
    const events = await this.eventsOf(known.system.database === null ? examined.findings : []);
    const result = { subject, position: topology.position, examined, events, scene };
    return shownTo(caller, topology, result, Math.round(this.nowMs() - start));
  }

  private async known(scene: Scene): Promise<Known> {
    const { fault, ...reports } = await readReports(this.pool, reportedOf(scene));
    const broker = this.outlet.connected ? null : 'it is being connected to again and again, without success';
    return { objects: this.follower.topology, system: { database: fault, broker }, ...reports };
  }

  private async judged(known: Known, scene: Scene, traffic: Traffic | null, start: number): Promise<Examined> {
    const memory = new Map<string, Heard>();
    const longer = scene.sort === 'all' ? ALL_LONGER : 1;
    // Without a list of agents each one that the scene needs is asked all the same.
    const agents = known.agents ?? scene.agents.map(asIfAlive);
    const look = (turn: 0 | 1, known: Known): Promise<Examined> => {
      memory.clear();
      const { withinMs, patienceMs, forMs } = LOOKS[turn];
      const asking = new Asking(this.questions, agents, patienceMs, this.nowMs);
      return this.asked({ known, scene, traffic, memory, asking, until: start + longer * withinMs, forMs });
    };
    const first = await look(0, known);
    if (!first.findings.slice(0, 1).some(isFleeting)) return first;
    const second = await look(1, await this.known(scene));
    return confirmed(first, second);
  }

  /** Asks until nothing more is wanted, or `until`. Agents are waited for last: the silence of one is known late, and nothing else depends on it. */
  private async asked({ known, scene, traffic, memory, asking, until, forMs }: Examination): Promise<Examined> {
    const slow = new Map<string, Promise<void>>();
    const ask = async (wanted: Wanted): Promise<void> => {
      for (const [key, heard] of remembered(wanted, await asking.ask(wanted, until))) memory.set(key, heard);
    };
    for (;;) {
      const examined = examine(known, scene, traffic, memory, forMs);
      const open = examined.wanted.filter(({ keys }) => !keys.some((key) => slow.has(key)));
      for (const each of open.filter(({ question }) => question === 'state')) slow.set(each.keys[0] ?? '', ask(each));
      const others = open.filter(({ question }) => question !== 'state');
      if (others.length > 0) await Promise.all(others.map(ask));
      else if (examined.wanted.length === 0) return examined;
      else await Promise.all(slow.values());
    }
  }

  /** Of each finding the event that made it so, where one did. */
  private async eventsOf(findings: readonly Finding[]): Promise<ReadonlyMap<Finding, RecordedEvent>> {
    const found = new Map<Finding, RecordedEvent>();
    await Promise.all(
      findings.slice(0, MOST_EXPLAINED).map(async (finding) => {
        const { made } = finding;
        if (!made) return;
        const stream = await inTime(this.store.readStream(made.stream), EVENTS_MS).catch(() => []);
        const event = madeBy(made, stream);
        if (event) found.set(finding, event);
      }),
    );
    return found;
  }
}

const needsOf = new Map(CHECKS.map(({ id, needs }) => [id, needs as readonly string[]]));
const isFleeting = ({ check }: Finding): boolean => (needsOf.get(check) ?? []).some((need) => FLEETING.includes(need));

/** What the second look did not find out is as the first saw it. */
function confirmed(first: Examined, second: Examined): Examined {
  const isOpen = ({ check, on }: Finding): boolean =>
    second.unknown.some((each) => each.check === check && each.on.id === on.id && each.on.kind === on.kind);
  const findings = [...second.findings, ...first.findings.filter(isOpen)].sort((a, b) => rankOf(a) - rankOf(b));
  return { ...second, findings };
}
const rankOf = ({ check }: Finding): number => CHECKS.findIndex(({ id }) => id === check);

const asIfAlive = (agent: Scene['agents'][number]) => ({
  ...agent,
  ...{ alive: true, heardAt: '', state: '', adminStateUp: true, troubles: [] },
});

async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
