/**
 * The API and the agents as units: their environment variables, which are their only configuration, and the rights they keep.
 *
 *     API      PLUMB_LISTEN  DATABASE_URL (service login)  NATS_URL  NATS_NKEY_FILE  PLUMB_LOG_LEVEL
 *              PLUMB_AUTH=builtin  PLUMB_IDENTITY_FILE  PLUMB_TOKEN_KEY_FILE
 *              PLUMB_QUOTAS  PLUMB_REQUESTS_PER_SECOND (when the environment of `plumb lab` has them)
 *     agents   PLUMB_HOST  NATS_URL  NATS_NKEY_FILE  PLUMB_STATE_DIR  PLUMB_TUNNEL_IP  PLUMB_BRIDGE_MAPPINGS  PLUMB_DATAPATH_TYPE  PLUMB_OVSDB
 *              PLUMB_HEALTH_PORT (127.0.0.1, in the node's namespace)  PLUMB_LOG_LEVEL  PLUMB_METADATA (where the node has one)
 *
 * With the operator's own NATS (NATS_URL), it may be NATS_USER and NATS_PASSWORD_FILE instead of NATS_NKEY_FILE, or none of them.
 */
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { AGENTS, encodeHost } from '@plumbline/contracts';
import { run } from '@plumbline/exec';
import { asAgent, asNobody } from './confine.js';
import { nodeEnvironment } from './exec.js';
import { identityEnvironment } from './logins.js';
import { loginEnvironment, type NatsAccess } from './nats.js';
import { placeFolder, type Place } from './place.js';
import { externalNetwork, type LabSpec, type NodeSpec } from './spec.js';
import { ensureUnit, labEnvironment } from './supervision.js';
import { datapathType } from './switch.js';

const logLevel = () => process.env['PLUMB_LOG_LEVEL'] ?? 'info';
/** Limits of the API, from the environment of the command that makes the lab. */
const limits = (): Record<string, string> =>
  Object.fromEntries(
    ['PLUMB_QUOTAS', 'PLUMB_REQUESTS_PER_SECOND'].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
const script = (app: string) => `apps/${app}/dist/main.js`;

/** Starts the API on 127.0.0.1:`port`, as `nobody`. Resolves when its process runs, which is before it answers requests. */
export async function startApi(
  spec: LabSpec,
  labId: string,
  control: Place,
  options: { readonly port: number; readonly databaseUrl: string; readonly nats: NatsAccess },
): Promise<void> {
  requireBuilt(spec, 'api');
  await requireReadable(control, script('api'));
  await ensureUnit(spec.stateDir, {
    name: 'api',
    order: 20,
    argv: [...control.enter, ...asNobody, control.paths.node, `${control.paths.project}/${script('api')}`],
    env: {
      ...labEnvironment(labId),
      HOME: '/nonexistent',
      PLUMB_LISTEN: `127.0.0.1:${options.port}`,
      PLUMB_LOG_LEVEL: logLevel(),
      ...identityEnvironment(control),
      ...limits(),
      DATABASE_URL: options.databaseUrl,
      NATS_URL: options.nats.hostUrl,
      ...loginEnvironment(options.nats, control),
    },
    restart: true,
    afterStart: [],
    stopSignal: 'SIGTERM',
  });
}

/** Starts the node's agents, with three capabilities. */
export async function startAgents(
  spec: LabSpec,
  labId: string,
  node: NodeSpec,
  place: Place,
  nats: NatsAccess,
): Promise<void> {
  mkdirSync(path.join(placeFolder(spec, node.host), 'agents'), { recursive: true, mode: 0o700 });
  await Promise.all(
    node.agents.map((kind) => {
      const { app, capabilities, healthPort } = AGENTS[kind];
      requireBuilt(spec, app);
      return ensureUnit(spec.stateDir, {
        name: `${app}-${encodeHost(node.host)}`,
        order: 30,
        argv: [...place.enter, ...asAgent(capabilities), place.paths.node, `${place.paths.project}/${script(app)}`],
        env: {
          ...labEnvironment(labId),
          HOME: '/nonexistent',
          PLUMB_HOST: node.host,
          PLUMB_LOG_LEVEL: logLevel(),
          PLUMB_STATE_DIR: `${place.paths.var}/agents`,
          PLUMB_TUNNEL_IP: node.tunnelIp,
          PLUMB_BRIDGE_MAPPINGS: `${externalNetwork.physicalNetwork}:${externalNetwork.bridge}`,
          PLUMB_DATAPATH_TYPE: datapathType(),
          PLUMB_OVSDB: 'unix:/run/openvswitch/db.sock',
          PLUMB_HEALTH_PORT: String(healthPort),
          ...nodeEnvironment(spec, node.host),
          NODE_OPTIONS: '--max-semi-space-size=4',
          NATS_URL: nats.nodeUrl,
          ...loginEnvironment(nats, place),
        },
        restart: true,
        afterStart: [],
        stopSignal: 'SIGTERM',
      });
    }),
  );
}

/** Throws when `nobody`, as whom the API runs, cannot read the clone: one made with umask 077 is readable by its owner only. */
async function requireReadable(control: Place, file: string): Promise<void> {
  for (const needed of [file, 'package.json', 'node_modules/pg/package.json']) {
    const argv = [...control.enter, ...asNobody, 'test', '-r', `${control.paths.project}/${needed}`];
    if ((await run(argv, { okCodes: [0, 1] })).code === 0) continue;
    throw new Error(
      `the API runs as "nobody" and cannot read ${needed}: chmod -R go+rX . in the clone (its parents may stay closed)`,
    );
  }
}

function requireBuilt(spec: LabSpec, app: string): void {
  const file = path.join(spec.projectDir, script(app));
  if (!existsSync(file)) throw new Error(`${file} is not built: npm run build`);
}
