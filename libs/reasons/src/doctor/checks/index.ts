/**
 * All checks, in the order in which causes come: the control plane, what was asked for, whether nodes may and can, what is on them, then the wire outside and the
 * instance. Of several that find something the first is the one to mend first. What an agent would mend comes before the silence of that agent, and says so, since it is
 * what stops the packets.
 */
import { LOOK_NAMES } from '@plumbline/contracts';
import type { AnyCheck } from '../check.js';
import { addressChecks, serviceChecks } from './addresses.js';
import { agentChecks, otherChecks, reportChecks } from './agents.js';
import { guestChecks } from './guests.js';
import { intentChecks, securityChecks, wayOutChecks } from './intent.js';
import { advertisingChecks, guest6Checks } from './ipv6.js';
import { metadataChecks } from './metadata.js';
import { nodeChecks } from './nodes.js';
import { outsideChecks } from './outside.js';
import { routerChecks } from './routers.js';
import { statusChecks } from './statuses.js';
import { switchChecks } from './switch.js';
import { silenceChecks, systemChecks } from './system.js';
import { tunnelChecks } from './tunnels.js';

export const CHECKS: readonly AnyCheck[] = [
  ...systemChecks,
  ...intentChecks,
  ...nodeChecks,
  ...switchChecks,
  ...routerChecks,
  ...advertisingChecks,
  ...serviceChecks,
  ...silenceChecks,
  ...agentChecks,
  ...tunnelChecks,
  ...outsideChecks,
  ...reportChecks,
  ...addressChecks,
  ...securityChecks,
  ...guestChecks,
  ...guest6Checks,
  ...statusChecks,
  ...wayOutChecks,
  ...metadataChecks,
  ...otherChecks,
];

const LOOKED: ReadonlySet<string> = new Set(
  CHECKS.filter(({ needs }) => needs.every((need) => (LOOK_NAMES as readonly string[]).includes(need))).map(
    ({ id }) => id,
  ),
);
/** Whether looks at nodes are all that the check needs: it can be made on a node alone. */
export const isLookAlone = (check: string): boolean => LOOKED.has(check);
