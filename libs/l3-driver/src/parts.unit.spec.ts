/** A look at many routers goes in parts; what was asked for meanwhile is done between two of them, and the whole ends as if it had come before or after. */
import { describe, expect, it } from '@jest/globals';
import { converge, type Convergence, L3Memory, netnsOf, outsideDevice } from '@plumbline/l3-core';
import { crowd, idOf, Story } from '@plumbline/l3-core/testing';
import { FakeL3Host } from './testing/index.js';

const ROUTERS = 40;
const LAST = 'c028';

/** An agent over a story that goes on: `change` is done, and converged, between the first two parts of the look. */
async function look(
  host: FakeL3Host,
  story: Story,
  change: () => readonly `${'router' | 'floatingip'}/${string}`[],
  memory = new L3Memory(),
  driver = host.driver(),
): Promise<{ whole: Convergence; between: Convergence | null; turns: number }> {
  const view = { ...story.view() };
  const terms = { mayRemove: true, unverified: false };
  let turns = 0;
  let between: Convergence | null = null;
  const whole = await converge(
    view,
    driver,
    {
      ...terms,
      touched: 'all',
      between: async () => {
        turns += 1;
        if (turns > 1) return;
        const touched = new Set(change());
        Object.assign(view, story.view());
        between = await converge(view, driver, { ...terms, touched }, memory);
      },
    },
    memory,
  );
  return { whole, between, turns };
}

const statusOf = ({ statuses }: Convergence, id: string) => statuses.find((each) => each.id === id);
const nothing = () => [];

describe(`a look at ${ROUTERS} routers`, () => {
  it('makes the very node that one without parts makes, and finds nothing to do on it', async () => {
    const story = crowd(ROUTERS, 1);
    const [inParts, atOnce] = [new FakeL3Host(), new FakeL3Host()];
    const { whole, turns } = await look(inParts, story, nothing);
    expect({ failed: whole.failed, turns }).toEqual({ failed: [], turns: 2 });
    await converge(story.view(), atOnce.driver(), { touched: 'all', mayRemove: true, unverified: false });
    expect(inParts.dump()).toBe(atOnce.dump());
    expect(whole.statuses).toHaveLength(4 * ROUTERS);
    expect((await look(inParts, story, nothing)).whole.applied).toBe(0);
  });

  it.each(['c001', LAST])(
    'lets in a floating IP of router %s, looked at before or after it, and reports it as it is now',
    async (router) => {
      const host = new FakeL3Host();
      const story = crowd(ROUTERS, 0);
      const number = Number.parseInt(router.slice(1), 16);
      const network = `ba${router.slice(1)}`;
      const { whole, between } = await look(host, story, () => {
        story
          .floatingIp('99', 'eee', '100.64.250.9')
          .associate('99', '100.64.250.9', `10.0.${number}.9`, network, router);
        return [`floatingip/${idOf('99')}`];
      });
      const active = { status: 'ACTIVE', position: story.log.length };
      expect(statusOf(between!, idOf('99'))).toMatchObject(active);
      expect(statusOf(whole, idOf('99'))).toMatchObject(active);
      const links = [...host.netns(idOf(router)).links.values()];
      expect(links.flatMap(({ addresses }) => addresses.map(({ address }) => address))).toContain('100.64.250.9/32');
      expect((await look(host, story, nothing)).whole.applied).toBe(0);
    },
  );

  it('a failure of what was let in stays reported, and so does one before it', async () => {
    const host = new FakeL3Host();
    const story = crowd(ROUTERS, 0);
    host.refusals.push(
      [/address replace 100\.64\.250\.9\/32/, 'RTNETLINK answers: No'],
      [/^qrouter-.*c028.*rp_filter/, 'EPERM'],
    );
    const { whole, between } = await look(host, story, () => {
      story.floatingIp('99', 'eee', '100.64.250.9').associate('99', '100.64.250.9', '10.0.1.9', 'ba001', 'c001');
      return [`floatingip/${idOf('99')}`];
    });
    expect(between!.failed.map(({ key }) => key)).toEqual([`floatingip/${idOf('99')}`]);
    expect(whole.failed.map(({ key }) => key)).toContain(`floatingip/${idOf('99')}`);
    expect(statusOf(whole, idOf('99'))?.status).toBe('ERROR');
  });

  it('a router that comes meanwhile keeps its port, one that goes leaves none, and a port of nobody is swept', async () => {
    const host = new FakeL3Host();
    const story = crowd(ROUTERS, 0);
    await look(host, story, nothing);
    host.ports.set('tapffffffff-ff', { name: 'tapffffffff-ff', portId: 'x', mac: 'x', position: 1, ours: true });
    const gone = idOf(LAST);
    const { whole } = await look(host, story, () => {
      story
        .network('aff', '10.99.0.0/24', { gatewayIp: '10.99.0.1' })
        .router('cff')
        .interface('cff', 'aff', '1ff', 'fa:16:3e:01:ff:ff', '10.99.0.1')
        .add({ type: 'RouterUnscheduled', version: 1, data: { routerId: gone, host: 'net1' } });
      return [`router/${idOf('cff')}`, `router/${gone}`];
    });
    expect(whole.failed).toEqual([]);
    expect(host.ports.has(outsideDevice(idOf('1ff')))).toBe(true);
    expect(host.ports.has('tapffffffff-ff')).toBe(false);
    expect(host.netnses.has(netnsOf(gone))).toBe(false);
    expect(statusOf(whole, gone)).toBeUndefined();
    expect(host.ports.size).toBe(2 * (ROUTERS - 1) + 1);
    expect((await look(host, story, nothing)).whole.applied).toBe(0);
  });
});
