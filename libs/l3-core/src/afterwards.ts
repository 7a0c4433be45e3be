/**
 * What a router is expected to be after steps whose effect is known, so that the next change can begin before the router has been read back (converge.ts). Somebody else may
 * have changed the router meanwhile, so nothing is told by it: the read-back that follows decides.
 */
import { L3Step } from './driver.js';
import { foundKernelRoute, kernelRoutesOf } from './routes.js';
import { editedBy } from './rule-lines.js';
import { FoundRoute, L3State, ObservedLink, ObservedRouter } from './state.js';

/** `found` after these steps of this router: rules, floating addresses and connections. Null with any other step: the kernel has more to say of it. */
export function afterwards(found: L3State, routerId: string, steps: readonly L3Step[]): L3State | null {
  const before = found.routers.get(routerId);
  if (!before) return null;
  let router = before;
  for (const step of steps) {
    const next = afterStep(router, step);
    if (!next) return null;
    router = next;
  }
  return { ...found, routers: new Map(found.routers).set(routerId, router) };
}

function afterStep(router: ObservedRouter, step: L3Step): ObservedRouter | null {
  switch (step.op) {
    case 'restore': {
      const rules = step.version === 4 ? 'rules4' : 'rules6';
      return { ...router, [rules]: editedBy(router[rules], step.edits) };
    }
    case 'add-address': {
      const { device, address, broadcast } = step;
      const link = standing(router, device, address);
      if (!link || link.addresses.some((each) => each.address === address)) return null;
      const added = { address, broadcast };
      const routes = kernelRoutesOf({ ...link, addresses: [added] }).filter(({ version }) => version === 4);
      return {
        ...withAddresses(router, link, [...link.addresses, added]),
        routes: [...router.routes, ...routes.map(foundKernelRoute)],
      };
    }
    case 'remove-address': {
      const { device, address } = step;
      const link = standing(router, device, address);
      if (!link) return null;
      const isOf = ({ type, destination, hops, kernel }: FoundRoute): boolean =>
        kernel && type === 'local' && destination === address && hops[0]?.device === device;
      return {
        ...withAddresses(
          router,
          link,
          link.addresses.filter((each) => each.address !== address),
        ),
        routes: router.routes.filter((route) => !isOf(route)),
      };
    }
    case 'announce':
    case 'end-connections':
    case 'end-forwarded':
    case 'end-untranslated':
      return router;
    default:
      return null;
  }
}

/** The link, if it stays as it is and the address is one that comes and goes alone. */
const standing = ({ links }: ObservedRouter, device: string, address: string): ObservedLink | undefined =>
  address.endsWith('/32') ? links.find((link) => link.device === device && link.up) : undefined;

const withAddresses = (
  router: ObservedRouter,
  link: ObservedLink,
  addresses: ObservedLink['addresses'],
): ObservedRouter => ({
  ...router,
  links: router.links.map((each) => (each === link ? { ...link, addresses } : each)),
});
