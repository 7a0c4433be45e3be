/** What the metadata agent does on its node: metadata-core says where guests are answered and who asks, metadata-driver answers, libs/processes keeps the proxy. */
import { rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { Later } from '@plumbline/agent-runtime';
import type { AgentBackend, AgentConfig } from '@plumbline/agent-runtime/nest';
import { instanceOf, type Port } from '@plumbline/contracts';
import { Spawner } from '@plumbline/exec';
import { askerNetns, convergeMetadataView, MetadataMemory, serviceSocket } from '@plumbline/metadata-core';
import {
  BuiltinBackend,
  InstanceKeeper,
  MetadataService,
  NodeMetadataDriver,
  NovaBackend,
} from '@plumbline/metadata-driver';
import { OvsdbClient, OvsdbMirror } from '@plumbline/ovsdb';
import { NodeProcesses, ownerOf } from '@plumbline/processes';
import type { Logger } from '@plumbline/telemetry';
import { looksAt, questionRunner } from '../looks/index.js';
import { answersMetadata } from '../metadata-settings.js';
import { bindLog, boundLog } from '../switch-log.js';
import { metadataAnswers } from './answers.js';
import type { metadataAgentSettings } from './settings.js';

/** After this time the attempt counts as failed: the reason is logged, and the agent tries again. */
const CONNECT_TIMEOUT_MS = 1_000;
/** How often it is looked for namespaces that came, went, or were made anew. */
const LOOK_MS = 1_000;
/** haproxy's own user, which its package makes. */
const PROXY_USER = 'haproxy';

export async function makeMetadataBackend(
  config: AgentConfig<typeof metadataAgentSettings>,
  logger: Logger,
): Promise<AgentBackend> {
  const { settings } = config;
  const runner = new Spawner();
  const asking = questionRunner();
  // How the lab finds what it must end.
  const { PLUMB_LAB_ID: lab } = process.env;
  const owner = ownerOf('metadata', config.host, lab);
  const processes = new NodeProcesses(runner, { owner, ...(lab !== undefined && { env: { PLUMB_LAB_ID: lab } }) });
  const terms = { owner, service: serviceSocket(owner), answers: answersMetadata(settings) };
  const driver = new NodeMetadataDriver(runner, processes, terms);
  const memory = new MetadataMemory();
  const folder = path.join(config.stateDir, 'metadata.instances');
  const keeper =
    settings.PLUMB_METADATA === 'builtin' ? new InstanceKeeper({ host: config.host, folder, logger }) : null;
  // What owners gave is on this disk for as long as it is answered from here.
  if (!keeper) rmSync(folder, { recursive: true, force: true });
  const nova = new NovaBackend({
    url: settings.PLUMB_NOVA_METADATA_URL,
    secretFile: settings.PLUMB_NOVA_METADATA_SECRET_FILE,
  });
  const service = new MetadataService<Port>({
    socket: terms.service,
    user: PROXY_USER,
    whoAsks: (asker, source) => (memory.seen ? memory.whoAsks(asker, source) : undefined),
    backend:
      keeper === null
        ? nova
        : new BuiltinBackend((port) => {
            const name = instanceOf(port);
            const data = name ? keeper.dataOf(name) : null;
            return data === undefined ? undefined : memory.guestOf(port, data, settings.PLUMB_DNS_DOMAIN);
          }),
    logger,
  });
  const open = async () => {
    const client = await OvsdbClient.connect(settings.PLUMB_OVSDB, { connectTimeoutMs: CONNECT_TIMEOUT_MS });
    return { client, mirror: await OvsdbMirror.open(client) };
  };
  const node = new Later(`Open vSwitch's database at ${settings.PLUMB_OVSDB}`, open, logger);
  const listening = terms.answers ? new Later(`socket ${terms.service}`, () => service.listen(), logger) : null;
  const seen = (): string =>
    memory
      .wishes(terms.answers)
      .wanted.map((each) => numberOf(askerNetns(each)))
      .join();
  let looking: NodeJS.Timeout | undefined;
  return {
    reconciler: {
      converge: async (view, options) => {
        const outcome = convergeMetadataView(view, driver, options, memory, terms);
        const { touched, mayRemove } = options;
        if (touched === 'all' || [...touched].some((key) => key.startsWith('port/')))
          keeper?.serve(view, memory.instances(), mayRemove);
        return outcome;
      },
    },
    binding: {
      boundLog: async () => boundLog((await node.now()).mirror),
      bind: async (log) => bindLog((await node.now()).mirror, log),
    },
    ...(keeper && {
      instances: (asks) => {
        keeper.start(asks);
        return (body) => keeper.hear(body);
      },
    }),
    onNodeChange: (look) => {
      processes.watch(() => look('all'));
      void node.opened.then(() => look('all'));
      let before = '';
      looking = setInterval(() => {
        const now = seen();
        if (now !== before) look('all');
        before = now;
      }, LOOK_MS);
    },
    troubles: () => (settings.PLUMB_METADATA === 'nova' ? [nova.trouble()].filter((each) => each !== null) : []),
    answers: { ...looksAt(asking, () => node.now()), ...metadataAnswers(driver, memory, terms.answers, config.host) },
    check: () => {
      const socket = listening?.check();
      return socket && !socket.ok ? socket : node.check();
    },
    close: async () => {
      clearInterval(looking);
      keeper?.close();
      processes.close();
      node.close();
      listening?.close();
      node.current?.mirror.close();
      node.current?.client.close();
      await service.close();
      await Promise.all([runner.close(), asking.close()]);
    },
  };
}

/** Of a namespace that is there; else nothing. */
function numberOf(netns: string): number | null {
  return statSync(`/run/netns/${netns}`, { throwIfNoEntry: false })?.ino ?? null;
}
