/** The L3 agent's hands: namespaces, addresses, routes and rules by l3-core and l3-driver, its ports by OVSDB. */
import { Spawner, type Runner } from '@plumbline/exec';
import { converge, L3Memory } from '@plumbline/l3-core';
import { NodeL3Driver, OvsdbPorts, watchPorts } from '@plumbline/l3-driver';
import { Later, type AgentConfig, type Hands } from '@plumbline/agent-runtime/nest';
import { OvsdbClient, OvsdbMirror, setRootKeys } from '@plumbline/ovsdb';
import type { Logger } from '@plumbline/telemetry';

/** `external_ids` key of the switch's root row that holds the log this node is bound to; the OVS agent uses the same. */
const LOG_KEY = 'plumb-log';

/** Then the reason is told and it is tried again. */
const CONNECT_TIMEOUT_MS = 1_000;

async function open(config: AgentConfig, runner: Runner) {
  const client = await OvsdbClient.connect(config.ovsdb, { connectTimeoutMs: CONNECT_TIMEOUT_MS });
  const mirror = await OvsdbMirror.open(client);
  return { client, mirror, driver: new NodeL3Driver(runner, new OvsdbPorts(mirror)) };
}

export async function makeL3Hands(config: AgentConfig, logger: Logger): Promise<Hands> {
  const runner = new Spawner();
  const memory = new L3Memory();
  const node = new Later(`Open vSwitch's database at ${config.ovsdb}`, () => open(config, runner), logger);
  return {
    reconciler: { converge: async (view, options) => converge(view, (await node.now()).driver, options, memory) },
    binding: {
      boundLog: async () => (await node.now()).mirror.root?.external_ids[LOG_KEY] ?? null,
      bind: async (log) => {
        const { mirror } = await node.now();
        if (mirror.root?.external_ids[LOG_KEY] === log) return;
        await mirror.commit(setRootKeys('external_ids', { [LOG_KEY]: log }), { wait: false });
      },
    },
    onNews: (look) =>
      void node.opened.then(({ mirror }) => {
        look('all');
        watchPorts(mirror, (ports) =>
          look(ports === 'all' ? 'all' : new Set([...ports].map((id) => `port/${id}` as const))),
        );
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
