/** How an agent answers what its node has that a text names (question `things`): what it wants, beside what it finds. */
import { setTimeout as delay } from 'node:timers/promises';
import type { AnswerOf, ParamsOf, Thing } from '@plumbline/contracts';
import { asBefore, find, type FoundThing, judge, type WantedThing } from '@plumbline/reasons/things';
import type { HostView } from '@plumbline/topology';

/** How long a look at the node serves, in milliseconds, and how many times as long as it took: however many questions come, looking takes a tenth of the time. */
const RECENT_MS = 3_000;
const TIMES_ITS_TIME = 9;

/** What the kernel gives to `lo` of every namespace. */
export const LOOPBACK: readonly string[] = ['127.0.0.1/8', '::1/128'];
const bare = (address: string): string => address.split('/')[0] ?? '';
/** Whether a route that the kernel made on `lo` is for what it gives to `lo`, or for one of these addresses; else somebody put an address there. With prefix length or without. */
export const isOwnOnLoopback = (destination: string, addresses: readonly string[]): boolean =>
  destination.startsWith('127.') ||
  bare(destination) === '::1' ||
  addresses.some((address) => bare(address) === bare(destination));

type Look = Readonly<{ beganAt: number; found: readonly FoundThing[] }>;

/** Looks at the node for questions. One look is under way at a time; whoever asks meanwhile gets it, too. */
export class Survey {
  private judged: Readonly<{
    wanted: readonly WantedThing[];
    found: readonly FoundThing[];
    things: readonly Thing[];
  }> | null = null;
  private last: Readonly<{ look: Look; endedAt: number }> | null = null;
  private underWay: Promise<Look> | null = null;
  private next: Promise<Look> | null = null;

  /** `see`: reads all that the agent looks after. Changes nothing. */
  constructor(
    private readonly see: () => Promise<readonly FoundThing[]>,
    readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** What is wanted beside what was found. The same list for the same things: what a thing can be asked for by is worked out once. */
  judge(wanted: readonly WantedThing[], found: readonly FoundThing[]): readonly Thing[] {
    const { judged } = this;
    const isSame =
      judged?.found === found &&
      judged.wanted.length === wanted.length &&
      wanted.every((each, at) => each === judged.wanted[at]);
    if (!isSame) this.judged = { wanted, found, things: asBefore(judged?.things ?? [], judge(wanted, found)) };
    return this.judged?.things ?? [];
  }

  /** One that still serves, else a new one. */
  async recent(): Promise<Look> {
    const { last } = this;
    const took = this.tookMs();
    if (last && this.nowMs() < last.endedAt + Math.max(RECENT_MS, TIMES_ITS_TIME * took)) return last.look;
    return this.underWay ?? this.begin();
  }

  /** One that begins from now on: when that which is under way has ended, and as much time has passed again. All who wait get the same. */
  async anew(): Promise<Look> {
    const pauseMs = (): number => (this.last ? this.last.endedAt + this.tookMs() - this.nowMs() : 0);
    if (!this.underWay && pauseMs() <= 0) return this.begin();
    return (this.next ??= (async () => {
      await this.underWay?.catch(() => undefined);
      if (pauseMs() > 0) await delay(pauseMs());
      this.next = null;
      return this.begin();
    })());
  }

  private tookMs(): number {
    return this.last ? this.last.endedAt - this.last.look.beganAt : 0;
  }

  private begin(): Promise<Look> {
    const beganAt = this.nowMs();
    const looking = this.see().then(
      (found) => {
        const look = { beganAt, found };
        this.last = { look, endedAt: this.nowMs() };
        this.underWay = null;
        return look;
      },
      (error: unknown) => {
        this.underWay = null;
        throw error;
      },
    );
    this.underWay = looking;
    return looking;
  }
}

/**
 * What an agent wants by its view. `isFresh` false: it may be as of a moment ago. Events follow each other quickly, and each may have all of the node rendered, just when the agent
 * has something to do.
 */
export type Wanting = (isFresh: boolean) => readonly WantedThing[];

/** Worked out once for each position of the view, and no sooner again than a look at the node. `make` may render all of it. `of`: what else it follows from. */
export function oncePerPosition(
  nowMs: () => number = () => performance.now(),
): (view: HostView, of: unknown, make: () => WantedThing[]) => Wanting {
  let last: Readonly<{
    log: HostView['log'];
    position: number;
    of: unknown;
    wanted: readonly WantedThing[];
    servesUntil: number;
  }> | null = null;
  return (view, of, make) => (isFresh) => {
    const { log, position } = view;
    const isSame = last?.log === log && last.of === of;
    if (last && isSame && (last.position === position || (!isFresh && nowMs() < last.servesUntil))) return last.wanted;
    const start = nowMs();
    const wanted = make();
    const end = nowMs();
    last = { log, position, of, wanted, servesUntil: end + Math.max(RECENT_MS, TIMES_ITS_TIME * (end - start)) };
    return wanted;
  };
}

/** What an older look, or view, says is true still; but what it lacks may be there by now, and what is too much may be gone. */
const isSettled = ({ found }: Thing): boolean => found !== 'missing' && found !== 'left-over';
const areSettled = (things: readonly Thing[]): boolean => things.length > 0 && things.every(isSettled);

/** `wanting`: all that the agent wants by the view it has. */
export async function thingsNamed(
  { text, positions, after, most, anew }: ParamsOf<'things'>,
  wanting: Wanting,
  survey: Survey,
): Promise<AnswerOf<'things'>> {
  const askedAt = survey.nowMs();
  // A mark alone leads to whatever has it: only once nobody has the words.
  const named = ({ found }: Look, isFresh: boolean) => {
    const all = survey.judge(wanting(isFresh), found);
    return text === '' ? all.filter((thing) => thing.found !== 'foreign') : find(all, text, positions, anew);
  };
  const look = await survey.recent();
  let found = named(look, text === '');
  if (text !== '' && !areSettled(found)) found = named(look, true);
  const isOpen = found.length === 0 ? anew : !found.every(isSettled);
  if (text !== '' && look.beganAt < askedAt && isOpen) found = named(await survey.anew(), true);
  return { things: found.slice(after, after + most), all: found.length };
}
