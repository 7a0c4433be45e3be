import { describe, expect, it } from '@jest/globals';
import { Turns } from './turns.js';

const never = new AbortController().signal;
const member = (projectId: string) => ({ projectId, role: 'member' }) as const;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Lists that end when the test says so. */
class Lists {
  readonly begun: string[] = [];
  readonly ended = new Map<string, () => void>();
  private readonly answers: Promise<unknown>[] = [];

  constructor(readonly turns: Turns) {}

  ask(name: string, who: Parameters<Turns['take']>[0], signal = never): Promise<string> {
    const answer = this.turns.take(who, signal, async () => {
      this.begun.push(name);
      await new Promise<void>((resolve) => this.ended.set(name, resolve));
      return name;
    });
    this.answers.push(answer.catch(() => undefined));
    return answer;
  }

  async end(name: string): Promise<void> {
    await settled();
    this.ended.get(name)?.();
    await settled();
  }
}

const lists = (connections: number, perProject: number, patienceMs = 60_000) =>
  new Lists(new Turns({ connections, perProject, patienceMs }));

describe('turns', () => {
  it("lets a project's lists wait behind each other, and others pass", async () => {
    const all = lists(4, 2);
    for (let n = 0; n < 5; n += 1) void all.ask(`a${n}`, member('a'));
    void all.ask('b0', member('b'));
    await settled();
    expect(all.begun).toEqual(['a0', 'a1', 'b0']);
    await all.end('a0');
    expect(all.begun).toEqual(['a0', 'a1', 'b0', 'a2']);
  });

  it('gives a connection to the project that has the fewest, then to the one whose last turn is longest ago', async () => {
    const all = lists(2, 2);
    for (const name of ['a0', 'a1', 'a2']) void all.ask(name, member('a'));
    for (const name of ['b0', 'b1', 'c0']) void all.ask(name, member(name.slice(0, 1)));
    await all.end('a0');
    expect(all.begun).toEqual(['a0', 'a1', 'b0']);
    await all.end('a1');
    expect(all.begun).toEqual(['a0', 'a1', 'b0', 'c0']);
    await all.end('c0');
    expect(all.begun).toEqual(['a0', 'a1', 'b0', 'c0', 'a2']);
    await all.end('a2');
    expect(all.begun).toEqual(['a0', 'a1', 'b0', 'c0', 'a2', 'b1']);
  });

  it('leaves administrators, who ask for everybody, all but the connections of one project', async () => {
    const all = lists(8, 2);
    for (let n = 0; n < 10; n += 1) void all.ask(`s${n}`, { projectId: 'service', role: 'admin' });
    void all.ask('m0', member('m'));
    await settled();
    expect(all.begun).toEqual(['s0', 's1', 's2', 's3', 's4', 's5', 'm0']);
  });

  it('refuses more than can wait, at once, and only to the project that has so many', async () => {
    const all = lists(1, 1);
    for (let n = 0; n < 101; n += 1) void all.ask(`a${n}`, member('a')).catch(() => undefined);
    await expect(all.ask('a101', member('a'))).rejects.toMatchObject({ kind: 'too-many-requests' });
    void all.ask('b0', member('b'));
    await all.end('a0');
    expect(all.begun).toEqual(['a0', 'b0']);
  });

  it('answers what does not get its turn in time, and goes on with the others', async () => {
    const all = lists(1, 1, 20);
    void all.ask('a0', member('a'));
    await expect(all.ask('b0', member('b'))).rejects.toMatchObject({ kind: 'unavailable' });
    await all.end('a0');
    void all.ask('b1', member('b'));
    await settled();
    expect(all.begun).toEqual(['a0', 'b1']);
  });

  it('forgets who leaves while waiting', async () => {
    const all = lists(1, 1);
    const leaving = new AbortController();
    void all.ask('a0', member('a'));
    const gone = expect(all.ask('a1', member('a'), leaving.signal)).rejects.toMatchObject({ name: 'ClientGone' });
    leaving.abort();
    await gone;
    await expect(all.ask('a2', member('a'), leaving.signal)).rejects.toMatchObject({ name: 'ClientGone' });
    void all.ask('a3', member('a'));
    await all.end('a0');
    expect(all.begun).toEqual(['a0', 'a3']);
  });

  it('reads nothing more for a project whose clients do not take their answers', async () => {
    const all = lists(2, 2);
    const sent = all.turns.unsent('a', 40_000_000);
    void all.ask('a0', member('a'));
    void all.ask('b0', member('b'));
    await settled();
    expect(all.begun).toEqual(['b0']);
    sent();
    await settled();
    expect(all.begun).toEqual(['b0', 'a0']);
  });

  it('gives the turn on when a list fails', async () => {
    const all = lists(1, 1);
    await expect(all.turns.take(member('a'), never, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    void all.ask('a1', member('a'));
    await settled();
    expect(all.begun).toEqual(['a1']);
  });
});
