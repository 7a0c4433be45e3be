/** What the DHCP agent does on its node: dhcp-core decides, dhcp-driver does it, libs/processes keeps dnsmasq running. */
import { Later } from '@plumbline/agent-runtime';
import type { AgentBackend, AgentConfig } from '@plumbline/agent-runtime/nest';
import { convergeDhcpView, DHCP_PORT_OWNER, DhcpMemory, networkOfProcess } from '@plumbline/dhcp-core';
import { NodeDhcpDriver } from '@plumbline/dhcp-driver';
import { Spawner } from '@plumbline/exec';
import { watchPorts } from '@plumbline/l3-driver';
import { OvsdbClient, OvsdbMirror } from '@plumbline/ovsdb';
import { NodeProcesses, ownerOf } from '@plumbline/processes';
import type { Logger } from '@plumbline/telemetry';
import { bindLog, boundLog } from '../switch-log.js';
import type { dhcpSettings } from './settings.js';

/** After this time the attempt counts as failed: the reason is logged, and the agent tries again. */
const CONNECT_TIMEOUT_MS = 1_000;

export async function makeDhcpBackend(config: AgentConfig<typeof dhcpSettings>, logger: Logger): Promise<AgentBackend> {
  const { PLUMB_OVSDB: ovsdb, PLUMB_DNS_DOMAIN: dnsDomain } = config.settings;
  const runner = new Spawner();
  // How the lab finds what it must end.
  const { PLUMB_LAB_ID: lab } = process.env;
  const owner = ownerOf('dhcp', config.host, lab);
  const processes = new NodeProcesses(runner, { owner, ...(lab !== undefined && { env: { PLUMB_LAB_ID: lab } }) });
  const memory = new DhcpMemory();
  // Nobody answers for metadata yet.
  const terms = { owner, dnsDomain, metadata: false };
  const open = async () => {
    await runner.start();
    const client = await OvsdbClient.connect(ovsdb, { connectTimeoutMs: CONNECT_TIMEOUT_MS });
    const mirror = await OvsdbMirror.open(client);
    return { client, mirror, driver: new NodeDhcpDriver(runner, mirror, processes, { owner }) };
  };
  const node = new Later(`Open vSwitch's database at ${ovsdb}`, open, logger);
  let unwatch = (): void => undefined;
  return {
    reconciler: {
      converge: async (view, options) => convergeDhcpView(view, (await node.now()).driver, options, memory, terms),
    },
    binding: {
      boundLog: async () => boundLog((await node.now()).mirror),
      bind: async (log) => bindLog((await node.now()).mirror, log),
    },
    onNodeChange: (look) => {
      processes.watch((names) => look(new Set(names.map((name) => `network/${networkOfProcess(name)}` as const))));
      void node.opened.then(({ mirror }) => {
        look('all');
        unwatch = watchPorts(
          mirror,
          (ports) => look(ports === 'all' ? 'all' : new Set([...ports].map((id) => `port/${id}` as const))),
          DHCP_PORT_OWNER,
        );
      });
    },
    troubles: (view) => memory.unserved(view).map(({ key, reason }) => `${key}: ${reason}`),
    check: () => node.check(),
    close: async () => {
      unwatch();
      processes.close();
      node.close();
      node.current?.driver.close();
      node.current?.mirror.close();
      node.current?.client.close();
      await runner.close();
    },
  };
}
