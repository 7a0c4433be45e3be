/** What the OVS agent does on its node: bridges, patch ports, tunnels, tags and flows by ovs-core and ovs-driver. */
import { Spawner } from '@plumbline/exec';
import { Later } from '@plumbline/agent-runtime';
import type { AgentConfig, AgentBackend } from '@plumbline/agent-runtime/nest';
import { NodeConverger, type OvsNodeConfig, readLogged } from '@plumbline/ovs-core';
import {
  BridgeDriver,
  concernedBy,
  type CopyLimit,
  followBridgeLog,
  SwitchDriver,
  watchBridges,
} from '@plumbline/ovs-driver';
import { OvsdbClient, OvsdbMirror } from '@plumbline/ovsdb';
import type { Logger } from '@plumbline/telemetry';
import type { HostView } from '@plumbline/topology';
import { bindLog, boundLog } from '../switch-log.js';
import { leftOverTroubles } from './left-over.js';
import { packetLine } from './packet-lines.js';
import { OldViewLog, oldViewTroubles } from './old-view.js';
import { copyLimit, factsOf, nodeConfig, type ovsSettings } from './settings.js';
import { Tunnels } from './tunnels.js';

/** After this time the attempt counts as failed: the reason is logged, and the agent tries again. */
const CONNECT_TIMEOUT_MS = 1_000;

async function open(ovsdb: string, node: OvsNodeConfig, runner: Spawner, copies: CopyLimit) {
  // On a node where no command can be started, this fails now and not at the first change.
  await runner.start();
  const client = await OvsdbClient.connect(ovsdb, { connectTimeoutMs: CONNECT_TIMEOUT_MS });
  const mirror = await OvsdbMirror.open(client);
  const driver = new SwitchDriver(mirror, runner, { copies });
  return { client, mirror, driver, converger: new NodeConverger(driver, new BridgeDriver(runner), () => node) };
}

export async function makeOvsBackend(config: AgentConfig<typeof ovsSettings>, logger: Logger): Promise<AgentBackend> {
  const facts = factsOf(config.settings);
  const ovsdb = config.settings.PLUMB_OVSDB;
  const runner = new Spawner();
  const tunnels = new Tunnels(() => performance.now());
  const asked = nodeConfig(config.settings);
  const oldView = new OldViewLog(asked, logger);
  const copies = copyLimit(config.settings);
  const node = new Later(`Open vSwitch's database at ${ovsdb}`, () => open(ovsdb, asked, runner, copies), logger);
  let seen: HostView | null = null;
  let unwatch = (): void => undefined;
  let unfollow = (): void => undefined;
  void node.opened.then(({ driver }) => {
    driver.onCopy(({ frame, userdata }) => packetLine(readLogged(userdata), frame, seen, logger));
    if (asked.firewall === 'hybrid')
      unfollow = followBridgeLog(runner, (said, frame) => packetLine(said, frame, seen, logger), { limit: copies });
  });
  return {
    reconciler: {
      converge: async (view, options) => {
        oldView.look(view);
        seen = view;
        return (await node.now()).converger.converge(view, options);
      },
    },
    binding: {
      boundLog: async () => boundLog((await node.now()).mirror),
      bind: async (log) => bindLog((await node.now()).mirror, log),
    },
    nodeFacts: () => ({
      ...facts,
      bridgeMappings: { ...facts.bridgeMappings },
      bfd: true,
      firewall: config.settings.PLUMB_FIREWALL,
    }),
    troubles: (view) => [
      ...oldViewTroubles(view, asked),
      ...leftOverTroubles(node.current?.converger.leftOver() ?? [], asked),
      ...tunnels.troubles(view, node.current?.driver.tunnelEnds() ?? []),
    ],
    onTroubleChange: (tell) =>
      void node.opened.then(({ driver }) => driver.onNews(({ reason }) => reason === 'tunnel-end' && tell())),
    onNodeChange: (look) =>
      void node.opened.then(({ driver }) => {
        look('all');
        if (asked.firewall === 'hybrid')
          unwatch = watchBridges(runner, () => look(new Set([`node/${config.host}` as const])));
        driver.onNews((news) => {
          logger.debug({ step: 'news', reason: news.reason, ports: news.ports }, 'the switch changed');
          const concerned = concernedBy(news, config.host);
          const back = news.reason === 'switch-back' || news.reason === 'database-back';
          if (concerned === 'all' || concerned.size > 0) look(concerned, back);
        });
      }),
    check: () => node.check(),
    close: async () => {
      unwatch();
      unfollow();
      node.close();
      node.current?.driver.close();
      node.current?.mirror.close();
      node.current?.client.close();
      await runner.close();
    },
  };
}
