import { expect, it } from '@jest/globals';
import type { Runner } from '@plumbline/exec';
import { SwitchDriver } from './switch-driver.js';
import { FakeOvs } from './testing/index.js';

it('a bundle has the more time the more flows are in it', async () => {
  const fake = new FakeOvs();
  await fake.addForeignBridge('br-int');
  const asked: number[] = [];
  const runner: Pick<Runner, 'run'> = {
    run: (argv, options) => {
      asked.push(options?.timeoutMs ?? 0);
      return fake.runner.run(argv, options);
    },
  };
  const driver = new SwitchDriver(fake.rows, runner as Runner, { timeoutMs: 1_000, watch: false });
  const flows = (count: number) =>
    Array.from({ length: count }, (_, n) => ({
      key: `table=60, priority=${n}`,
      actions: 'drop',
      position: 1,
      owner: '' as const,
    }));
  for (const count of [1, 20_000])
    await driver.apply({ op: 'flows', bridge: 'br-int', add: flows(count), remove: [], forget: [], forgetPorts: [] });
  const [one = 0, many = 0] = asked;
  expect(one).toBeLessThan(2_000);
  expect(many).toBeGreaterThan(20_000);
  driver.close();
});
