export { CHECKS, isLookAlone } from './checks/index.js';
export {
  type AgentFacts,
  type AnyCheck,
  type Known,
  type Made,
  type Mend,
  type RefusedMachine,
  type Said,
  type Traffic,
} from './check.js';
export {
  examine,
  remembered,
  reportedOf,
  type Examined,
  type Finding,
  type Heard,
  type Memory,
  type On,
  type Wanted,
} from './examine.js';
export { SUBJECTS, type Objects, type SubjectSort } from './subject.js';
export { madeBy } from './made.js';
export { sceneOf, type Scene, type Subject } from './scene.js';
