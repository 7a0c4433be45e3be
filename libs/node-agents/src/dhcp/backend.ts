/** What the DHCP agent does on its node: dhcp-core decides, dhcp-driver does it, libs/processes keeps dnsmasq running. */
import { Later } from '@plumbline/agent-runtime';
import type { AgentBackend, AgentConfig } from '@plumbline/agent-runtime/nest';
import { convergeDhcpView, DHCP_PORT_OWNER, DhcpMemory, networkOfProcess } from '@plumbline/dhcp-core';
import { NodeDhcpDriver } from '@plumbline/dhcp-driver';
import { Spawner } from '@plumbline/exec';
import { OvsdbPorts, watchPorts } from '@plumbline/l3-driver';
import { OvsdbClient, OvsdbMirror } from '@plumbline/ovsdb';
import type { Logger } from '@plumbline/telemetry';
import { looksAt, questionRunner } from '../looks/index.js';
import { answersMetadata } from '../metadata-settings.js';
import { programsOf } from '../programs.js';
import { bindLog, boundLog } from '../switch-log.js';
import { dhcpAnswers } from './answers.js';
import type { dhcpSettings } from './settings.js';
import { dhcpTerms, dnsOf } from './terms.js';

/** After this time the attempt counts as failed: the reason is logged, and the agent tries again. */
const CONNECT_TIMEOUT_MS = 1_000;

export async function makeDhcpBackend(config: AgentConfig<typeof dhcpSettings>, logger: Logger): Promise<AgentBackend> {
  const { PLUMB_OVSDB: ovsdb } = config.settings;
  const runner = new Spawner();
  const asking = questionRunner();
  const { owner, processes } = programsOf('dhcp', runner, config.host);
  const memory = new DhcpMemory();
  const facts = { dns: dnsOf(config.settings), answersMetadata: answersMetadata(config.settings) };
  let terms = dhcpTerms(owner, facts);
  const open = async () => {
    await runner.start();
    const client = await OvsdbClient.connect(ovsdb, { connectTimeoutMs: CONNECT_TIMEOUT_MS });
    const mirror = await OvsdbMirror.open(client);
    const ports = new OvsdbPorts(mirror, DHCP_PORT_OWNER);
    return { client, mirror, driver: new NodeDhcpDriver(runner, ports, processes, { owner }) };
  };
  const node = new Later(`Open vSwitch's database at ${ovsdb}`, open, logger);
  let unwatch = (): void => undefined;
  return {
    reconciler: {
      converge: async (view, options) => {
        // All networks are rendered anew only then: the name servers of the node are asked for as often.
        if (options.touched === 'all') terms = dhcpTerms(owner, facts);
        return convergeDhcpView(view, (await node.now()).driver, options, memory, terms);
      },
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
    troubles: () => memory.unserved().map(({ key, reason }) => `${key}: ${reason}`),
    answers: {
      ...looksAt(asking, () => node.now()),
      ...dhcpAnswers(async () => ({ driver: (await node.now()).driver, runner, processes }), memory),
    },
    check: () => node.check(),
    close: async () => {
      unwatch();
      processes.close();
      node.close();
      node.current?.driver.close();
      node.current?.mirror.close();
      node.current?.client.close();
      await Promise.all([runner.close(), asking.close()]);
    },
  };
}
