/** Ids, names and times of generated logs: each from one number, so that a failing case reads the same every time. */
import type { Meta } from '@plumbline/contracts';

/** A UUID that shows its number: `id(26)` ends in `...00000000001a`. */
export const id = (number: number): string => `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;

/** A locally administered unicast MAC address for each number below 2^24. */
export const mac = (number: number): string =>
  `fa:16:3e:${[16, 8, 0].map((shift) => ((number >> shift) & 0xff).toString(16).padStart(2, '0')).join(':')}`;

/** RFC 3339 in UTC with milliseconds, one second later for each number. */
export const time = (number: number): string => new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString();

/** Meta of command number `n`. */
export const metaOf = (n: number): Meta => ({
  requestId: `req-${id(n)}`,
  userId: 'user',
  projectId: 'project',
  time: time(n),
});

/** The log id of generated logs. */
export const LOG = '10600000-0000-4000-8000-000000000000';
