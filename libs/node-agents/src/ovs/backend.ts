/** What the OVS agent does on its node: bridges, patch ports, tunnels, tags and flows by ovs-core and ovs-driver. */
import { Spawner } from '@plumbline/exec';
import { Later, machineClock } from '@plumbline/agent-runtime';
import type { AgentConfig, AgentBackend } from '@plumbline/agent-runtime/nest';
import type { ObjectKey } from '@plumbline/contracts';
import { NodeConverger, type OvsNodeConfig, readLogged, StayingConverger } from '@plumbline/ovs-core';
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
import { looksAt, questionRunner } from '../looks/index.js';
import { bindLog, boundLog } from '../switch-log.js';
import { ovsAnswers } from './answers.js';
import { leftOverTroubles } from './left-over.js';
import { packetLine } from './packet-lines.js';
import { NodeMappings } from './mappings.js';
import { OldViewLog, oldViewTroubles } from './old-view.js';
import { copyLimit, factsOf, nodeConfig, type ovsSettings } from './settings.js';
import { Tunnels } from './tunnels.js';

type Look = (keys: ReadonlySet<ObjectKey> | 'all') => void;

/** After this time the attempt counts as failed: the reason is logged, and the agent tries again. */
const CONNECT_TIMEOUT_MS = 1_000;

type Opening = Readonly<{
  ovsdb: string;
  config: () => OvsNodeConfig;
  mappings: NodeMappings;
  runner: Spawner;
  copies: CopyLimit;
  look: Look;
}>;

async function open({ ovsdb, config, mappings, runner, copies, look }: Opening) {
  // On a node where no command can be started, this fails now and not at the first change.
  await runner.start();
  const client = await OvsdbClient.connect(ovsdb, { connectTimeoutMs: CONNECT_TIMEOUT_MS });
  const mirror = await OvsdbMirror.open(client);
  mappings.read(mirror);
  const driver = new SwitchDriver(mirror, runner, { copies });
  const bridges = new BridgeDriver(runner);
  const converger = new NodeConverger(driver, bridges, config);
  return {
    client,
    mirror,
    driver,
    bridges,
    converger,
    staying: new StayingConverger(converger, driver, machineClock, look),
  };
}

export async function makeOvsBackend(config: AgentConfig<typeof ovsSettings>, logger: Logger): Promise<AgentBackend> {
  const ovsdb = config.settings.PLUMB_OVSDB;
  const runner = new Spawner();
  const asking = questionRunner();
  const tunnels = new Tunnels(() => performance.now());
  const asked = nodeConfig(config.settings);
  const oldView = new OldViewLog(asked, logger);
  const copies = copyLimit(config.settings);
  const mappings = new NodeMappings(asked.bridgeMappings);
  const now = (): OvsNodeConfig => ({ ...asked, bridgeMappings: mappings.current ?? asked.bridgeMappings });
  let look: Look = () => undefined;
  const opening: Opening = { ovsdb, config: now, mappings, runner, copies, look: (keys) => look(keys) };
  const node = new Later(`Open vSwitch's database at ${ovsdb}`, () => open(opening), logger);
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
        return (await node.now()).staying.converge(view, options);
      },
    },
    binding: {
      boundLog: async () => boundLog((await node.now()).mirror),
      bind: async (log) => bindLog((await node.now()).mirror, log),
    },
    nodeFacts: () =>
      mappings.current && {
        ...factsOf(config.settings),
        bridgeMappings: { ...mappings.current },
        bfd: true,
        firewall: config.settings.PLUMB_FIREWALL,
      },
    troubles: (view) => [
      ...(mappings.fault === null ? [] : [mappings.fault]),
      ...oldViewTroubles(view, asked),
      ...leftOverTroubles(node.current?.converger.leftOver() ?? [], asked),
      ...tunnels.troubles(view, node.current?.driver.tunnelEnds() ?? []),
    ],
    onTold: (tell) =>
      void node.opened.then(({ driver, mirror }) => {
        tell();
        driver.onNews(({ reason }) => reason === 'tunnel-end' && tell());
        mirror.onChange(() => {
          if (!mappings.read(mirror)) return;
          const { current, fault } = mappings;
          logger.info({ step: 'mappings', bridgeMappings: current, fault }, 'the bridge mappings were set anew');
          tell();
          look('all');
        });
      }),
    onNodeChange: (tell) =>
      void node.opened.then(({ driver }) => {
        look = tell;
        tell('all');
        if (asked.firewall === 'hybrid')
          unwatch = watchBridges(runner, () => tell(new Set([`node/${config.host}` as const])));
        driver.onNews((news) => {
          logger.debug({ step: 'news', reason: news.reason, ports: news.ports }, 'the switch changed');
          const concerned = concernedBy(news, config.host);
          const back = news.reason === 'switch-back' || news.reason === 'database-back';
          if (concerned === 'all' || concerned.size > 0) tell(concerned, back);
        });
      }),
    answers: {
      ...looksAt(asking, () => node.now()),
      ...ovsAnswers(async () => ({ ...(await node.now()), runner: asking })),
    },
    check: () => node.check(),
    close: async () => {
      unwatch();
      unfollow();
      node.close();
      node.current?.driver.close();
      node.current?.mirror.close();
      node.current?.client.close();
      await Promise.all([runner.close(), asking.close()]);
    },
  };
}
