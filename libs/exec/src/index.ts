export { followLines, gathered, keepGoing } from './changes.js';
export { CommandFailed, SysctlFailed, failedLine, type FailureReason } from './errors.js';
export {
  addressText,
  NOTHING_SEEN,
  type NetworkQuestion,
  type RulesRevision,
  type SeenHop,
  type SeenAddress,
  type SeenLink,
  type SeenNeighbour,
  type SeenNetwork,
  type SeenPolicyRule,
  type SeenRoute,
} from './network.js';
export { PrintingRunner, type PrintingRunnerOptions } from './printing-runner.js';
export { ExecaRunner, run } from './run.js';
export {
  defaultNetnsDir,
  defaultTimeoutMs,
  netnsPath,
  sysctlPath,
  type AskOptions,
  type FrameAnswer,
  type FrameQuestion,
  type LoggedOptions,
  type LoggedPacket,
  type NetnsSettings,
  type OutgoingFrame,
  type Runner,
  type RunOptions,
  type RunResult,
  type SysctlOptions,
} from './runner.js';
export { shellCommand, shellLine, shellQuote } from './shell-text.js';
export { Spawner } from './spawner.js';
