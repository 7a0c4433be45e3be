import { describe, expect, it } from '@jest/globals';
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

it('of a bridge that it filled the flows are counted, and read where the switch has another number', async () => {
  const fake = new FakeOvs();
  await fake.addForeignBridge('br-int');
  const driver = new SwitchDriver(fake.rows, fake.runner as unknown as Runner, { watch: false });
  const [fresh, filled] = [true, new Set(['br-int'])];
  const read = async (options: Parameters<SwitchDriver['flows']>[1]): Promise<unknown> => {
    const { ours } = (await driver.flows(['br-int'], options)).get('br-int') ?? {};
    return { ours: [...(ours?.keys() ?? [])], dumps: fake.dumps, counts: fake.counts };
  };
  expect(await read({ fresh })).toEqual({ ours: [], dumps: 1, counts: 0 });
  const keys = ['priority=1', 'priority=2', 'table=60, priority=3'];
  const add = keys.map((key) => ({ key, actions: 'drop', position: 7, owner: '' as const }));
  await driver.apply({ op: 'flows', bridge: 'br-int', add, remove: [], forget: [], forgetPorts: [] });
  expect(await read({ fresh, filled })).toEqual({ ours: keys, dumps: 1, counts: 1 });
  expect(await read({ fresh })).toEqual({ ours: keys, dumps: 2, counts: 1 });
  fake.deleteFlow('br-int', 'priority=2');
  expect(await read({ fresh, filled })).toEqual({ ours: [keys[0], keys[2]], dumps: 3, counts: 2 });
  driver.close();
});

describe('a port whose interface the switch has not opened yet', () => {
  const plugged = async () => {
    const fake = new FakeOvs();
    await fake.addForeignBridge('br-int');
    const driver = new SwitchDriver(fake.rows, fake.runner as unknown as Runner, { watch: false });
    const told: string[][] = [];
    driver.onNews(({ ports }) => told.push([...ports]));
    fake.rows.unopened.add('tap1');
    await fake.plug('tap1', 'port1');
    return { fake, driver, told };
  };

  it('is told of once it has', async () => {
    const { fake, driver, told } = await plugged();
    expect(told).toEqual([]);
    fake.rows.unopened.delete('tap1');
    await fake.plug('tap2', 'port2');
    expect(told).toEqual([['port1', 'port2']]);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(told).toHaveLength(1);
    driver.close();
  });

  it('is told of after half a second all the same', async () => {
    const { driver, told } = await plugged();
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(told).toEqual([['port1']]);
    driver.close();
  });

  it('is told of at once when it is refused, or goes', async () => {
    const { fake, driver, told } = await plugged();
    await fake.unplug('tap1');
    expect(told).toEqual([['port1']]);
    fake.rows.unopenable.add('tap3');
    await fake.plug('tap3', 'port3');
    expect(told).toEqual([['port1'], ['port3']]);
    driver.close();
  });
});
