/** A change of a router that was well is made before the router is looked at: it comes sooner, and ends as it always does, whatever somebody did to the router meanwhile. */
import { expect, it } from '@jest/globals';
import { converge, type Convergence, L3Memory } from '@plumbline/l3-core';
import { idOf, tutorial } from '@plumbline/l3-core/testing';
import { FakeL3Host } from './testing/index.js';

const story = tutorial();
/** The last event associates a floating IP. */
const LAST = story.log.length;
const ROUTER = idOf('c1');
const NETNS = `qrouter-${ROUTER}`;

class Node {
  readonly host = new FakeL3Host();
  readonly driver = this.host.driver();
  readonly memory = new L3Memory();
  /** What was asked of the driver, in order. */
  readonly asked: string[] = [];

  constructor() {
    const { driver, asked } = this;
    const [observe, apply] = [driver.observe.bind(driver), driver.apply.bind(driver)];
    driver.observe = (...of) => {
      asked.push('look');
      return observe(...of);
    };
    driver.apply = (steps) => {
      asked.push(...steps.map(({ op }) => op));
      return apply(steps);
    };
  }

  async event(position: number, options = {}): Promise<Convergence> {
    const usual = { touched: story.touched(position), mayRemove: true, unverified: false };
    return converge(story.view(position), this.driver, { ...usual, ...options }, this.memory);
  }
}

async function before(): Promise<Node> {
  const node = new Node();
  for (const { position } of story.log.slice(0, -1)) await node.event(position);
  node.asked.splice(0);
  return node;
}
const wanted = async (): Promise<string> => {
  const node = new Node();
  await node.event(LAST, { touched: 'all' });
  return node.host.dump();
};

it('is made first, then looked at once', async () => {
  const node = await before();
  const { failed, statuses } = await node.event(LAST);
  expect(failed).toEqual([]);
  expect(statuses.filter(({ status }) => status !== 'ACTIVE')).toEqual([]);
  expect(node.asked.filter((each) => each === 'look')).toHaveLength(1);
  expect(node.asked.indexOf('look')).toBe(node.asked.length - 1);
  expect(node.host.dump()).toBe(await wanted());
});

it.each<[string, object]>([
  ['all are to be looked at', { touched: 'all' }],
  ['nothing may be removed', { mayRemove: false }],
  ['the view is not confirmed', { unverified: true }],
])('is looked at first where %s', async (_why, options) => {
  const node = await before();
  await node.event(LAST, options);
  expect(node.asked[0]).toBe('look');
});

it('a router that is wanted as before is looked at', async () => {
  const node = await before();
  node.host.netns(ROUTER).rules4.clear();
  const { drift } = await node.event(LAST - 1, { touched: new Set([`router/${ROUTER}`]) });
  expect(node.asked[0]).toBe('look');
  expect(drift).toBeGreaterThan(0);
});

const rules = ({ host }: Node) => host.netns(ROUTER).rules4;
it.each<[string, (node: Node) => unknown]>([
  ['took the namespace away', ({ host }) => host.run(['ip', '-batch', '-'], { stdin: `netns del ${NETNS}\n` })],
  [
    'took a link away',
    ({ host }) => host.run(['ip', '-batch', '-'], { netns: NETNS, stdin: 'link del qg-22222222-22\n' }),
  ],
  ['flushed the rules', (node) => rules(node).clear()],
  ['flushed the nat table', (node) => rules(node).delete('nat')],
  ['emptied the chains', (node) => rules(node).forEach((chains) => [...chains.keys()].forEach((name) => chains.set(name, [])))], // prettier-ignore
  ['took the addresses away', ({ host }) => host.netns(ROUTER).links.forEach((link) => link.addresses.splice(0))],
  ['took the routes away', ({ host }) => host.netns(ROUTER).routes.splice(0)],
  ['took the ports off the switch', ({ host }) => host.ports.clear()],
])('somebody %s meanwhile', async (_what, harm) => {
  const node = await before();
  await harm(node);
  expect((await node.event(LAST)).failed).toEqual([]);
  expect(node.host.dump()).toBe(await wanted());
});

it('the kernel refuses it once', async () => {
  const node = await before();
  node.host.failNext();
  expect((await node.event(LAST)).failed).toEqual([]);
  expect(node.host.dump()).toBe(await wanted());
});
