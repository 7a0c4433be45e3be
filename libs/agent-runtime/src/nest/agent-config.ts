/** What every agent is told, by its environment alone. */
import { isAbsolute } from 'node:path';
import { HostName, IpAddress, LinkName, PhysicalNetwork, ZoneName } from '@plumbline/contracts';
import { z } from 'zod';
import type { NatsAccess, NatsLogin } from '@plumbline/messaging/nats';

const mappings = z.string().transform((text, context): Record<string, string> => {
  const found: Record<string, string> = {};
  for (const part of text
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean)) {
    const [network = '', bridge = '', ...rest] = part.split(':');
    const good = PhysicalNetwork.safeParse(network).success && LinkName.safeParse(bridge).success && rest.length === 0;
    const repeated = network in found || Object.values(found).includes(bridge);
    if (!good || repeated)
      context.addIssue({
        code: 'custom',
        message: repeated
          ? `'${part}': each physical network has a bridge of its own`
          : `'${part}' is not physical-network:bridge, for example physnet1:br-ex`,
      });
    else found[network] = bridge;
  }
  return found;
});

const natsUrl = z
  .string()
  .refine(
    (text) =>
      text
        .split(',')
        .every((part) => URL.canParse(part.trim()) && ['nats:', 'tls:'].includes(new URL(part.trim()).protocol)),
    { error: 'is not nats://host:port or tls://host:port (several: separated by commas)' },
  );

const Environment = z
  .object({
    PLUMB_HOST: z.string({ error: "is not set: this node's name, as in the API's binding:host_id" }).pipe(HostName),
    NATS_URL: natsUrl.default('nats://127.0.0.1:4222'),
    NATS_NKEY_FILE: z.string().optional(),
    NATS_USER: z.string().optional(),
    NATS_PASSWORD_FILE: z.string().optional(),
    NATS_CA_FILE: z.string().optional(),
    PLUMB_STATE_DIR: z.string().refine(isAbsolute, { error: 'is not an absolute path' }).default('/var/lib/plumbline'),
    PLUMB_TUNNEL_IP: IpAddress.optional(),
    PLUMB_BRIDGE_MAPPINGS: mappings.prefault(''),
    PLUMB_DATAPATH_TYPE: z.enum(['system', 'netdev']).default('system'),
    PLUMB_OVSDB: z
      .string()
      .regex(/^(unix:\/.+|tcp:.+:\d+)$/, 'is not unix:/path or tcp:host:port')
      .default('unix:/run/openvswitch/db.sock'),
    PLUMB_HEALTH_PORT: z.coerce.number().int().min(0).max(65535).optional(),
    PLUMB_HEALTH_SOCKET: z.string().refine(isAbsolute, { error: 'is not an absolute path' }).optional(),
    PLUMB_RESYNC_SECONDS: z.coerce.number().min(1).max(86_400).default(60),
    PLUMB_AVAILABILITY_ZONE: ZoneName.default('nova'),
    PLUMB_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  })
  .superRefine((env, context) => {
    const say = (name: string, message: string): void => context.addIssue({ code: 'custom', path: [name], message });
    if (env.NATS_NKEY_FILE !== undefined && env.NATS_USER !== undefined)
      say('NATS_NKEY_FILE', 'and NATS_USER are both set: give one of them');
    if ((env.NATS_USER === undefined) !== (env.NATS_PASSWORD_FILE === undefined))
      say('NATS_USER', 'and NATS_PASSWORD_FILE: give both or none');
  });

export type AgentConfig = Readonly<{
  host: string;
  nats: NatsAccess;
  stateDir: string;
  tunnelIp: string | null;
  bridgeMappings: Readonly<Record<string, string>>;
  datapathType: 'system' | 'netdev';
  ovsdb: string;
  /** Where health is served: a port of 127.0.0.1 or a socket; null: nowhere. */
  health: string | number | null;
  /** Mean time between full looks at the node. */
  resyncMs: number;
  /** Of the L3 agent: where its routers are. */
  availabilityZone: string;
  logLevel: string;
}>;

/** All that is wrong with the environment, one line each. */
export class BadAgentConfig extends Error {
  override readonly name = 'BadAgentConfig';
}

/** Throws BadAgentConfig. Reads no file. An empty variable counts as not set. */
export function readAgentConfig(environment: Readonly<Record<string, string | undefined>>): AgentConfig {
  const set = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = Environment.safeParse(set);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
    throw new BadAgentConfig(`the agent cannot start:\n${problems.join('\n')}`);
  }
  const env = parsed.data;
  return {
    host: env.PLUMB_HOST,
    nats: { url: env.NATS_URL, login: loginOf(env), caFile: env.NATS_CA_FILE },
    stateDir: env.PLUMB_STATE_DIR,
    tunnelIp: env.PLUMB_TUNNEL_IP ?? null,
    bridgeMappings: env.PLUMB_BRIDGE_MAPPINGS,
    datapathType: env.PLUMB_DATAPATH_TYPE,
    ovsdb: env.PLUMB_OVSDB,
    health: env.PLUMB_HEALTH_SOCKET ?? env.PLUMB_HEALTH_PORT ?? null,
    resyncMs: env.PLUMB_RESYNC_SECONDS * 1_000,
    availabilityZone: env.PLUMB_AVAILABILITY_ZONE,
    logLevel: env.PLUMB_LOG_LEVEL,
  };
}

function loginOf(env: z.infer<typeof Environment>): NatsLogin {
  if (env.NATS_NKEY_FILE !== undefined) return { kind: 'nkey', seedFile: env.NATS_NKEY_FILE };
  if (env.NATS_USER !== undefined && env.NATS_PASSWORD_FILE !== undefined)
    return { kind: 'password', user: env.NATS_USER, passwordFile: env.NATS_PASSWORD_FILE };
  return { kind: 'none' };
}
