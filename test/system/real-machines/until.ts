import { setTimeout as delay } from 'node:timers/promises';

/** Waits for a condition; throws the complaint when it does not come true in time. A check that throws counts as not yet true. */
export async function until(
  check: () => boolean | Promise<boolean>,
  complaint: () => string,
  timeoutMs = 60_000,
): Promise<void> {
  let trouble = '';
  for (const end = performance.now() + timeoutMs; performance.now() < end; await delay(20)) {
    try {
      if (await check()) return;
      trouble = '';
    } catch (error) {
      trouble = `: ${String(error)}`;
    }
  }
  throw new Error(`${complaint()} (waited ${timeoutMs / 1000} s)${trouble}`);
}
