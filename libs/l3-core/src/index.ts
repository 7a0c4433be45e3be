export type { Convergence, ConvergeOptions } from '@plumbline/topology';
export { addressHex, addressOfHex } from './address-hex.js';
export { prefixesIn, type Advertising } from './advertising.js';
export { METADATA_PORT } from './rules.js';
export { applyOnce, converge, L3Memory, type L3Terms } from './converge.js';
export { endingsIn, endingText, translationsIn, type Ending } from './endings.js';
export { dialect } from './dialects/index.js';
export type { Dialect } from './dialects/dialect.js';
export { forwardingChain, forwardingsIn, type ForwardedTo, type Forwarding, type Taken } from './forwardings.js';
export type { Announcement, L3Driver, L3Step, Probe, ProbeAnswer } from './driver.js';
export { StepsRefused } from '@plumbline/reconcile';
export { gather, Incomplete, routersHere, type Gathered, type RouterPort } from './router-ports.js';
export * from './marks.js';
export {
  isEmpty,
  observedAs,
  orphanPorts,
  planRemoval,
  planRouter,
  STAGES,
  stepsOf,
  type RouterPlan,
  type Stage,
} from './plan.js';
export { PacketWalk, type Passing } from './packet-walk.js';
export { bornPolicyRules, isForeignPolicyRule } from './policy-rules.js';
export { heldAfter, heldObjects, heldUntilAsked, unproven, withhold, type Held } from './probation.js';
export { CONFIG as ADVERTISER_CONFIG, type FoundPrograms, type ProgramTerms } from './radvd.js';
export { render, renderRouter, type NodeFacts, type Rendered } from './render.js';
export { editsFor, isOurJump } from './rule-diff.js';
export { editedBy, rulesIn, savedFrom, stateText } from './rule-lines.js';
export type * from './rule.js';
export type * from './state.js';
export { IP_FORWARD, outsideSysctl, sysctlsOf } from './sysctls.js';
export { kernelRoutesOf } from './routes.js';
export { hasIpv6, linkLocalOf } from './ipv6.js';
export { judgeBy, type Judgement, staleness, type Translation } from './translation.js';
