/** In which order a port that is plugged in gets its tag and its flows. */
import { afterEach, expect, it } from '@jest/globals';
import { OvsConverger, type OvsDriver, type OvsNodeConfig } from '@plumbline/ovs-core';
import { idOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { SwitchDriver } from './switch-driver.js';
import { FakeOvs } from './testing/index.js';

const drivers: SwitchDriver[] = [];
afterEach(() => drivers.splice(0).forEach((driver) => driver.close()));
const fixedIps = [{ subnetId: idOf(1), ipAddress: '10.0.0.11' }];
const touched = new Set([`port/${idOf(11)}`] as const);

const start = async (firewall: 'none' | 'openflow' | 'hybrid', portSecurityEnabled = true) => {
  const config: OvsNodeConfig = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev', firewall };
  const ovs = new FakeOvs();
  const driver = new SwitchDriver(ovs.rows, ovs.runner, { watch: false });
  drivers.push(driver);
  const steps: string[] = [];
  const noting: OvsDriver = {
    observe: () => driver.observe(),
    flows: (bridges, options) => driver.flows(bridges, options),
    apply: async (step) => {
      steps.push(step.op === 'transact' ? step.changes.map(({ op }) => op).join('+') : step.op);
      if (step.op !== 'announce') await driver.apply(step);
    },
  };
  const converger = new OvsConverger(noting, () => config);
  const builder = new ViewBuilder('cmp1').node('cmp1').network(1, 'local').placed(1, { cmp1: 5 });
  builder.port(11, 1, { fixedIps, portSecurityEnabled });
  await converger.converge(builder.view, { touched: 'all', mayRemove: true });
  return {
    ovs,
    builder,
    tag: () => ovs.rows.port('tap11')?.tag,
    converge: async () => {
      steps.length = 0;
      const { statuses, failed } = await converger.converge(builder.view, { touched, mayRemove: true });
      expect(failed).toEqual([]);
      return { steps: [...steps], status: statuses[0]?.status };
    },
  };
};

it.each([
  ['none', true],
  ['hybrid', false],
] as const)('the tag first, where it decides what passes: firewall %s', async (firewall, secured) => {
  const { ovs, converge } = await start(firewall, secured);
  await ovs.plug('tap11', idOf(11));
  const { steps, status } = await converge();
  expect([steps, status]).toEqual([['set-tag', 'flows', 'announce'], 'ACTIVE']);
});

it('the flows first, where they alone decide, also when it is cut off again', async () => {
  const { ovs, converge, builder, tag } = await start('openflow');
  await ovs.plug('tap11', idOf(11));
  expect(await converge()).toEqual({ steps: ['flows', 'set-tag', 'announce'], status: 'ACTIVE' });
  expect(tag()).toBe(5);
  builder.port(11, 1, { adminStateUp: false, fixedIps });
  expect(await converge()).toEqual({ steps: ['flows', 'set-tag'], status: 'DOWN' });
  expect(tag()).toBe(4095);
});

it('nothing before the switch has opened it, and a tag also when it cannot', async () => {
  const { ovs, converge, tag } = await start('openflow', false);
  ovs.rows.unopened.add('tap11');
  await ovs.plug('tap11', idOf(11));
  expect(await converge()).toEqual({ steps: [], status: 'DOWN' });
  ovs.rows.unopened.clear();
  ovs.rows.unopenable.add('tap11');
  await ovs.plug('tap12', null);
  expect(await converge()).toEqual({ steps: ['set-tag'], status: 'DOWN' });
  expect(tag()).toBe(5);
  ovs.rows.unopenable.clear();
  await ovs.plug('tap13', null);
  expect(await converge()).toEqual({ steps: ['flows', 'announce'], status: 'ACTIVE' });
});
