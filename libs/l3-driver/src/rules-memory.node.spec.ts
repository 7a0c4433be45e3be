/** Rules that are remembered are those of the kernel, whoever changed them; and they are printed only where somebody else did. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { converge, dialect, L3Memory, netnsOf, type SavedTables } from '@plumbline/l3-core';
import { forwardings, idOf, life, Story } from '@plumbline/l3-core/testing';
import type { NodeL3Driver } from './node-driver.js';
import { makeNode, type ScratchNode } from './testing/index.js';

let node: ScratchNode;
let printed = 0;
beforeAll(async () => {
  node = await makeNode();
  const run = node.runner.run.bind(node.runner);
  node.runner.run = (argv, options) => {
    if (argv[0]?.endsWith('-save')) printed += 1;
    return run(argv, options);
  };
});
afterAll(() => node.remove());

/** Chains with rules: a chain without any is there or not, as the tool likes. */
const ruled = (tables: SavedTables): string[] =>
  [...tables].flatMap(([table, chains]) =>
    [...chains].flatMap(([chain, lines]) => lines.map((line, at) => `${table} ${chain} ${at} ${line}`)),
  );

async function expectTrue(driver: NodeL3Driver, routers: readonly string[]): Promise<void> {
  const { routers: found } = await driver.observe(new Set(routers));
  for (const id of routers) {
    const router = found.get(id);
    if (!router) continue;
    const saved = async (version: 4 | 6) =>
      dialect.tablesIn((await node.spawner.run(dialect.save[version], { netns: netnsOf(id) })).stdout);
    expect(ruled(router.rules4).sort()).toEqual(ruled(await saved(4)).sort());
    expect(ruled(router.rules6).sort()).toEqual(ruled(await saved(6)).sort());
  }
}

/** Leaves nothing for the next spec. */
const sweep = (driver: NodeL3Driver): Promise<unknown> =>
  converge(new Story().view(), driver, { touched: 'all', mayRemove: true, unverified: false });

describe.each([
  ['life', life(), ['c4', 'c5']],
  ['forwardings', forwardings(), ['c8']],
] as const)('after each event of the story %s', (_name, story, heads) => {
  it('what is remembered is what is there, and no rule was printed for it', async () => {
    const driver = node.driver();
    const memory = new L3Memory();
    const routers = heads.map(idOf);
    printed = 0;
    for (const { position } of story.log) {
      const touched = story.touched(position);
      const outcome = await converge(
        story.view(position),
        driver,
        { touched, mayRemove: true, unverified: false },
        memory,
      );
      expect(outcome.failed).toEqual([]);
      await expectTrue(driver, routers);
    }
    expect(printed).toBe(0);
    await sweep(driver);
  }, 120_000);
});

describe('rules that somebody else changed', () => {
  it('are read anew, once, and made right', async () => {
    const story = forwardings();
    const view = story.view();
    const id = idOf('c8');
    const driver = node.driver();
    const memory = new L3Memory();
    const look = () =>
      converge(
        view,
        driver,
        { touched: new Set([`router/${id}` as const]), mayRemove: true, unverified: false },
        memory,
      );
    expect((await look()).failed).toEqual([]);
    const harms = [
      'iptables -t nat -F neutron-l3-agent-snat',
      'ip6tables -D INPUT 1',
      'iptables -A INPUT -p tcp --dport 4242 -j DROP',
      'iptables -t mangle -F neutron-l3-agent-scope',
    ];
    for (const harm of harms) {
      await node.spawner.run(harm.split(' '), { netns: netnsOf(id) });
      printed = 0;
      expect((await look()).applied > 0).toBe(!harm.includes('4242'));
      expect(printed).toBe(2);
      expect((await look()).applied).toBe(0);
      expect(printed).toBe(2);
      await expectTrue(driver, [id]);
    }
    // Worked out since: read when a look without a reason comes by, and only then.
    driver.reread(id);
    await look();
    expect(printed).toBe(4);
    driver.reread(id);
    await look();
    expect(printed).toBe(4);
    await sweep(driver);
  }, 120_000);

  it('of a namespace that was made anew under the same name are not taken for the old ones', async () => {
    const story = forwardings();
    const view = story.view();
    const id = idOf('c8');
    const driver = node.driver();
    const options = { touched: 'all', mayRemove: true, unverified: false } as const;
    const memory = new L3Memory();
    expect((await converge(view, driver, options, memory)).failed).toEqual([]);
    await node.spawner.run(['ip', 'netns', 'del', netnsOf(id)]);
    await node.spawner.run(['ip', 'netns', 'add', netnsOf(id)]);
    const input = '*nat\n:one - [0:0]\nCOMMIT\n*filter\n:two - [0:0]\n-A INPUT -j two\nCOMMIT\n';
    // As many transactions as the old one had seen.
    for (let n = 0; n < 4; n += 1)
      await node.spawner.run(['iptables-restore', '--noflush'], { netns: netnsOf(id), stdin: input });
    expect((await converge(view, driver, options, memory)).failed).toEqual([]);
    await expectTrue(driver, [id]);
    expect((await converge(view, driver, options, memory)).applied).toBe(0);
    await sweep(driver);
  }, 120_000);
});
