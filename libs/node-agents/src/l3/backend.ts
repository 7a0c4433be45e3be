/** What the L3 agent does on its node: namespaces, addresses, routes and rules by l3-core and l3-driver; its ports by OVSDB; radvd by libs/processes. */
import { Spawner } from '@plumbline/exec';
import { converge, L3Memory, routerOfProgram, routersHere } from '@plumbline/l3-core';
import { NodeL3Driver, OvsdbPorts, type Programs, watchNamespaces, watchPorts } from '@plumbline/l3-driver';
import { Later } from '@plumbline/agent-runtime';
import type { AgentConfig, AgentBackend } from '@plumbline/agent-runtime/nest';
import { OvsdbClient, OvsdbMirror } from '@plumbline/ovsdb';
import type { Logger } from '@plumbline/telemetry';
import { looksAt, questionRunner } from '../looks/index.js';
import { bindLog, boundLog } from '../switch-log.js';
import { answersMetadata } from '../metadata-settings.js';
import { programsOf } from '../programs.js';
import { l3Answers, l3Look, type L3Look } from './answers.js';
import { fullCheckMs, Rotation } from './rotation.js';
import type { l3Settings } from './settings.js';

/** After this time the attempt counts as failed: the reason is logged, and the agent tries again. */
const CONNECT_TIMEOUT_MS = 1_000;

async function open(ovsdb: string, runner: Spawner, programs: Programs) {
  // On a node where no command can be started, this fails now and not at the first change.
  await runner.start();
  const client = await OvsdbClient.connect(ovsdb, { connectTimeoutMs: CONNECT_TIMEOUT_MS });
  const mirror = await OvsdbMirror.open(client);
  return { client, mirror, driver: new NodeL3Driver(runner, new OvsdbPorts(mirror), { programs }) };
}

export async function makeL3Backend(config: AgentConfig<typeof l3Settings>, logger: Logger): Promise<AgentBackend> {
  const ovsdb = config.settings.PLUMB_OVSDB;
  const runner = new Spawner();
  const asking = questionRunner();
  const memory = new L3Memory();
  const terms = { metadata: answersMetadata(config.settings) };
  const programs = programsOf('l3', runner, config.host);
  const reach = () => open(ovsdb, runner, programs);
  const node = new Later(`Open vSwitch's database at ${ovsdb}`, reach, logger);
  let rotation: Rotation | null = null;
  let looking: L3Look | null = null;
  let unwatch = (): void => undefined;
  return {
    reconciler: {
      converge: async (view, options) => {
        const outcome = await converge(view, (await node.now()).driver, options, memory, terms);
        const { touched } = options;
        if (touched === 'all' || [...touched].some((key) => key.startsWith('router/')))
          rotation?.over(routersHere(view).map(({ id }) => id));
        return outcome;
      },
    },
    binding: {
      boundLog: async () => boundLog((await node.now()).mirror),
      bind: async (log) => bindLog((await node.now()).mirror, log),
    },
    onNodeChange: (look) => {
      rotation = new Rotation((ids) => {
        for (const id of ids) node.current?.driver.reread(id);
        look(new Set([...ids].map((id) => `router/${id}` as const)));
      });
      programs.processes.watch((names) =>
        look(new Set(names.map((name) => `router/${routerOfProgram(name)}` as const))),
      );
      void node.opened.then(({ mirror, driver }) => {
        look('all');
        unwatch = watchNamespaces(
          runner,
          (routers) => look(new Set([...routers].map((id) => `router/${id}` as const))),
          (err) => logger.warn({ err, step: 'watch' }, 'what others change in namespaces is not heard of, only found'),
          // What the agent itself changed and has not read back is looked at anyway.
          (id) => (memory.unread.has(id) ? Infinity : driver.lookedAt(id)),
        );
        watchPorts(mirror, (ports) =>
          look(ports === 'all' ? 'all' : new Set([...ports].map((id) => `port/${id}` as const))),
        );
      });
    },
    answers: {
      ...looksAt(asking, () => node.now()),
      ...l3Answers(
        async () => (looking ??= l3Look({ mirror: (await node.now()).mirror, runner: asking, programs })),
        memory,
        terms,
      ),
    },
    resyncMs: () => fullCheckMs(rotation?.size ?? 0),
    check: () => node.check(),
    close: async () => {
      rotation?.stop();
      unwatch();
      looking?.close();
      programs.processes.close();
      node.close();
      node.current?.driver.close();
      node.current?.mirror.close();
      node.current?.client.close();
      await Promise.all([runner.close(), asking.close()]);
    },
  };
}
