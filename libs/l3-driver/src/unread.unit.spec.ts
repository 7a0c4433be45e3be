/** A change whose end is known is read back later: what it is taken to have led to is what is there, and a read-back finds whatever is not. */
import { describe, expect, it } from '@jest/globals';
import { converge, type Convergence, L3Memory, type L3State } from '@plumbline/l3-core';
import { forwardings, idOf, life, networkNode, reference, Story, tutorial } from '@plumbline/l3-core/testing';
import { FakeL3Host } from './testing/index.js';

class Agent {
  readonly host = new FakeL3Host();
  readonly driver = this.host.driver();
  readonly memory = new L3Memory();

  constructor(private readonly story: Story) {}

  /** `reads`: at once, not later. */
  event(position: number, { reads = false } = {}): Promise<Convergence> {
    return this.converge(position, { touched: this.story.touched(position), readsLater: !reads });
  }

  /** What a converge left to be read back. */
  read(position: number, { unread }: Convergence): Promise<Convergence> {
    return this.converge(position, { touched: unread ?? new Set(), readsLater: true });
  }

  private converge(position: number, options: object): Promise<Convergence> {
    const usual = { touched: new Set<never>(), mayRemove: true, unverified: false };
    return converge(this.story.view(position), this.driver, { ...usual, ...options }, this.memory);
  }
}

/** The router as a plan sees it; in any order where that says nothing. */
function routerIn({ routers }: L3State, id: string): unknown {
  const router = routers.get(id);
  const sorted = <T>(list: readonly T[]): string[] => list.map((each) => JSON.stringify(each)).sort();
  const tables = (rules: NonNullable<typeof router>['rules4']) =>
    [...rules].map(([table, chains]) => [table, [...chains].sort(([a], [b]) => (a < b ? -1 : 1))]);
  return (
    router && {
      ...router,
      connections: null,
      links: router.links.map((link) => ({ ...link, addresses: sorted(link.addresses) })),
      routes: sorted(router.routes),
      rules4: tables(router.rules4),
      rules6: tables(router.rules6),
    }
  );
}

const idsIn = ({ unread = new Set() }: Convergence): string[] => [...unread].map((key) => key.split('/')[1] ?? '');

/** The node when the whole story is made at once. */
async function wantedOf(story: Story): Promise<string> {
  const host = new FakeL3Host();
  const options = { touched: 'all', mayRemove: true, unverified: false } as const;
  await converge(story.view(), host.driver(), options);
  return host.dump();
}

const STORIES: readonly (readonly [name: string, story: Story, unread: number])[] = [
  ['tutorial', tutorial(), 2],
  ['networkNode', networkNode(), 1],
  ['reference', reference(), 2],
  ['life', life(), 5],
  ['forwardings', forwardings(), 15],
];

describe.each(STORIES)('%s', (_name, story, atLeast) => {
  it('what changes are taken to have led to is what is there, one after the other; nothing is said of it before it is read', async () => {
    const agent = new Agent(story);
    let unread = 0;
    for (const { position } of story.log) {
      const outcome = await agent.event(position);
      expect(outcome.failed).toEqual([]);
      for (const id of idsIn(outcome)) {
        unread += 1;
        expect(outcome.statuses).toEqual([]);
        const guess = agent.memory.recent.of(id)?.found;
        expect(guess && routerIn(guess, id)).toEqual(routerIn(await agent.driver.observe(new Set([id])), id));
      }
    }
    expect(agent.host.dump()).toBe(await wantedOf(story));
    expect(unread).toBeGreaterThanOrEqual(atLeast);
  });

  it('each read back before the next: nothing is left to do, and the read-back says what reading at once says', async () => {
    const [agent, other] = [new Agent(story), new Agent(story)];
    for (const { position } of story.log) {
      const outcome = await agent.event(position);
      const once = await other.event(position, { reads: true });
      if (!outcome.unread) continue;
      const read = await agent.read(position, outcome);
      expect(read).toEqual({ ...once, applied: 0 });
    }
  });
});

it.each(STORIES.filter(([name]) => name === 'tutorial' || name === 'forwardings'))(
  '%s, each step failing once: the router is looked at and mended',
  async (_name, story) => {
    const wanted = await wantedOf(story);
    for (let nth = 1; ; nth += 1) {
      const agent = new Agent(story);
      agent.host.failNext(nth);
      for (const { position } of story.log) {
        const outcome = await agent.event(position);
        if (outcome.failed.length > 0) await agent.event(position);
      }
      expect(agent.host.dump()).toBe(wanted);
      if (agent.host.mutations < nth) break;
    }
  },
);

describe('what somebody does before it is read back', () => {
  const story = tutorial();
  const LAST = story.log.length;
  const ROUTER = idOf('c1');
  const rules = ({ host }: Agent) => host.netns(ROUTER).rules4;

  it.each<[string, (agent: Agent) => unknown]>([
    ['takes the namespace away', ({ host }) => host.run(['ip', '-batch', '-'], { stdin: `netns del qrouter-${ROUTER}\n` })], // prettier-ignore
    ['flushes the nat table', (agent) => rules(agent).delete('nat')],
    ['takes the addresses away', ({ host }) => host.netns(ROUTER).links.forEach((link) => link.addresses.splice(0))],
    ['takes the routes away', ({ host }) => host.netns(ROUTER).routes.splice(0)],
    ['takes the ports off the switch', ({ host }) => host.ports.clear()],
  ])('%s: it is mended by the read-back', async (_what, harm) => {
    const agent = new Agent(story);
    for (const { position } of story.log.slice(0, -1)) await agent.event(position, { reads: true });
    const outcome = await agent.event(LAST);
    expect(idsIn(outcome)).toEqual([ROUTER]);
    await harm(agent);
    const read = await agent.read(LAST, outcome);
    expect(read.applied).toBeGreaterThan(0);
    expect(read.statuses.filter(({ status }) => status !== 'ACTIVE')).toEqual([]);
    expect(agent.host.dump()).toBe(await wantedOf(story));
  });
});
