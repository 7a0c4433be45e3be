import { expect, it } from '@jest/globals';
import { ObjectStatus, Report } from '@plumbline/contracts';
import { emptyView } from '@plumbline/topology';
import { Reporter } from './reporter.js';
import { ManualClock } from './testing/index.js';

/** A reporter whose reports the test receives. */
function reporting() {
  const clock = new ManualClock();
  const reports: Report[] = [];
  const facts = {
    log: null,
    state: 'in-sync' as const,
    position: 0,
    frozen: [] as Report['frozen'],
    node: null,
    availabilityZone: undefined,
  };
  const feed = {
    subscribe: () => () => undefined,
    requestReplay: () => undefined,
    report: (each: Report) => void reports.push(each),
  };
  const reporter = new Reporter({ agent: 'ovs', feed, clock, facts: () => facts });
  reporter.start();
  const view = emptyView('cmp1');
  const change = (id: string): void => {
    view.position += 1;
    const status: ObjectStatus = { kind: 'port', id, position: view.position, status: 'ACTIVE' };
    const touched = new Set([`port/${id}` as const]);
    reporter.converged({ applied: 1, drift: 0, statuses: [status], failed: [] }, view, {
      touched,
      mayRemove: true,
      unverified: false,
    });
  };
  return { clock, reports, change, reporter };
}
const said = (report: Report, id: string): boolean => report.objects.some((object) => object.id === id);

it('reports a change at once, in every report of the next second, and about once a second until it is 15 s old', async () => {
  const { clock, reports, change, reporter } = reporting();
  await clock.run(2_000);
  change('a');
  expect(said(reports.at(-1)!, 'a')).toBe(true);
  await clock.run(600);
  change('b');
  expect([said(reports.at(-1)!, 'a'), said(reports.at(-1)!, 'b')]).toEqual([true, true]);
  const from = reports.length;
  await clock.run(12_000);
  expect(reports.slice(from).length).toBe(2);
  for (const heartbeat of reports.slice(from)) expect(said(heartbeat, 'a')).toBe(true);
  const older = reports.length;
  await clock.run(10_000);
  expect(reports.slice(older).some((report) => said(report, 'a'))).toBe(false);
  reporter.stop();
});

it('among many changes, a report contains only those of the last second', async () => {
  const { clock, reports, change, reporter } = reporting();
  for (let n = 0; n < 1_000; n += 1) {
    change(String(n));
    await clock.run(10);
  }
  const sizes = reports.slice(1).map(({ objects }) => objects.length);
  expect(sizes.filter((size) => size > 110).length).toBeLessThanOrEqual(11);
  // Each change is in a hundred reports that follow at once, and in one a second after.
  const repeated = reports.filter((report) => said(report, '0')).length;
  expect(repeated).toBeGreaterThan(100);
  expect(repeated).toBeLessThanOrEqual(111);
  reporter.stop();
});
