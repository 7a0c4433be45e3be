export { POLICY, World } from './world.js';
export { make, scenarioA, UNENFORCED } from './requests.js';
