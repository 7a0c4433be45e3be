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
const GROUP = 900;

/** One agent after the other on the same switch, as when its settings change and it is restarted; the instances stay plugged in. */
describe('a node that begins to enforce, with ports that were bound before', () => {
  const config = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev' } as const;
  const instances: Instance[] = [];
  let real: RealSwitch;

  /** Nothing comes in, everything goes out. */
  const view = () => {
    const builder = new ViewBuilder('cmp1').node('cmp1').network(1, 'local').placed(1, { cmp1: 5 });
    for (const n of [11, 12]) {
      const fixedIps = [{ subnetId: idOf(1), ipAddress: `10.0.0.${n}` }];
      builder.port(n, 1, { fixedIps, securityGroupIds: [idOf(GROUP)] });
    }
    return builder.group(GROUP).rule(1, GROUP, { direction: 'egress' }).view;
  };
  /** Ends with what the agent says of itself, when it has converged once with all instances. */
  const runs = async (firewall: string): Promise<string | undefined> => {
    const environment = {
      ...{ PLUMB_HOST: 'cmp1', PLUMB_STATE_DIR: real.ovs.dir, NATS_URL: 'nats://127.0.0.1:4222' },
      ...{ PLUMB_OVSDB: real.ovs.remote, PLUMB_DATAPATH_TYPE: 'netdev', PLUMB_FIREWALL: firewall },
    };
    const logger = createLogger({ name: 'spec', level: 'silent' });
    const backend: AgentBackend = await makeOvsBackend(readAgentConfig(environment, ovsSettings), logger);
    try {
      const options = { touched: 'all', mayRemove: true, unverified: false } as const;
      // The agent has a connection of its own to the switch's database, which may open, and tell it what was plugged, a little later.
      for (;;) {
        const told = await backend.reconciler.converge(view(), options).catch((error: Error) => {
          if (!error.message.endsWith('cannot be reached: still trying')) throw error;
        });
        if (!told) continue;
        const { failed, statuses } = told;
        expect(failed).toEqual([]);
        if (statuses.filter(({ status }) => status === 'ACTIVE').length === instances.length) break;
      }
      await real.revalidated();
      return backend.nodeFacts?.()?.firewall;
    } finally {
      await backend.close();
    }
  };

  beforeAll(async () => {
    real = await RealSwitch.start(config);
    await symlink(real.ovs.dir, RUN_DIR);
    await runs('none');
    for (const n of [11, 12]) {
      const options = { device: `tap${n}`, mac: macOf(n), address: `10.0.0.${n}/24`, ifaceId: idOf(n) };
      instances.push(await Instance.plug(real, options));
    }
  });
  afterAll(async () => {
    for (const instance of instances) await instance.remove();
    await unlink(RUN_DIR);
    await real.stop();
  });

  it('puts them under their rules at once, says so, and lets go when it stops', async () => {
    const [a] = instances as [Instance, Instance];
    expect(await runs('none')).toBe('none');
    expect(await a.reaches('10.0.0.12')).toBe(true);
    expect(await runs('openflow')).toBe('openflow');
    expect(await a.reaches('10.0.0.12')).toBe(false);
    expect(await runs('none')).toBe('none');
    expect(await a.reaches('10.0.0.12')).toBe(true);
  });
});
