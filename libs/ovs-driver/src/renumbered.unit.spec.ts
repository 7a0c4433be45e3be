/** A port that comes back with another number while flows of another port are written: its flows have the number that it lost. */
import { expect, it } from '@jest/globals';
import { OvsConverger, type OvsDriver } from '@plumbline/ovs-core';
import { idOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { SwitchDriver } from './switch-driver.js';
import { FakeOvs } from './testing/index.js';

it.each([1, 2, 3, 4])(
  '%p times in one converge: the next one finds those flows, whatever it is about',
  async (times) => {
    const ovs = new FakeOvs();
    const driver = new SwitchDriver(ovs.rows, ovs.runner, { watch: false });
    let left = 0;
    const racing: OvsDriver = {
      observe: (options) => driver.observe(options),
      flows: (bridges, options) => driver.flows(bridges, options),
      apply: async (step) => {
        if (step.op === 'announce') return;
        if (step.op === 'flows' && left > 0) {
          left -= 1;
          await ovs.unplug('tap12');
          await ovs.plug('tap12', idOf(12));
        }
        await driver.apply(step);
      },
    };
    const config = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev', firewall: 'openflow' } as const;
    const converger = new OvsConverger(racing, () => config);
    const builder = new ViewBuilder('cmp1').node('cmp1').network(1, 'local').placed(1, { cmp1: 1 });
    const port = (n: number, admin = true) =>
      builder.port(n, 1, { adminStateUp: admin, fixedIps: [{ subnetId: idOf(1), ipAddress: `10.0.0.${n}` }] });
    [11, 12].forEach((n) => port(n));
    const converge = (touched: Parameters<typeof converger.converge>[1]['touched']) =>
      converger.converge(builder.view, { touched, mayRemove: true });
    const key = (n: number) => `port/${idOf(n)}` as const;
    await converge('all');
    await ovs.plug('tap11', idOf(11));
    await ovs.plug('tap12', idOf(12));
    await converge(new Set([key(11), key(12)]));

    left = times;
    port(11, false);
    await converge(new Set([key(11)]));
    expect(left).toBeLessThan(times);
    await converge(new Set([key(12)]));
    const found = ovs.dump('br-int');
    await converge('all');
    expect(ovs.dump('br-int')).toEqual(found);
    driver.close();
  },
);
