export { Backoff, backoffDelayMs, defaultBackoff, type BackoffSchedule } from './backoff.js';
export type { Clock } from './clock.js';
export { Followers, Groups } from './followers.js';
export { digest, Memory } from './memory.js';
export { Run } from './run.js';
export { settle, type Terms } from './settle.js';
export { applyStages } from './stages.js';
export {
  APPLIES,
  asError,
  SIDE_BY_SIDE,
  StepsRefused,
  type Agent,
  type Failure,
  type Plan,
  type Refusal,
  type Stage,
  type Task,
  type Wanted,
} from './types.js';
