/**
 * Claims: what an object holds exclusively. A claim is a text key; the log's transaction takes it, or the command is in conflict. Claims follow from
 * the object alone (`claims` of its kind's declaration in `kinds`), so they can be rebuilt from the log. Prefixes are checked too: "no port of this network" is "no claim under `port/<network>/`".
 *
 *   segment/vxlan/<vni>  segment/vlan/<physical network>/<vlan>  segment/flat/<physical network>
 *   subnet/<network>/<subnet>
 *   port/<network>/<project>/<port>   mac/<network>/<mac>   address/<network>/<ip>   allocation/<subnet>/<ip>
 *   member/<security group>/<host, or nothing>/<port>   remote/<security or address group>/<the rule's group>/<rule>
 *   default-group/<project>   default-network/   default-pool/<4 or 6>/      one of a kind
 *   pool/<subnet pool>/<bits of the subnet's prefix>/    scope-pool/<address scope>/<subnet pool>
 *   scope/<address scope>/<4 or 6>/<bits of a pool's prefix>/      a prefix that contains another is the start of its text
 *   gateway-forwarding/<router>/<forwarding>   forwarded/<floating ip>/<forwarding>   forwarded-to/<port>/<fixed ip>/<forwarding>
 *   policy/<object>/<action>/<target project>/
 *   bound/<network>/<host>/<port>            the network is needed on that host
 *   routed/<network>/<router>               a router on a host has an interface there
 *   association/<port>/<external network>/<fixed ip>/   carried/<router>/<subnet>/<floating ip>
 *   local-vlan/<host>/<vlan>   tunnel-ip/<ip>
 */
import { AnyObject } from '@plumbline/contracts';
import { declarationOf, isWritten } from './model.js';
import { MODEL } from './kinds/model.js';

export { claimPart } from './kinds/kind.js';

export function claimsOf(object: AnyObject | undefined): readonly string[] {
  if (!object) return [];
  const declaration = declarationOf(MODEL, object.kind);
  return isWritten(declaration) ? declaration.claims(object) : [];
}
