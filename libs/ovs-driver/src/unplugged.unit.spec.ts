/** An interface that is unplugged in the very moment in which its flows are removed: the switch does not know its name any more, and has its flows by their number. */
import { expect, it } from '@jest/globals';
import { OvsConverger, type OvsDriver } from '@plumbline/ovs-core';
import { idOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { SwitchDriver } from './switch-driver.js';
import { FakeOvs } from './testing/index.js';

it('leaves no flow behind: what could not be removed is looked for by the next converge, whatever that is about', async () => {
  const ovs = new FakeOvs();
  const driver = new SwitchDriver(ovs.rows, ovs.runner, { watch: false });
  let unplugs = false;
  const racing: OvsDriver = {
    observe: () => driver.observe(),
    flows: (bridges, options) => driver.flows(bridges, options),
    apply: async (step) => {
      if (unplugs && step.op === 'flows') await ovs.unplug('tap11');
      await driver.apply(step);
    },
  };
  const converger = new OvsConverger(racing, () => ({ bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev' }));
  const builder = new ViewBuilder('cmp1').node('cmp1').network(1, 'local').placed(1, { cmp1: 1 }).port(11, 1);
  const converge = (touched: Parameters<typeof converger.converge>[1]['touched']) =>
    converger.converge(builder.view, { touched, mayRemove: true });
  const port = `port/${idOf(11)}` as const;
  await converge('all');
  const before = ovs.dump('br-int');
  await ovs.plug('tap11', idOf(11));
  await converge(new Set([port]));
  expect(ovs.dump('br-int').length).toBeGreaterThan(before.length);

  builder.remove(port);
  unplugs = true;
  const { failed } = await converge(new Set([port]));
  expect(failed).toContainEqual({ key: 'bridge/br-int', reason: expect.stringContaining('unknown port') });
  unplugs = false;
  expect(await converge(new Set([`network/${idOf(1)}` as const]))).toMatchObject({ failed: [] });
  expect(ovs.dump('br-int')).toEqual(before);
});
