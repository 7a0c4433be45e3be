export { POLICY, World } from './world.js';
export { make, scenarioA } from './requests.js';
