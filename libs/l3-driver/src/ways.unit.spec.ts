import { describe, expect, it } from '@jest/globals';
import { converge, Convergence, L3Memory } from '@plumbline/l3-core';
import { life, networkNode, reference, Story, tutorial } from '@plumbline/l3-core/testing';
import { FakeL3Host } from './testing/index.js';

const STORIES: Readonly<Record<string, () => Story>> = { tutorial, networkNode, reference, life };

/** One agent on one fake node. */
class Agent {
  private memory = new L3Memory();
  private driver;

  constructor(readonly host: FakeL3Host) {
    this.driver = host.driver();
  }

  restart(): void {
    this.memory = new L3Memory();
    this.driver = this.host.driver();
  }

  async all(story: Story, length?: number): Promise<Convergence> {
    const options = { touched: 'all', mayRemove: true, unverified: false } as const;
    return converge(story.view(length), this.driver, options, this.memory);
  }

  async event(story: Story, position: number): Promise<Convergence> {
    const options = { touched: story.touched(position), mayRemove: true, unverified: false };
    return converge(story.view(position), this.driver, options, this.memory);
  }
}

/** The node after one converge of the whole story on an empty node. */
async function atOnce(story: Story): Promise<string> {
  const host = new FakeL3Host();
  const outcome = await new Agent(host).all(story);
  expect(outcome.failed).toEqual([]);
  return host.dump();
}

describe.each(Object.entries(STORIES))('%s, five ways to one node', (_name, tell) => {
  const story = tell();

  it('as written, and a restart with nothing changed changes nothing', async () => {
    const host = new FakeL3Host();
    const agent = new Agent(host);
    for (const { position } of story.log) expect((await agent.event(story, position)).failed).toEqual([]);
    expect(host.dump()).toBe(await atOnce(story));
    agent.restart();
    const before = host.mutations;
    const again = await agent.all(story);
    expect({ applied: again.applied, drift: again.drift, failed: again.failed }).toEqual({
      applied: 0,
      drift: 0,
      failed: [],
    });
    expect(host.mutations).toBe(before);
    expect(again.statuses.every((status) => status.status === 'ACTIVE')).toBe(true);
  });

  it('every event twice', async () => {
    const host = new FakeL3Host();
    const agent = new Agent(host);
    for (const { position } of story.log) {
      await agent.event(story, position);
      const before = host.mutations;
      expect((await agent.event(story, position)).applied).toBe(0);
      expect(host.mutations).toBe(before);
    }
    expect(host.dump()).toBe(await atOnce(story));
  });

  it('a restart after every event', async () => {
    const host = new FakeL3Host();
    const agent = new Agent(host);
    for (const { position } of story.log) {
      await agent.all(story, position);
      agent.restart();
    }
    expect(host.dump()).toBe(await atOnce(story));
  });

  it('each step failing once: the next converge mends it, and nobody else noticed', async () => {
    for (let nth = 1; ; nth += 1) {
      const host = new FakeL3Host();
      const agent = new Agent(host);
      host.failNext(nth);
      for (const { position } of story.log) {
        const outcome = await agent.event(story, position);
        if (outcome.failed.length > 0) await agent.event(story, position);
      }
      expect(host.dump()).toBe(await atOnce(story));
      if (host.mutations < nth) break;
    }
  });

  it('broken by hand between events: ours comes back, what is foreign stays as it was left', async () => {
    const host = new FakeL3Host();
    const agent = new Agent(host);
    const foreign = '-p tcp -m tcp --dport 22 -j LOG';
    let drift = 0;
    for (const { position } of story.log) {
      await agent.event(story, position);
      for (const netns of host.netnses.values()) {
        netns.rules4.get('filter')?.get('neutron-l3-agent-INPUT')?.splice(0);
        netns.rules4.get('nat')?.get('POSTROUTING')?.splice(0, 1);
        netns.rules4
          .get('filter')
          ?.set('INPUT', [
            foreign,
            ...(netns.rules4.get('filter')?.get('INPUT') ?? []).filter((rule) => rule !== foreign),
          ]);
        netns.rules4.get('nat')?.set('operators-own', [foreign]);
      }
      const outcome = await agent.all(story, position);
      expect(outcome.failed).toEqual([]);
      drift += outcome.drift;
      for (const netns of host.netnses.values()) {
        expect(netns.rules4.get('filter')?.get('INPUT')?.[0]).toBe(foreign);
        expect(netns.rules4.get('nat')?.get('operators-own')).toEqual([foreign]);
      }
    }
    expect(drift).toBeGreaterThan(0);
    for (const netns of host.netnses.values()) {
      netns.rules4.get('filter')?.get('INPUT')?.shift();
      netns.rules4.get('nat')?.delete('operators-own');
    }
    expect(host.dump()).toBe(await atOnce(story));
  });
});
