import { afterEach, describe, expect, it } from '@jest/globals';
import { wire } from '../command.js';
import { StoreUnavailable } from '../errors.js';
import { happened } from '../testing/commands.js';
import { Appender, AppenderOptions } from './appender.js';
import { Answer, Link } from './link.js';

type Sent = readonly { again?: boolean; events: readonly { stream: string }[] }[];

/** A link whose every send is answered by `reply`; it counts how many are under way. */
class FakeLink implements Link {
  broken = false;
  readonly sent: Sent[] = [];
  most = 0;
  private underWay = 0;
  constructor(private readonly reply: (batch: Sent, nth: number) => Promise<readonly Answer[]>) {}
  async send(commands: readonly string[]): Promise<readonly Answer[]> {
    const batch = commands.map((text) => JSON.parse(text) as Sent[number]);
    this.sent.push(batch);
    this.underWay += 1;
    this.most = Math.max(this.most, this.underWay);
    return this.reply(batch, this.sent.length).finally(() => (this.underWay -= 1));
  }
  destroy(): void {
    this.broken = true;
  }
  async end(): Promise<void> {}
}

const fine = async (batch: Sent): Promise<readonly Answer[]> => batch.map((_, n) => ({ b: n, h: ['00'] }));
const sqlError = (code: string): Error => Object.assign(new Error(`SQLSTATE ${code}`), { code });
const port = (n: number) => wire(happened(`port-${n}`, 0));

describe('Appender', () => {
  let appender: Appender | undefined;
  afterEach(() => appender?.close());
  const over = (link: Link, options?: AppenderOptions): Appender =>
    (appender = new Appender(async () => link, options));

  it('sends what came in one turn as one batch, and never two batches at once', async () => {
    const link = new FakeLink(fine);
    const all = over(link, { batchSize: 4 });
    await Promise.all(Array.from({ length: 10 }, (_, n) => all.append(port(n))));
    expect(link.sent.map((batch) => batch.length)).toEqual([4, 4, 2]);
    expect(link.most).toBe(1);
  });

  it.each([
    ['the connection ended', new Error('Connection terminated unexpectedly')],
    ['the socket was closed', Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' })],
  ])('asks again, and says so, when it cannot know whether a batch was stored: %s', async (_, error) => {
    const link = new FakeLink(async (batch, nth) => {
      if (nth === 1) throw error;
      return fine(batch);
    });
    const results = await Promise.all([over(link).append(port(1)), appender!.append(port(2))]);
    expect(results.map((each) => each.ok)).toEqual([true, true]);
    expect(link.sent.map((batch) => batch.map((command) => command.again ?? false))).toEqual([
      [false, false],
      [true, true],
    ]);
  });

  it('finds the one command that the database refuses, and stores the others', async () => {
    const link = new FakeLink(async (batch) => {
      if (batch.some((command) => command.events[0]?.stream === 'port-1')) throw sqlError('23514');
      return fine(batch);
    });
    const all = over(link);
    const results = await Promise.allSettled([0, 1, 2].map((n) => all.append(port(n))));
    expect(results.map((each) => each.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('fails as not stored what was never sent by its deadline', async () => {
    appender = new Appender(() => Promise.reject(new Error('connect ECONNREFUSED')), { deadlineMs: 60 });
    const failed = await appender.append(port(1)).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(StoreUnavailable);
    expect(failed).toMatchObject({ outcome: 'not-stored', message: expect.stringContaining('ECONNREFUSED') });
  });

  it('fails as unknown what was sent to a server that never answers, and leaves that connection', async () => {
    let hangUp = (_: Error): void => undefined;
    const link = new FakeLink(() => new Promise((_, reject) => (hangUp = reject)));
    const destroy = link.destroy.bind(link);
    link.destroy = () => (destroy(), hangUp(new Error('Connection terminated')));
    const failed = await over(link, { deadlineMs: 60 })
      .append(port(1))
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({ name: 'StoreUnavailable', outcome: 'unknown' });
    await appender!.close();
    expect(link.broken).toBe(true);
  });

  it('refuses commands once it is closed', async () => {
    await over(new FakeLink(fine)).close();
    await expect(appender!.append(port(1))).rejects.toThrow(StoreUnavailable);
  });
});
