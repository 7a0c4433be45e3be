import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@plumbline/telemetry';
import { unauthorized, unavailable } from './identity-error.js';
import { LoginLimits } from './login-limits.js';

const ANN = { userId: 'u1' } as const;
type Account = Readonly<{ userId: string } | { unknown: string }>;

/** Limits, and how a login with them ends: its turn, `failed`, or the kind of the refusal. */
function scene() {
  const limits = new LoginLimits(createLogger({ name: 'test', level: 'silent' }));
  const logIn = (address: string, account: Account, outcome: 'right' | Error, sent = JSON.stringify(account)) =>
    limits
      .guard({ address, sent }, async (attempt) => {
        await attempt.countFor(account);
        if (outcome !== 'right') throw outcome;
        return attempt.turn;
      })
      .catch((error: { kind?: string }) => error.kind);
  const times = async (many: number, each: (at: number) => Promise<unknown>) =>
    Promise.all(Array.from({ length: many }, (_, at) => each(at)));
  return { limits, logIn, times };
}
const wrong = unauthorized();

describe('failed logins', () => {
  it('of one account are stopped at the tenth from one address, however it is named, and from no other', async () => {
    const { logIn, times } = scene();
    const answers = await times(14, (at) => logIn('192.0.2.1', ANN, wrong, `spelling ${at}`));
    expect(answers.filter((answer) => answer === 'unauthorized')).toHaveLength(10);
    expect(await logIn('192.0.2.1', ANN, 'right')).toBe('too-many-requests');
    expect(await logIn('192.0.2.2', ANN, 'right')).toBe('192.0.2.2');
    expect(await logIn('192.0.2.1', { userId: 'u2' }, 'right')).toBe('192.0.2.1');
  });

  it('of a name that nobody has are stopped as those of a user are', async () => {
    const { logIn, times } = scene();
    const answers = await times(14, () => logIn('192.0.2.1', { unknown: 'nobody' }, wrong));
    expect(answers.filter((answer) => answer === 'unauthorized')).toHaveLength(10);
  });

  it('of many names are stopped for their address, before any account is looked at', async () => {
    const { limits, logIn, times } = scene();
    await times(150, (at) => logIn('192.0.2.1', { unknown: `invented ${at}` }, wrong));
    expect(limits.counts).toMatchObject({ failed: 100, refusedByAddress: 50, refusedByAccount: 0 });
    let looked = false;
    const late = limits.guard({ address: '192.0.2.1', sent: 'x' }, () => Promise.resolve((looked = true)));
    await expect(late).rejects.toMatchObject({
      kind: 'too-many-requests',
      headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
    });
    expect(looked).toBe(false);
    expect(await logIn('192.0.2.2', ANN, 'right')).toBe('192.0.2.2');
  });

  it('of others do not keep out who logged in from that address before', async () => {
    const { logIn, times } = scene();
    await logIn('192.0.2.1', ANN, 'right');
    await times(150, (at) => logIn('192.0.2.1', { unknown: `invented ${at}` }, wrong));
    expect(await logIn('192.0.2.1', { userId: 'u2' }, 'right')).toBe('too-many-requests');
    expect(await logIn('192.0.2.1', ANN, 'right')).toBe('known 192.0.2.1');
    // The account's own limit still holds.
    await times(10, () => logIn('192.0.2.1', ANN, wrong));
    expect(await logIn('192.0.2.1', ANN, 'right')).toBe('too-many-requests');
  });

  it('are not counted when they succeeded, or were never decided', async () => {
    const { limits, logIn, times } = scene();
    for (let turn = 0; turn < 30; turn += 1) {
      await times(9, () => logIn('192.0.2.1', ANN, wrong));
      expect(await logIn('192.0.2.1', ANN, 'right')).toBe(turn === 0 ? '192.0.2.1' : 'known 192.0.2.1');
      if (limits.counts.failed > 80) break;
    }
    const before = limits.counts.failed;
    await times(50, () => logIn('192.0.2.9', ANN, unavailable('the database is away')));
    await times(200, (at) => logIn('192.0.2.9', { userId: `u${at}` }, unavailable('too many wait')));
    expect(limits.counts.failed).toBe(before);
    expect(await logIn('192.0.2.9', ANN, 'right')).toBe('192.0.2.9');
  });
});
