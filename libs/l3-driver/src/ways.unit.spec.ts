import fc from 'fast-check';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { converge, type Convergence, dialect, L3Memory } from '@plumbline/l3-core';
import {
  advertised,
  forwardings,
  idOf,
  life,
  networkNode,
  reference,
  Story,
  tutorial,
} from '@plumbline/l3-core/testing';
import { FakeL3Host } from './testing/index.js';

const STORIES: readonly (readonly [string, Story])[] = [
  ['tutorial', tutorial()],
  ['networkNode', networkNode()],
  ['reference', reference()],
  ['life', life()],
  ['forwardings', forwardings()],
  ['advertised', advertised()],
];
const stories = STORIES.map(([, story]) => story);

type View = ReturnType<Story['view']>;
/** A converge reads a view and leaves it as it is: each is made once. */
const views = new Map<string, View>();
function viewOf(story: Story, length = story.log.length): View {
  const key = `${stories.indexOf(story)} ${length}`;
  const made = views.get(key) ?? story.view(length);
  if (stories.includes(story)) views.set(key, made);
  return made;
}

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

  /** Converges the whole story and dies when so many steps were done. Resolves with how many were. */
  async diesAfter(steps: number, story: Story): Promise<number> {
    const { driver } = this;
    const apply = driver.apply.bind(driver);
    let done = 0;
    driver.apply = async (all) => {
      const some = all.slice(0, steps - done);
      await apply(some);
      done += some.length;
      if (some.length < all.length) throw new Error('dead');
    };
    await this.all(story);
    return done;
  }

  async all(story: Story, length?: number): Promise<Convergence> {
    const options = { touched: 'all', mayRemove: true, unverified: false } as const;
    return converge(viewOf(story, length), this.driver, options, this.memory);
  }

  async event(story: Story, position: number, mayRemove = true): Promise<Convergence> {
    const options = { touched: story.touched(position), mayRemove, unverified: false };
    return converge(viewOf(story, position), this.driver, options, this.memory);
  }
}

/** How often each address was told of by frames from the `first` on, as `<netns> <device>` -> number of frames. */
function tellings({ frames }: FakeL3Host, first: number): Record<string, number> {
  const told: Record<string, number> = {};
  for (const { netns, device } of frames.slice(first))
    told[`${netns} ${device}`] = (told[`${netns} ${device}`] ?? 0) + 1;
  return told;
}

/** The frames that tell of every address once: an ARP request and a reply of IPv4, one advertisement of IPv6. */
function addressesOf(host: FakeL3Host): Record<string, number> {
  const wanted: Record<string, number> = {};
  for (const [netns, { links }] of host.netnses)
    for (const { name, up, addresses } of links.values()) {
      const frames = [...addresses].map(({ address }): number => (address.includes(':') ? 1 : 2));
      if (name !== 'lo' && up && frames.length > 0)
        wanted[`${netns} ${name}`] = frames.reduce((sum, each) => sum + each);
    }
  return wanted;
}

/** The node after one converge of the whole story on an empty node. */
async function atOnce(story: Story): Promise<string> {
  const host = new FakeL3Host();
  const outcome = await new Agent(host).all(story);
  expect(outcome.failed).toEqual([]);
  return host.dump();
}

