/** Which routers an agent remembers as they were found: those that were changed last, and others only where there is room. */
import { expect, it } from '@jest/globals';
import { observedAs } from './plan.js';
import { Recent } from './recent.js';
import { render } from './render.js';
import { networkNode } from './testing/stories.js';

const [rendered] = render(networkNode().view(), { userspace: true }).values();
if (rendered?.kind !== 'present') throw new Error('the story has a router');
const wanted = rendered.state;
const connection = {
  ...{ protocol: 'udp', source: '10.0.0.1', destination: '10.0.0.2', destinationPort: 53 },
  ...{ answerFrom: '10.0.0.2', answerTo: '10.0.0.1', answerPort: 53 },
};
const observed = observedAs([wanted], true);
const found = {
  ...observed,
  routers: new Map([...observed.routers].map(([id, router]) => [id, { ...router, connections: [connection] }])),
};

it('remembers the last sixteen', () => {
  const recent = new Recent();
  for (let n = 1; n <= 20; n += 1) recent.put(`r${n}`, { wanted, found });
  expect([recent.of('r4'), recent.of('r5')?.wanted, recent.of('r20')?.wanted]).toEqual([undefined, wanted, wanted]);
  expect([recent.hasPlaceFor('r5'), recent.hasPlaceFor('r4')]).toEqual([true, false]);
  recent.drop('r5');
  expect([recent.of('r5'), recent.hasPlaceFor('r4')]).toEqual([undefined, true]);
});

it('does not remember connections, which come and go', () => {
  const recent = new Recent();
  recent.put(wanted.id, { wanted, found });
  expect(recent.of(wanted.id)?.found.routers.get(wanted.id)).toMatchObject({
    links: expect.any(Array),
    connections: null,
  });
});
