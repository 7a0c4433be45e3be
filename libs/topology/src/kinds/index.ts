/** The log's own kinds. A kind of `AnyObject` that is not here, or whose declaration lacks a part, does not compile. */
import type { Kind } from '@plumbline/contracts';
import { addressgroup } from './address-group.js';
import { addressscope } from './address-scope.js';
import { admission } from './admission.js';
import { floatingip } from './floating-ip.js';
import { forwardingentry } from './forwarding-entry.js';
import type { KindDeclaration } from './kind.js';
import { network } from './network.js';
import { node } from './node.js';
import { packetlog } from './packet-log.js';
import { placement } from './placement.js';
import { portforwarding } from './port-forwarding.js';
import { port } from './port.js';
import { quota } from './quota.js';
import { rbacpolicy } from './rbac-policy.js';
import { routerentry } from './router-entry.js';
import { routerplace } from './router-place.js';
import { router } from './router.js';
import { securitygroupmember } from './security-group-member.js';
import { securitygrouprule } from './security-group-rule.js';
import { securitygroup } from './security-group.js';
import { subnetpool } from './subnet-pool.js';
import { subnet } from './subnet.js';

export const DECLARATIONS = {
  network,
  subnet,
  port,
  router,
  floatingip,
  portforwarding,
  securitygroup,
  securitygrouprule,
  securitygroupmember,
  forwardingentry,
  routerentry,
  routerplace,
  addressgroup,
  packetlog,
  addressscope,
  subnetpool,
  rbacpolicy,
  quota,
  placement,
  node,
  admission,
} satisfies { readonly [K in Kind]: KindDeclaration<K> };