describe.each(STORIES)('%s, five ways to one node', (_name, story) => {
  let wanted: string;
  beforeAll(async () => {
    wanted = await atOnce(story);
  });

  it('as written, and a restart with nothing changed changes nothing', async () => {
    const host = new FakeL3Host();
    const agent = new Agent(host);
    for (const { position } of story.log) expect((await agent.event(story, position)).failed).toEqual([]);
    expect(host.dump()).toBe(wanted);
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
    expect(host.dump()).toBe(wanted);
  });

  it('every event first without the right to remove, then with it: what was owed is still known', async () => {
    const host = new FakeL3Host();
    const agent = new Agent(host);
    let drift = 0;
    for (const { position } of story.log) {
      await agent.event(story, position, false);
      drift += (await agent.event(story, position)).drift;
    }
    expect(host.dump()).toBe(wanted);
    expect(drift).toBe(0);
  });

  it('a restart after every event', async () => {
    const host = new FakeL3Host();
    const agent = new Agent(host);
    for (const { position } of story.log) {
      await agent.all(story, position);
      agent.restart();
    }
    expect(host.dump()).toBe(wanted);
  });

  it.each([0, 0.3, 0.6, 0.8, 0.9, 0.97])(
    'an agent that died after %d of its steps: the next one tells neighbours of every address, once',
    async (share) => {
      const steps = await new Agent(new FakeL3Host()).diesAfter(Infinity, story);
      const host = new FakeL3Host();
      const agent = new Agent(host);
      expect(await agent.diesAfter(Math.floor(share * steps), story)).toBe(Math.floor(share * steps));
      agent.restart();
      const before = host.frames.length;
      await agent.all(story);
      expect(tellings(host, before)).toEqual(addressesOf(host));
      await agent.all(story);
      expect(tellings(host, before)).toEqual(addressesOf(host));
    },
  );

  it('each step failing once: the next converge mends it, and nobody else noticed', async () => {
    for (let nth = 1; ; nth += 1) {
      const host = new FakeL3Host();
      const agent = new Agent(host);
      host.failNext(nth);
      for (const { position } of story.log) {
        const outcome = await agent.event(story, position);
        if (outcome.failed.length > 0) await agent.event(story, position);
      }
      expect(host.dump()).toBe(wanted);
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
    expect(host.dump()).toBe(wanted);
  });
});

/** The node after one converge of the story up to an event. */
async function nodeAt(story: Story, length: number, host = new FakeL3Host()): Promise<FakeL3Host> {
  const outcome = await new Agent(host).all(story, length);
  expect(outcome.failed).toEqual([]);
  return host;
}

describe.each([
  ['a life', life()],
  ['forwardings', forwardings()],
])('from any moment of %s to any other', (_name, story) => {
  const moment = fc.integer({ min: 0, max: story.log.length });

  it('applying the plan converges, and the next plan is empty', async () => {
    await fc.assert(
      fc.asyncProperty(moment, moment, async (from, to) => {
        const host = await nodeAt(story, from);
        await nodeAt(story, to, host);
        expect(host.dump()).toBe((await nodeAt(story, to)).dump());
        expect((await new Agent(host).all(story, to)).applied).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('until the view is in sync nothing is taken away, and all that it asks for is there', async () => {
    await fc.assert(
      fc.asyncProperty(moment, moment, async (from, to) => {
        const host = await nodeAt(story, from);
        const before = thingsOn(host);
        const outcome = await converge(story.view(to), host.driver(), {
          touched: 'all',
          mayRemove: false,
          unverified: true,
        });
        expect(outcome.failed).toEqual([]);
        const after = thingsOn(host);
        expect(before.filter((thing) => !after.includes(thing))).toEqual([]);
        const asked = thingsOn(await nodeAt(story, to));
        expect(asked.filter((thing) => !after.includes(thing))).toEqual([]);
        await nodeAt(story, to, host);
        expect(host.dump()).toBe((await nodeAt(story, to)).dump());
      }),
      { numRuns: 60 },
    );
  });
});

/** What must not go by silence: namespaces, links, addresses, ports, chains and what rules do. */
function thingsOn(host: FakeL3Host): string[] {
  const things = [...host.ports.keys()].map((name) => `port ${name}`);
  for (const [name, netns] of host.netnses) {
    things.push(name);
    for (const link of netns.links.values())
      things.push(`${name} ${link.name}`, ...link.addresses.map(({ address }) => `${name} ${link.name} ${address}`));
    for (const [table, chains] of [...netns.rules4, ...netns.rules6])
      for (const [chain, rules] of chains)
        things.push(
          `${name} ${table} ${chain}`,
          ...rules.map((rule) => `${name} ${table} ${chain} ${dialect.effectOf(rule)}`),
        );
  }
  return things;
}

describe('one bad router', () => {
  const bad = `qrouter-${idOf('c5')}`;
  const good = idOf('c4');
  const length = life().log.findIndex(({ event }) => event.type === 'RouterRoutesSet') + 1;

  it('harms itself only, says why, and heals', async () => {
    const host = new FakeL3Host();
    const run = host.run.bind(host);
    let broken = true;
    host.run = (argv, options) =>
      broken && argv[0] === 'iptables-restore' && options?.netns === bad
        ? Promise.reject(new Error('the kernel is out of sorts'))
        : run(argv, options);
    const agent = new Agent(host);
    const first = await agent.all(life(), length);
    expect(first.failed).toEqual([{ key: `router/${idOf('c5')}`, reason: 'IPv4 rules: the kernel is out of sorts' }]);
    const status = (outcome: Convergence, id: string): unknown => outcome.statuses.find((each) => each.id === id);
    expect(status(first, idOf('c5'))).toMatchObject({
      status: 'ERROR',
      reason: 'IPv4 rules: the kernel is out of sorts',
    });
    expect(status(first, good)).toMatchObject({ status: 'ACTIVE' });
    expect(status(first, idOf('75'))).toMatchObject({ status: 'ACTIVE' });
    broken = false;
    const second = await agent.all(life(), length);
    expect([second.failed, second.statuses.filter((each) => each.status !== 'ACTIVE')]).toEqual([[], []]);
    expect(host.dump()).toBe((await nodeAt(life(), length)).dump());
  });

  it('in a batch shared by all, too', async () => {
    const host = new FakeL3Host();
    const run = host.run.bind(host);
    host.run = (argv, options) =>
      options?.stdin?.includes(`netns add ${bad}`)
        ? Promise.reject(new Error('no space left on device'))
        : run(argv, options);
    const outcome = await new Agent(host).all(life(), length);
    expect(outcome.failed.map(({ key }) => key)).toEqual([`router/${idOf('c5')}`]);
    expect(outcome.statuses.find((each) => each.id === good)).toMatchObject({ status: 'ACTIVE' });
  });

  it('that never becomes what it should is applied twice, reported, and not again until something changes', async () => {
    const host = new FakeL3Host();
    const write = host.writeSysctls.bind(host);
    host.writeSysctls = async (values, options) => {
      await write(values, options);
      if (options?.netns === bad) host.sysctls.set(`${bad} net/ipv4/conf/all/arp_ignore`, '0');
    };
    const agent = new Agent(host);
    const first = await agent.all(life(), length);
    expect(first.failed).toEqual([
      {
        key: `router/${idOf('c5')}`,
        reason: `kernel parameter net/ipv4/conf/all/arp_ignore: the kernel does not keep it; an operator must look at this node (namespace ${bad})`,
      },
    ]);
    const before = host.mutations;
    const second = await agent.all(life(), length);
    expect(second.failed).toEqual(first.failed);
    expect(host.mutations).toBe(before);
    host.writeSysctls = write;
    host.netns(idOf('c5')).routes = [];
    expect((await agent.all(life(), length)).failed).toEqual([]);
  });

  it('that is frozen is left as it is, whatever the view says of it', async () => {
    const host = await nodeAt(life(), length);
    const before = host.dump();
    const view = new Story().view();
    view.frozen.set(`router/${good}`, { position: 99, type: 'RouterTeleported', version: 1 });
    view.frozen.set(`router/${idOf('c5')}`, { position: 99, type: 'RouterTeleported', version: 1 });
    const outcome = await converge(view, host.driver(), { touched: 'all', mayRemove: true, unverified: false });
    expect([outcome.applied, host.dump()]).toEqual([0, before]);
  });
});

describe('what an address leaves and finds', () => {
  it('its connections end when it goes or moves, and no others do', async () => {
    const host = new FakeL3Host();
    const agent = new Agent(host);
    const story = life();
    for (const { position, event } of story.log) {
      host.ended.splice(0);
      await agent.event(story, position);
      const data = event.data as { floatingIpAddress?: string; fixedIpAddress?: string };
      const expected =
        event.type === 'FloatingIpDisassociated' ||
        (event.type === 'FloatingIpAssociated' && data.fixedIpAddress === '10.1.0.77')
          ? [data.floatingIpAddress]
          : [];
      expect(host.ended.map((each) => each.split(' ')[1])).toEqual(expected);
    }
  });

  it('they end after a crash, too, before which the address was turned to another instance', async () => {
    const story = life();
    const moved = story.log.findIndex(
      ({ event }) => 'fixedIpAddress' in event.data && event.data.fixedIpAddress === '10.1.0.77',
    );
    const host = await nodeAt(story, moved);
    const run = host.run.bind(host);
    host.run = (argv, options) =>
      argv[0] === 'conntrack' ? Promise.reject(new Error('the agent dies here')) : run(argv, options);
    expect((await new Agent(host).all(story, moved + 1)).failed).toHaveLength(1);
    host.run = run;
    expect(host.ended).toEqual([]);
    expect((await new Agent(host).all(story, moved + 1)).failed).toEqual([]);
    expect(host.ended).toEqual([`qrouter-${idOf('c4')} 203.0.113.76`]);
    expect(host.dump()).toBe((await nodeAt(story, moved + 1)).dump());
  });

  it('a forwarding ends its own when it goes or changes, noted on the node until that is done', async () => {
    const host = new FakeL3Host();
    const agent = new Agent(host);
    const story = forwardings();
    const ended: Record<string, string[]> = {};
    const open = [
      'tcp 6 ESTABLISHED src=1.1.1.1 dst=192.168.1.178 sport=9 dport=8003 src=192.168.50.11 dst=1.1.1.1 sport=8003 dport=9',
      'tcp 6 ESTABLISHED src=1.1.1.1 dst=192.168.1.178 sport=9 dport=9105 src=192.168.50.12 dst=1.1.1.1 sport=80 dport=9',
    ];
    const run = host.run.bind(host);
    for (const { position, event } of story.log) {
      host.ended.splice(0);
      host.connections.splice(0, Infinity, ...open);
      host.run = (argv, options) =>
        argv[0] === 'conntrack' && !options?.reads
          ? Promise.reject(new Error('the agent dies here'))
          : run(argv, options);
      const died = (await agent.event(story, position)).failed.length > 0;
      host.run = run;
      expect(host.ended).toEqual([]);
      if (died) {
        agent.restart();
        expect((await agent.all(story, position)).failed).toEqual([]);
      }
      expect(host.dump()).not.toContain('plumb:ending');
      if (host.ended.length > 0)
        ended[`${event.type} ${String(event.data['portForwardingId'] ?? '').slice(0, 2)}`] = host.ended.map((line) =>
          line.slice(line.indexOf(' ') + 1),
        );
    }
    expect(ended).toEqual({
      'PortForwardingChanged f2': ['192.168.1.178 tcp 2222 192.168.50.11'],
      'PortForwardingChanged f3': ['192.168.1.178 tcp 2223 192.168.50.12'],
      'PortForwardingChanged f5': ['192.168.1.178 tcp 8003 192.168.50.11'],
      'PortForwardingDeleted f7': ['192.168.1.178 tcp 9105 192.168.50.12'],
      'PortForwardingDeleted f8': ['192.168.1.178 icmp  192.168.50.11'],
      'PortForwardingDeleted fd': ['192.168.1.179'],
      'FloatingIpDisassociated ': ['192.168.1.179'],
      // The router has another address: what came to the old one.
      'PortFixedIpsSet ': ['192.168.1.100 tcp 5001 192.168.50.11'],
    });
  });

  it('is announced with the MAC of its device when it comes', async () => {
    const host = new FakeL3Host();
    const agent = new Agent(host);
    const story = tutorial();
    await agent.all(story, story.log.length - 1);
    host.frames.splice(0);
    await agent.event(story, story.log.length);
    expect(host.frames).toEqual(
      ['0001', '0002'].map((operation) => ({
        netns: `qrouter-${idOf('c1')}`,
        device: 'qg-22222222-22',
        hex: [
          'fffffffffffffa163e0000020806',
          `000108000604${operation}`,
          'fa163e0000020a10a134',
          `${operation === '0001' ? '000000000000' : 'fa163e000002'}0a10a134`,
        ].join(''),
      })),
    );
  });
});
