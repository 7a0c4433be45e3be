/** Many ports that are plugged in at once: in how many convergences they are wired, and what does not wait for them. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { type ConvergeOptions, OvsConverger } from '@plumbline/ovs-core';
import { idOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { SwitchDriver } from './switch-driver.js';
import { FakeOvs } from './testing/index.js';

const PORTION = 10;
const MANY = 2 * PORTION + 5;
const FIRST = 1_000;
const LATE = 9_000;
const GROUP = 900;
const numbers = Array.from({ length: MANY }, (_none, n) => FIRST + n);
type ObjectKey = Exclude<ConvergeOptions['touched'], 'all'> extends ReadonlySet<infer Key> ? Key : never;
const keyOf = (n: number): ObjectKey => `port/${idOf(n)}`;

describe.each(['none', 'openflow'] as const)('ports that are plugged in at once, firewall %s', (firewall) => {
  const config = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev', firewall } as const;
  const drivers: SwitchDriver[] = [];
  afterEach(() => drivers.splice(0).forEach((driver) => driver.close()));
  const view = (): ViewBuilder => {
    const builder = new ViewBuilder('cmp1').node('cmp1').network(1, 'local').placed(1, { cmp1: 5 });
    builder.group(GROUP).rule(1, GROUP, { direction: 'egress' });
    for (const n of [...numbers, LATE])
      builder.port(n, 1, {
        fixedIps: [{ subnetId: idOf(1), ipAddress: `10.0.${n >> 8}.${n & 255}` }],
        securityGroupIds: [idOf(GROUP)],
      });
    return builder;
  };
  const start = async (plugged: readonly number[]) => {
    const ovs = new FakeOvs();
    const driver = new SwitchDriver(ovs.rows, ovs.runner, { watch: false });
    drivers.push(driver);
    const converger = new OvsConverger(driver, () => config, PORTION);
    const builder = view();
    await converger.converge(builder.view, { touched: 'all', mayRemove: true });
    for (const n of plugged) await ovs.plug(`tap${n}`, idOf(n));
    const converge = async (touched: Iterable<ObjectKey>) => {
      const { statuses, failed, again } = await converger.converge(builder.view, {
        touched: new Set(touched),
        mayRemove: true,
      });
      expect(failed).toEqual([]);
      const active = statuses.flatMap(({ id, status }) => (status === 'ACTIVE' ? [id] : []));
      return { active, again: [...(again ?? [])] };
    };
    return { ovs, converge, tagOf: (n: number) => ovs.rows.port(`tap${n}`)?.tag };
  };

  it('are wired in portions, and end as if they had been wired in one', async () => {
    const { ovs, converge, tagOf } = await start(numbers);
    const first = await converge(numbers.map(keyOf));
    expect([first.active.length, first.again.length]).toEqual([PORTION, 1]);
    // Where no flow cuts off what waits, its tag does.
    const waiting = numbers.filter((n) => !first.active.includes(idOf(n)));
    expect(new Set(waiting.map(tagOf))).toEqual(new Set([firewall === 'none' ? 4095 : null]));
    const counts = [];
    for (let again = first.again; again.length > 0;) {
      const next = await converge(again);
      counts.push(next.active.length);
      again = next.again;
    }
    expect(counts).toEqual([PORTION, 5]);
    const atOnce = await start(numbers);
    await atOnce.converge([]);
    while ((await atOnce.converge([])).active.length > 0);
    expect(ovs.state()).toBe(atOnce.ovs.state());
  });

  it('do not hold up one that comes later, and one that is unplugged while it waits is not wired', async () => {
    const { ovs, converge, tagOf } = await start(numbers);
    const { again } = await converge(numbers.map(keyOf));
    await ovs.plug(`tap${LATE}`, idOf(LATE));
    const second = await converge([...again, keyOf(LATE)]);
    expect(second.active).toContain(idOf(LATE));
    expect(second.active.length).toBe(PORTION);
    // An unplugged port has the flows read anew, and everything compared.
    const last = numbers.at(-1) ?? 0;
    await ovs.unplug(`tap${last}`);
    expect(await converge([...second.again, keyOf(last)])).toMatchObject({ again: [] });
    expect(tagOf(last)).toBeUndefined();
    expect(numbers.filter((n) => n !== last && tagOf(n) !== 5)).toEqual([]);
  });

  it('go on after a convergence in which nothing could be done', async () => {
    const { ovs, converge, tagOf } = await start(numbers);
    const { again } = await converge(numbers.map(keyOf));
    ovs.rows.inSync = false;
    await expect(converge(again)).rejects.toThrow('no connection');
    ovs.rows.inSync = true;
    for (let more = again; more.length > 0; more = (await converge(more)).again);
    expect(numbers.filter((n) => tagOf(n) !== 5)).toEqual([]);
  });
});
