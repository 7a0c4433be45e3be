import { symlink, unlink } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AgentBackend, readAgentConfig } from '@plumbline/agent-runtime/nest';
import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { Instance, RealSwitch } from '@plumbline/ovs-driver/testing';
import { createLogger } from '@plumbline/telemetry';
import { makeOvsBackend } from './backend.js';
import { ovsSettings } from './settings.js';

/** Where an agent finds its switch: empty, and this spec's own. */
const RUN_DIR = '/run/openvswitch';

/** The agent of a node with PLUMB_FIREWALL=openflow, upgraded before its control plane. */
describe('a view that an older control plane made', () => {
  const config = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev' } as const;
  const GROUP = 900;
  const view = (catalogue: number) => {
    const builder = new ViewBuilder('cmp1').node('cmp1').network(1, 'local').placed(1, { cmp1: 5 });
    for (const n of [11, 12]) {
      const fixedIps = [{ subnetId: idOf(1), ipAddress: `10.0.0.${n}` }];
      builder.port(n, 1, { fixedIps, securityGroupIds: [idOf(GROUP)] });
    }
    // What catalogue 4 is about: nothing comes in, everything goes out.
    if (catalogue >= 4) builder.group(GROUP).rule(1, GROUP, { direction: 'egress' });
    builder.view.catalogue = catalogue;
    return builder.view;
  };
  const logged: string[] = [];
  let real: RealSwitch;
  let backend: AgentBackend;
  const instances: Instance[] = [];
  const converge = async (catalogue: number) => {
    const options = { touched: 'all', mayRemove: true, unverified: false } as const;
    // The agent has a connection of its own to the switch's database, which may tell it a little later what was plugged.
    for (;;) {
      const { failed, statuses } = await backend.reconciler.converge(view(catalogue), options);
      expect(failed).toEqual([]);
      if (statuses.filter(({ status }) => status === 'ACTIVE').length === instances.length) break;
    }
    await real.revalidated();
    return backend.troubles?.(view(catalogue));
  };

  beforeAll(async () => {
    real = await RealSwitch.start(config);
    await symlink(real.ovs.dir, RUN_DIR);
    const environment = {
      ...{ PLUMB_HOST: 'cmp1', PLUMB_STATE_DIR: real.ovs.dir, NATS_URL: 'nats://127.0.0.1:4222' },
      ...{ PLUMB_OVSDB: real.ovs.remote, PLUMB_DATAPATH_TYPE: 'netdev', PLUMB_FIREWALL: 'openflow' },
    };
    const logger = createLogger({ name: 'spec', level: 'info', destination: { write: (line) => logged.push(line) } });
    backend = await makeOvsBackend(readAgentConfig(environment, ovsSettings), logger);
    // It connects in the background, and says so by having everything looked at.
    await new Promise<void>((resolve) => backend.onNodeChange?.(() => resolve()));
    await converge(3);
    for (const n of [11, 12]) {
      const options = { device: `tap${n}`, mac: macOf(n), address: `10.0.0.${n}/24`, ifaceId: idOf(n) };
      instances.push(await Instance.plug(real, options));
    }
  });
  afterAll(async () => {
    await backend.close();
    await unlink(RUN_DIR);
    for (const instance of instances) await instance.remove();
    await real.stop();
  });

  it('cuts nobody off, is reported, and its rules are enforced when it has some', async () => {
    const [a, b] = instances as [Instance, Instance];
    const said = [expect.stringContaining('an operator must upgrade the API')];
    expect(await converge(3)).toEqual(said);
    expect(await a.reaches('10.0.0.12')).toBe(true);
    expect(await a.transfer(b, '10.0.0.12', 10_000)).toBe(10_000);
    const told = () => logged.filter((line) => line.includes('"step":"firewall"')).map((line) => JSON.parse(line).msg);
    expect(told()).toEqual(['the view has no rules, so security groups are not enforced']);

    expect(await converge(4)).toEqual([]);
    expect(await a.reaches('10.0.0.12')).toBe(false);
    expect(told()[1]).toBe('the view has rules now: security groups are enforced');

    expect(await converge(3)).toEqual(said);
    expect(await a.reaches('10.0.0.12')).toBe(true);
  });
});
