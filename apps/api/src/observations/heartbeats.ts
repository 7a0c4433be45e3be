/**
 * Reports that say nothing of objects, as most do: many hosts' in one statement.
 *
 * Goals: a thousand agents cost the database some statements a second and not hundreds; whoever waits for a report is told what became of it.
 * Design: what comes within a fifth of a second is stored together, rows in one order, so that two processes never wait for each other's rows. One statement is
 * under way at a time; what comes meanwhile is the next. Of two reports of one run of an agent the later is stored.
 * Road not taken: writing only what changed. The time of the last report is what makes an agent alive, and it always changes.
 */
import type { AgentKind } from '@plumbline/contracts';

export type Heartbeat = Readonly<{
  host: string;
  kind: AgentKind;
  startedAt: string;
  sequence: number;
  /** The rest of the row. */
  row: Readonly<Record<string, unknown>>;
}>;

/** Stores rows in one statement, in this order; resolves with the `<host>/<kind>` of those that are later than what was stored. */
export type StoreHeartbeats = (beats: readonly Heartbeat[]) => Promise<ReadonlySet<string>>;

const GATHER_MS = 200;

type Waiting = { beat: Heartbeat; told: ((stored: boolean | Error) => void)[] };

const keyOf = ({ host, kind }: Heartbeat): string => `${host}/${kind}`;

export class Heartbeats {
  private gathering = new Map<string, Waiting>();
  private underWay: Promise<void> | null = null;

  constructor(
    private readonly store: StoreHeartbeats,
    private readonly gatherMs = GATHER_MS,
  ) {}

  /** False: a later report is stored, or another run's; the caller must look. Rejects as the statement does, for all that are in it. */
  add(beat: Heartbeat): Promise<boolean> {
    const key = keyOf(beat);
    const waiting = this.gathering.get(key);
    // Which of two runs is the later one is not decided here.
    if (waiting && waiting.beat.startedAt !== beat.startedAt) return Promise.resolve(false);
    return new Promise((resolve, reject) => {
      const told = (stored: boolean | Error): void => (stored instanceof Error ? reject(stored) : resolve(stored));
      if (waiting) {
        waiting.told.push(told);
        if (waiting.beat.sequence < beat.sequence) waiting.beat = beat;
        return;
      }
      this.gathering.set(key, { beat, told: [told] });
      this.underWay ??= this.run();
    });
  }

  private async run(): Promise<void> {
    while (this.gathering.size > 0) {
      await new Promise((resolve) => setTimeout(resolve, this.gatherMs));
      const batch = [...this.gathering].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, waiting]) => waiting);
      this.gathering = new Map();
      let stored: ReadonlySet<string> | Error;
      try {
        stored = await this.store(batch.map(({ beat }) => beat));
      } catch (error) {
        stored = error as Error;
      }
      for (const { beat, told } of batch)
        for (const tell of told) tell(stored instanceof Error ? stored : stored.has(keyOf(beat)));
    }
    this.underWay = null;
  }
}
