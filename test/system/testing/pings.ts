/** Pings that go on while a spec breaks something. */
import { ensureUnit, labEnvironment, removeUnit } from '@plumbline/lab';
import { until, type TestLab } from './test-lab.js';

const goesOnMs = 300_000;

/**
 * Pings this address from outside while the work is done. Answers how many were sent meanwhile, and how many of them got no answer, also not within the second after.
 * (With a count, ping(8) waits for the last answers for two round trips only.)
 */
export async function lostWhile(
  lab: TestLab,
  address: string,
  work: () => Promise<void>,
): Promise<{ sent: number; lost: number }> {
  await ensureUnit(lab.spec.stateDir, {
    name: 'pings',
    order: 41,
    argv: lab.argvAt('outside', ['ping', '-n', '-i', '0.02', address]),
    env: labEnvironment(lab.state.labId),
    restart: false,
    afterStart: [],
    stopSignal: 'SIGINT',
  });
  const answered = (): number[] => [...lab.logOf('pings').matchAll(/icmp_seq=(\d+) ttl=/g)].map(([, n]) => Number(n));
  const last = (): number => Math.max(0, ...answered());
  await until(
    () => last() > 0,
    () => 'no ping is answered',
  );
  await work();
  const sent = last();
  await until(
    () => last() > sent + 50,
    () => `no ping after the ${sent}th is answered`,
    goesOnMs,
  );
  await removeUnit(lab.spec.stateDir, 'pings');
  return { sent, lost: sent - new Set(answered().filter((n) => n <= sent)).size };
}
