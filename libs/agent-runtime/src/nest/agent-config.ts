/** An agent's configuration, from environment variables only: those that every agent reads, and the settings of its kind. */
import { isAbsolute } from 'node:path';
import { MachineName, ZoneName } from '@plumbline/contracts';
import { z } from 'zod';
import type { NatsAccess, NatsLogin } from '@plumbline/messaging/nats';

const natsUrl = z
  .string()
  .refine(
    (text) =>
      text
        .split(',')
        .every((part) => URL.canParse(part.trim()) && ['nats:', 'tls:'].includes(new URL(part.trim()).protocol)),
    { error: 'is not nats://host:port or tls://host:port (several: separated by commas)' },
  );

/** What every agent reads. */
const Common = z
  .object({
    PLUMB_HOST: z.string({ error: "is not set: this node's name, as in the API's binding:host_id" }).pipe(MachineName),
    NATS_URL: natsUrl.default('nats://127.0.0.1:4222'),
    NATS_NKEY_FILE: z.string().optional(),
    NATS_USER: z.string().optional(),
    NATS_PASSWORD_FILE: z.string().optional(),
    NATS_CA_FILE: z.string().optional(),
    PLUMB_STATE_DIR: z.string().refine(isAbsolute, { error: 'is not an absolute path' }).default('/var/lib/plumbline'),
    PLUMB_HEALTH_PORT: z.coerce.number().int().min(0).max(65535).optional(),
    PLUMB_HEALTH_SOCKET: z.string().refine(isAbsolute, { error: 'is not an absolute path' }).optional(),
    PLUMB_RESYNC_SECONDS: z.coerce.number().min(1).max(86_400).optional(),
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

/** Environment variables of one kind of agent: name -> how its text is read. A variable may be of several kinds. */
export type SettingsShape = z.ZodRawShape;
export type Settings<S extends SettingsShape> = z.infer<z.ZodObject<S>>;

export type AgentConfig<S extends SettingsShape = SettingsShape> = Readonly<{
  host: string;
  nats: NatsAccess;
  stateDir: string;
  /** Where health is served: a port of 127.0.0.1 or a socket; null: nowhere. */
  health: string | number | null;
  /** Mean time between full resyncs of the node; null: the agent's own. */
  resyncMs: number | null;
  /** Availability zone, which agents that carry something (routers) report. */
  availabilityZone: string;
  logLevel: string;
  /** The settings of its kind. */
  settings: Settings<S>;
}>;

/** The message names everything that is wrong with the environment, one line each. */
export class BadAgentConfig extends Error {
  override readonly name = 'BadAgentConfig';
}

type Environment = Readonly<Record<string, string | undefined>>;

/** An empty variable counts as not set. */
const without = (environment: Environment): Environment =>
  Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''));

/** The settings of one kind alone. Throws BadAgentConfig. */
export function readSettings<S extends SettingsShape>(environment: Environment, settings: S): Settings<S> {
  const parsed = z.object(settings).safeParse(without(environment));
  if (!parsed.success) throw badConfig(parsed.error.issues);
  return parsed.data;
}

/** Throws BadAgentConfig. Reads no file. */
export function readAgentConfig<S extends SettingsShape>(environment: Environment, settings: S): AgentConfig<S> {
  const set = without(environment);
  const [common, own] = [Common.safeParse(set), z.object(settings).safeParse(set)];
  if (!common.success || !own.success) throw badConfig([...(common.error?.issues ?? []), ...(own.error?.issues ?? [])]);
  const env = common.data;
  return {
    host: env.PLUMB_HOST,
    nats: { url: env.NATS_URL, login: loginOf(env), caFile: env.NATS_CA_FILE },
    stateDir: env.PLUMB_STATE_DIR,
    health: env.PLUMB_HEALTH_SOCKET ?? env.PLUMB_HEALTH_PORT ?? null,
    resyncMs: env.PLUMB_RESYNC_SECONDS === undefined ? null : env.PLUMB_RESYNC_SECONDS * 1_000,
    availabilityZone: env.PLUMB_AVAILABILITY_ZONE,
    logLevel: env.PLUMB_LOG_LEVEL,
    settings: own.data,
  };
}

const badConfig = (issues: readonly z.core.$ZodIssue[]): BadAgentConfig =>
  new BadAgentConfig(
    `the agent cannot start:\n${issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`).join('\n')}`,
  );

function loginOf(env: z.infer<typeof Common>): NatsLogin {
  if (env.NATS_NKEY_FILE !== undefined) return { kind: 'nkey', seedFile: env.NATS_NKEY_FILE };
  if (env.NATS_USER !== undefined && env.NATS_PASSWORD_FILE !== undefined)
    return { kind: 'password', user: env.NATS_USER, passwordFile: env.NATS_PASSWORD_FILE };
  return { kind: 'none' };
}
