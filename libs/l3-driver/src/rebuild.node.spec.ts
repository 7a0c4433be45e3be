import { afterEach, describe, expect, it } from '@jest/globals';
import { PrintingRunner, shellCommand } from '@plumbline/exec';
import { applyOnce, converge } from '@plumbline/l3-core';
import { crowd } from '@plumbline/l3-core/testing';
import { NodeL3Driver } from './node-driver.js';
import { PrintingPorts } from './ports.js';
import { makeNode, ScratchNode } from './testing/index.js';

const ROUTERS = 50;
const FLOATING = 5;

let node: ScratchNode | undefined;
afterEach(async () => {
  await node?.remove();
  node = undefined;
});

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

/** The same work as a script: what `--dry-run` prints. */
async function printed(story = crowd(ROUTERS, FLOATING)): Promise<string> {
  const runner = new PrintingRunner();
  const ports = new PrintingPorts((argv) => runner.note(shellCommand(argv)));
  await applyOnce(story.view(), new NodeL3Driver(runner, ports));
  return `set -e\n${runner.commands.join('\n')}\n`;
}

describe(`a node rebuilt from nothing: ${ROUTERS} routers with ${FLOATING} floating IPs each`, () => {
  it('what --dry-run prints is a script that builds the very node, and building it takes at most twice as long as the script', async () => {
    const story = crowd(ROUTERS, FLOATING);
    const view = story.view();
    const script = await printed(story);
    const ratios: number[] = [];
    for (let run = 1; run <= 3 && Math.min(...ratios, Infinity) > 2; run += 1) {
      node = await makeNode();
      const { spawner, ovs } = node;
      const byShell = await timed(() =>
        spawner.run(['sh'], { stdin: script, timeoutMs: 300_000, env: { OVS_RUNDIR: ovs.dir, OVS_DBDIR: ovs.dir } }),
      );
      const check = await converge(view, node.driver(), { touched: 'all', mayRemove: true, unverified: false });
      expect({ applied: check.applied, failed: check.failed }).toEqual({ applied: 0, failed: [] });
      const restart = await timed(() =>
        converge(view, node!.driver(), { touched: 'all', mayRemove: true, unverified: false }),
      );
      await node.remove();
      node = await makeNode();
      let built = 0;
      const byAgent = await timed(async () => {
        const outcome = await converge(view, node!.driver(), { touched: 'all', mayRemove: true, unverified: false });
        expect(outcome.failed).toEqual([]);
        built = outcome.applied;
      });
      ratios.push(byAgent / byShell);
      const figures = `script ${byShell.toFixed(0)} ms, agent ${byAgent.toFixed(0)} ms (read back included, ${built} steps)`;
      console.log(
        `${figures}, ratio ${(byAgent / byShell).toFixed(2)}; restart with nothing to do ${restart.toFixed(0)} ms`,
      );
      await node.remove();
      node = undefined;
    }
    expect(Math.min(...ratios)).toBeLessThanOrEqual(2);
  }, 300_000);
});
