export { Backoff, backoffDelayMs, defaultBackoff, type BackoffSchedule } from './backoff.js';
export type { Clock } from './clock.js';
export { asError, runChains, type FailedStep, type Outcome } from './steps.js';
