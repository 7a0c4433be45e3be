import { expect, it } from '@jest/globals';
import { PlumbEvent, Recorded } from '@plumbline/contracts';
import { advance, emptyView, fold, streamOf, Topology } from './index.js';
import { id, metaOf, routerCreated, routerScheduled } from './testing/index.js';

it('of a router that leaves a host, the host learns whether it goes on on another one, until it comes back', () => {
  const routerId = id(1);
  const topology = new Topology();
  const view = emptyView('net1');
  const run = (event: PlumbEvent): boolean[] => {
    const position = topology.position + 1;
    const recorded = { stream: streamOf(event), event: event as unknown as Recorded['event'], meta: metaOf(1) };
    for (const { host, entered, left, events } of advance(topology, [{ ...recorded, position }])) {
      if (host !== view.host) continue;
      const of = { log: id(9), host, position, prev: view.log === null ? null : view.position, hash: 'a'.repeat(64) };
      const lists = { entered: [...entered], left: [...left], events: [...events] };
      fold(view, { ...of, ...lists, catalogue: 1, part: { index: 1, of: 1 } });
    }
    return [view.objects.has(`router/${routerId}`), view.elsewhere.has(`router/${routerId}`)];
  };
  run(routerCreated({ routerId }));
  expect(run(routerScheduled(routerId, 'net1'))).toEqual([true, false]);
  expect(run(routerScheduled(routerId, 'net2'))).toEqual([false, true]);
  expect(run(routerScheduled(routerId, 'net1'))).toEqual([true, false]);
  expect(run({ type: 'RouterUnscheduled', version: 1, data: { routerId, host: 'net1' } })).toEqual([false, false]);
  expect(run(routerScheduled(routerId, 'net1'))).toEqual([true, false]);
  // By hand: who moves a router takes it off first.
  const takenOff = { routerId, host: 'net1', heldOff: true };
  expect(run({ type: 'RouterUnscheduled', version: 1, data: takenOff })).toEqual([false, true]);
});
