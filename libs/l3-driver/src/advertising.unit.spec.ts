/** Programs that advertise interfaces, as an agent looks after them: on a node in memory, step by step. */
import { describe, expect, it } from '@jest/globals';
import { converge, type Convergence, L3Memory } from '@plumbline/l3-core';
import { advertised, idOf, type Story } from '@plumbline/l3-core/testing';
import { FakeL3Host } from './testing/index.js';

const ALL = { touched: 'all', mayRemove: true, unverified: false } as const;
const story = advertised();
const at = (type: string, nth = 0): number =>
  story.log.filter(({ event }) => event.type === type).map(({ position }) => position)[nth] ?? 0;
/** Three interfaces are advertised. */
const three = at('PortFixedIpsSet') - 1;
const router = idOf('cbd29e08');
const name = (port: string): string => `radvd-${router}.${idOf(port)}`;
const [dual, stateful, stateless] = [name('e0b5c057-86'), name('a17fdcc0-ab'), name('ab96f46a-bc')];

/** One agent, on a node that outlives it. */
class Agent {
  private memory = new L3Memory();
  private driver;
  constructor(readonly host = new FakeL3Host()) {
    this.driver = host.driver();
  }
  restart(): void {
    this.memory = new L3Memory();
    this.driver = this.host.driver();
  }
  look(length: number, of: Story = story): Promise<Convergence> {
    return converge(of.view(length), this.driver, ALL, this.memory);
  }
  get running(): string[] {
    return this.host.programs.running.map((each) => each.name).sort();
  }
}
const ill = ({ statuses }: Convergence): [string, string][] =>
  statuses.filter(({ status }) => status === 'ERROR').map(({ kind, id, reason = '' }) => [`${kind}/${id}`, reason]);

it('one for each interface that is advertised; a new agent finds them and does nothing', async () => {
  const agent = new Agent();
  await agent.look(three);
  expect(agent.running).toEqual([stateful, stateless, dual]);
  for (let n = 0; n < 3; n += 1) {
    agent.restart();
    expect(await agent.look(three)).toMatchObject({ applied: 0, drift: 0, failed: [] });
  }
  expect(agent.host.programs.starts).toHaveLength(3);
});

it('one that died is back, and counts as drift', async () => {
  const agent = new Agent();
  await agent.look(three);
  agent.host.programs.crash(dual);
  expect(await agent.look(three)).toMatchObject({ applied: 1, drift: 1, failed: [] });
  expect(agent.running).toEqual([stateful, stateless, dual]);
});

it('another prefix or nameserver is read again; a prefix that goes is withdrawn by an end', async () => {
  const agent = new Agent();
  const { programs } = agent.host;
  await agent.look(three);
  await agent.look(at('PortFixedIpsSet'));
  await agent.look(at('SubnetAttributesSet'));
  expect([programs.reloads, programs.starts.length]).toEqual([[dual, dual], 3]);
  await agent.look(at('PortFixedIpsSet', 1));
  expect([programs.reloads.length, programs.starts.slice(3)]).toEqual([2, [dual]]);
  expect(await agent.look(at('PortFixedIpsSet', 1))).toMatchObject({ applied: 0 });
});

/** What is done about the programs and ports, in order, from `before` to `after`. */
async function order(before: number, after: number): Promise<string[]> {
  const agent = new Agent();
  await agent.look(before);
  const done: string[] = [];
  const { programs } = agent.host;
  const [apply, plug] = [programs.apply.bind(programs), agent.host.apply.bind(agent.host)];
  programs.apply = (steps) => {
    done.push(
      ...steps.filter(({ op }) => op !== 'remove-folder').map((step) => `${step.op} ${step.name.slice(-36, -28)}`),
    );
    return apply(steps);
  };
  agent.host.apply = (steps) => {
    done.push(...steps.map((step) => `${step.op} ${step.outside.slice(3, 11)}`));
    return plug(steps);
  };
  agent.restart();
  expect((await agent.look(after)).failed).toEqual([]);
  return done;
}

describe('what goes is withdrawn while its link still works', () => {
  it('an interface that is removed', async () => {
    const removed = at('RouterInterfaceRemoved');
    expect(await order(removed - 1, removed)).toEqual(['stop-process ab96f46a', 'remove-port ab96f46a']);
  });

  it('one that is down', async () => {
    const down = at('PortAttributesSet');
    expect(await order(down - 1, down)).toEqual(['stop-process ab96f46a']);
  });

  it('a router that is down', async () => {
    const down = at('RouterAttributesSet');
    const all = ['3ecb9b81', 'a17fdcc0', 'e0b5c057'];
    expect((await order(down - 1, down)).slice(0, 2)).toEqual(['stop-process a17fdcc0', 'stop-process e0b5c057']);
    expect((await order(down - 1, down)).slice(2).sort()).toEqual(all.map((each) => `remove-port ${each}`));
  });

  it('but not of a router that moved: it is silent before its programs end', async () => {
    const gone = at('RouterUnscheduled');
    const done = await order(gone - 1, gone);
    expect(done.slice(0, 3).every((each) => each.startsWith('remove-port '))).toBe(true);
    expect(done.slice(3)).toEqual(['stop-process a17fdcc0', 'stop-process e0b5c057']);
  });
});

it('without the right to remove nothing ends', async () => {
  const agent = new Agent();
  await agent.look(three);
  const removed = at('RouterInterfaceRemoved');
  await converge(story.view(removed), agent.host.driver(), { ...ALL, mayRemove: false });
  expect(agent.running).toContain(stateless);
  expect((await agent.look(removed)).failed).toEqual([]);
  expect(agent.running).toEqual([stateful, dual]);
});

it('what is left over of a router that nobody knows is swept', async () => {
  const agent = new Agent();
  await agent.look(three);
  agent.host.netnses.clear();
  agent.restart();
  expect((await agent.look(0)).failed).toEqual([]);
  expect([agent.running, [...agent.host.programs.folders]]).toEqual([[], []]);
});

describe('where radvd cannot run', () => {
  const ports = ['a17fdcc0-ab', 'ab96f46a-bc', 'e0b5c057-86'].map((each) => `port/${idOf(each)}`);

  it('the interfaces that need it are in error and say what to do, all else is well, and it heals', async () => {
    const agent = new Agent();
    agent.host.programs.missing.add('radvd');
    const first = await agent.look(three);
    expect(ill(first).sort()).toEqual(
      ports.map((port) => [port, expect.stringMatching(/^install radvd on this node: .*No such file/)]),
    );
    expect(first.statuses.filter(({ status }) => status === 'ACTIVE')).toHaveLength(2);
    agent.host.programs.missing.clear();
    expect(ill(await agent.look(three))).toEqual([]);
    expect(agent.running).toHaveLength(3);
  });

  it('or cannot be seen, too, and what runs goes on', async () => {
    const agent = new Agent();
    await agent.look(three);
    const observe = agent.host.programs.observe.bind(agent.host.programs);
    agent.host.programs.observe = () => Promise.reject(new Error('the agent needs the capability CAP_SYS_PTRACE'));
    agent.restart();
    const outcome = await agent.look(three);
    expect(ill(outcome).sort()).toEqual(ports.map((port) => [port, expect.stringContaining('CAP_SYS_PTRACE')]));
    expect(agent.running).toHaveLength(3);
    agent.host.programs.observe = observe;
    expect(await agent.look(three)).toMatchObject({ applied: 0, failed: [] });
  });
});
