/** The OVS agent's hands: bridges, patch ports, tunnels, tags and flows by ovs-core and ovs-driver. */
import { Spawner, type Runner } from '@plumbline/exec';
import { Later, type AgentConfig, type Hands } from '@plumbline/agent-runtime/nest';
import { OvsConverger } from '@plumbline/ovs-core';
import { SwitchDriver } from '@plumbline/ovs-driver';
import { OvsdbClient, OvsdbMirror } from '@plumbline/ovsdb';
import type { Logger } from '@plumbline/telemetry';

/** Then the reason is told and it is tried again. */
const CONNECT_TIMEOUT_MS = 1_000;

async function open(config: AgentConfig, runner: Runner) {
  const client = await OvsdbClient.connect(config.ovsdb, { connectTimeoutMs: CONNECT_TIMEOUT_MS });
  const mirror = await OvsdbMirror.open(client);
  const driver = new SwitchDriver(mirror, runner);
  return { client, mirror, driver, converger: new OvsConverger(driver, () => config) };
}

export async function makeOvsHands(config: AgentConfig, logger: Logger): Promise<Hands> {
  const { tunnelIp, bridgeMappings, datapathType } = config;
  const runner = new Spawner();
  const node = new Later(`Open vSwitch's database at ${config.ovsdb}`, () => open(config, runner), logger);
  return {
    reconciler: { converge: async (view, options) => (await node.now()).converger.converge(view, options) },
    binding: {
      boundLog: async () => (await node.now()).driver.boundLog(),
      bind: async (log) => (await node.now()).driver.bindLog(log),
    },
    nodeFacts: () => ({ tunnelIp, bridgeMappings: { ...bridgeMappings }, datapathType }),
    onNews: (look) =>
      void node.opened.then(({ driver }) => {
        look('all');
        driver.onNews(({ ports, all, reason }) => {
          logger.debug({ step: 'news', reason, ports }, 'the switch changed');
          if (all) look('all');
          else if (ports.length > 0) look(new Set(ports.map((id) => `port/${id}` as const)));
        });
      }),
    check: () => node.check(),
    close: async () => {
      node.close();
      node.current?.driver.close();
      node.current?.mirror.close();
      node.current?.client.close();
      await runner.close();
    },
  };
}
