import { expect, it } from '@jest/globals';
import type { Ledger } from '@plumbline/ledger';
import type { Logger } from '@plumbline/telemetry';
import { Topology } from '@plumbline/topology';
import { DhcpSchedule } from './dhcp-schedule.js';

/** When silence counted: at these times, in seconds, agents reported. */
async function silenceCounted(...reports: readonly (readonly [second: number, host: string])[]): Promise<boolean[]> {
  const asked: boolean[] = [];
  let nowMs = 0;
  const ledger = { topology: new Topology(), execute: () => Promise.reject(new Error('nothing is to be decided')) };
  const fleet = async (silenceCounts: boolean) => {
    asked.push(silenceCounts);
    return { hosts: [], stays: new Set<string>(), perNetwork: 1 };
  };
  const schedule = new DhcpSchedule(ledger as unknown as Ledger, fleet, {} as Logger, () => nowMs);
  for (const [second, host] of reports) {
    nowMs = second * 1_000;
    await schedule.reported(host);
  }
  return asked;
}

const every = (from: number, to: number, host: string) =>
  Array.from({ length: (to - from) / 5 + 1 }, (_, n) => [from + n * 5, host] as const);

it('silence of others counts only for whoever was heard all the while', async () => {
  expect(await silenceCounted([0, 'a'], [5, 'a'])).toEqual([false, false]);
  expect((await silenceCounted(...every(0, 80, 'a'))).lastIndexOf(false)).toBe(14);
  // Back after an outage: nobody was heard, so nobody is gone.
  expect((await silenceCounted(...every(0, 80, 'a'), [300, 'a'])).at(-1)).toBe(false);
  expect((await silenceCounted(...every(0, 80, 'a'), [81, 'b'])).at(-1)).toBe(false);
});
