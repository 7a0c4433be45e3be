import { expect, it } from '@jest/globals';
import { AnyObject, ObjectStatus, Report } from '@plumbline/contracts';
import { id } from '@plumbline/topology/testing';
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
    troubles: [] as readonly string[],
    node: null,
    availabilityZone: undefined,
    machine: { id: null, boot: 'boot', heard: 0 },
  };
  const feed = {
    subscribe: () => () => undefined,
    requestReplay: () => undefined,
    maxBodyBytes: 1_000_000,
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
  return { clock, reports, change, reporter, feed, facts, view };
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

it('reports what was changed when it has been read back, in one report', () => {
  const { reports, reporter, view } = reporting();
  const how = { touched: new Set(['floatingip/1'] as const), mayRemove: true, unverified: false };
  const quiet = { applied: 0, drift: 0, statuses: [], failed: [] };
  const before = reports.length;
  reporter.converged({ ...quiet, applied: 3, unread: new Set(['router/1'] as const) }, view, how);
  expect(reports).toHaveLength(before);
  // Nothing new is said of an object that went: that something was changed is.
  reporter.converged(quiet, view, { ...how, touched: new Set(['router/1'] as const) });
  expect(reports).toHaveLength(before + 1);
  reporter.converged(quiet, view, how);
  expect(reports).toHaveLength(before + 1);
  reporter.stop();
});

it('says until the whole node was looked at that it was not, and then all there is in a full report', () => {
  const { reports, change, reporter, view } = reporting();
  change('a');
  expect(reports.map(({ unread, page }) => [unread, page?.full])).toEqual([
    [true, true],
    [true, false],
  ]);
  const look = (): void =>
    reporter.converged({ applied: 0, drift: 0, statuses: [], failed: [] }, view, {
      touched: 'all',
      mayRemove: true,
      unverified: false,
    });
  const from = reports.length;
  look();
  look();
  change('b');
  const [first, ...later] = reports.slice(from);
  expect([first?.unread, first?.page?.full]).toEqual([undefined, true]);
  expect(later.map(({ unread, page }) => [unread, page?.full])).toEqual([[undefined, false]]);
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

it('cuts a report by bytes, numbers its pages, and names each object once', async () => {
  const { reports, reporter, feed, view } = reporting();
  const statuses = Array.from({ length: 3_000 }, (_, n): ObjectStatus => ({
    ...{ kind: 'port', id: String(n), position: n, status: 'ACTIVE' },
  }));
  reporter.converged({ applied: 1, drift: 0, statuses, failed: [] }, view, {
    touched: 'all',
    mayRemove: true,
    unverified: false,
  });
  const from = reports.length;
  feed.maxBodyBytes = 20_000;
  reporter.send(true);
  const pages = reports.slice(from);
  expect(pages.length).toBeGreaterThan(5);
  for (const page of pages) expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThanOrEqual(20_000);
  const { report } = pages[0]!.page!;
  expect(pages.map(({ page }) => page)).toEqual(
    pages.map((_page, at) => ({ report, index: at + 1, of: pages.length, full: true })),
  );
  // For an API that does not know pages.
  expect(pages.map(({ full }) => full)).toEqual(pages.map((_page, at) => at === 0));
  expect(pages.flatMap(({ objects }) => objects.map(({ id }) => Number(id)))).toEqual([...Array(3_000).keys()]);
  expect(reports.map(({ sequence }) => sequence)).toEqual(reports.map((_each, at) => at + 1));
  for (const page of reports) expect(Report.safeParse(page).success).toBe(true);
  reporter.stop();
});

it('says of 2,000 objects why they failed, however long the reasons are, and how long they were', () => {
  const { reports, reporter, view } = reporting();
  const reason = `${'x'.repeat(460)}${'\u{1F4A5}'.repeat(40)}${'"'.repeat(100_000)}`;
  const failed = Array.from({ length: 2_000 }, (_, n) => ({ key: `port/${id(n)}`, reason }));
  for (let n = 0; n < 2_000; n += 1)
    view.objects.set(`port/${id(n)}`, { kind: 'port', id: id(n) } as unknown as AnyObject);
  const from = reports.length;
  reporter.converged({ applied: 0, drift: 0, statuses: [], failed }, view, {
    touched: 'all',
    mayRemove: true,
    unverified: false,
  });
  const pages = reports.slice(from);
  for (const page of pages) {
    expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThanOrEqual(1_000_000);
    expect(Report.parse(page).objects).toEqual(page.objects);
  }
  const told = pages.flatMap(({ objects }) => objects);
  expect(told).toHaveLength(2_000);
  expect(told[0]?.reason).toMatch(/^x{460}.* \.\.\. \(100540 characters, shortened\)$/u);
  reporter.stop();
});

it('names the first hundred frozen objects and says how many there are', () => {
  const { reports, reporter, facts } = reporting();
  facts.frozen = Array.from({ length: 5_000 }, (_, n) => ({ key: `port/${n}`, position: 1, type: 'PortEncrypted' }));
  reporter.send(true);
  expect(reports.at(-1)?.frozen).toEqual(facts.frozen.slice(0, 100));
  expect(reports.at(-1)?.frozenCount).toBe(5_000);
  reporter.stop();
});
