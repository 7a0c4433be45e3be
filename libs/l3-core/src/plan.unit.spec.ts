/** What is wrong beside floating addresses that are right is still seen. */
import { expect, it } from '@jest/globals';
import { observedAs, planRouter, stepsOf } from './plan.js';
import { render } from './render.js';
import { FoundRoute, L3State, ObservedRouter } from './state.js';
import { tutorial } from './testing/stories.js';

const [rendered] = render(tutorial().view(), { userspace: true }).values();
if (rendered?.kind !== 'present') throw new Error('the story has a router');
const wanted = rendered.state;
const well = observedAs([wanted], true);
const gateway = wanted.links.find(({ addresses }) => addresses.some(({ address }) => address.endsWith('/32')));
const floating = gateway?.addresses.find(({ address }) => address.endsWith('/32'))?.address ?? '';

/** The router as it is wanted, but for this. */
function but(change: (router: ObservedRouter) => Partial<ObservedRouter>): string[] {
  const [[id, router]] = [...well.routers] as [[string, ObservedRouter]];
  const found: L3State = { ...well, routers: new Map([[id, { ...router, ...change(router) }]]) };
  return stepsOf(planRouter(wanted, found, true)).map((step) =>
    [step.op, 'address' in step ? step.address : '', 'destination' in step ? step.destination : ''].join(' ').trim(),
  );
}
const isLocal = ({ type, destination }: FoundRoute): boolean => type === 'local' && destination === floating;

it('nothing, where nothing is wrong', () => {
  expect(floating).not.toBe('');
  expect(but(() => ({}))).toEqual([]);
});

it.each<[string, (router: ObservedRouter) => Partial<ObservedRouter>, string[]]>([
  [
    "a route of somebody else to a floating address, beside the kernel's own",
    ({ routes }) => ({ routes: [...routes, ...routes.filter(isLocal).map((route) => ({ ...route, kernel: false }))] }),
    [`remove-route  ${floating}`],
  ],
  [
    "the kernel's route to a floating address is gone",
    ({ routes }) => ({ routes: routes.filter((route) => !isLocal(route)) }),
    [`restore-route  ${floating}`],
  ],
  [
    'a floating address is gone',
    ({ links, routes }) => ({
      links: links.map((link) => ({
        ...link,
        addresses: link.addresses.filter(({ address }) => address !== floating),
      })),
      routes: routes.filter((route) => !isLocal(route)),
    }),
    [`add-address ${floating}`, `announce ${floating.replace('/32', '')}`],
  ],
  [
    'it has another broadcast address',
    ({ links }) => ({
      links: links.map((link) => ({
        ...link,
        addresses: link.addresses.map((each) => (each.address === floating ? { ...each, broadcast: null } : each)),
      })),
    }),
    [`remove-address ${floating}`, `add-address ${floating}`, `announce ${floating.replace('/32', '')}`],
  ],
])('%s', (_what, change, steps) => {
  expect(but(change).filter((step) => !step.startsWith('end-'))).toEqual(steps);
});
