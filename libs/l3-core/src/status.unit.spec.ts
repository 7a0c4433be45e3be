/** Which position a status has: it says for how long it holds, and an API that knows it as old asks for another one. */
import { expect, it } from '@jest/globals';
import type { ObjectStatus } from '@plumbline/contracts';
import type { HostView } from '@plumbline/topology';
import { routersHere } from './router-ports.js';
import { render } from './render.js';
import { statusesOf } from './status.js';
import { idOf, type Story, tutorial } from './testing/index.js';

const statuses = (view: HostView): ObjectStatus[] =>
  [...render(view, { userspace: true }).values()].flatMap((each) => statusesOf(each, view.position, []));
const text = (status: ObjectStatus): string => JSON.stringify(status);

it('of a router with floating IPs changes only for the one that was associated', () => {
  const story = tutorial();
  const last = story.log.length;
  const before = new Set(statuses(story.view(last - 1)).map(text));
  const now = statuses(story.view(last));
  expect(before.size).toBeGreaterThan(3);
  expect(now.filter((each) => !before.has(text(each)))).toEqual([
    { kind: 'floatingip', id: idOf('72'), position: last, status: 'ACTIVE' },
  ]);
});

it('is of all anew when the router came back to this node', () => {
  const moved = (of: Story): Story =>
    of.add(
      { type: 'RouterUnscheduled', version: 1, data: { routerId: idOf('c1'), host: 'net1' } },
      { type: 'RouterScheduled', version: 1, data: { routerId: idOf('c1'), host: 'net1' } },
    );
  const story = moved(tutorial());
  const view = story.view(story.log.length);
  expect(routersHere(view)).toHaveLength(1);
  expect(statuses(view).map(({ position }) => position)).toEqual(statuses(view).map(() => story.log.length));
});

it('never counts as from before its object was set', () => {
  const story = tutorial();
  const view = story.view(story.log.length);
  for (const { kind, id, position } of statuses(view)) {
    const object = view.objects.get(`${kind}/${id}`);
    expect(position).toBeGreaterThanOrEqual(Math.max(...Object.values(object?.setAt ?? {})));
    expect(position).toBeLessThanOrEqual(view.position);
  }
});
