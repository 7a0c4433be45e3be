/** What an operator may set, from the environment. Everything wrong is said at once, in words, before anything starts. */
import { isIP } from 'node:net';
import { PhysicalNetwork, VlanId } from '@plumbline/contracts';
import type { SegmentPolicy, VlanRange } from '@plumbline/domain';
import { loginFromFile } from '@plumbline/identity';
import {
  LOGIN_ENVIRONMENT,
  type LoginConfig,
  loginConfigOf,
  loginProblems,
  unreadable,
  wholeNumber,
} from '@plumbline/identity/login';
import type { NatsAccess, NatsLogin } from '@plumbline/messaging/nats';
import { z } from 'zod';
import { parseProxies } from './identity/client-address.js';
import { parseQuotas } from './quotas-text.js';

export type Config = Readonly<{
  listen: Readonly<{ host: string; port: number }>;
  databaseUrl: string;
  nats: NatsAccess;
  auth: LoginConfig;
  /** As clients reach us, when that is not the address they name: behind a proxy that ends TLS. */
  publicUrl: string | undefined;
  /** Proxies whose word about the client's address counts, as prefixes; none: the address of the connection. */
  trustedProxies: readonly string[];
  logLevel: string;
  segments: SegmentPolicy;
  /** Requests a second that one project may make; 0: any number. */
  requestsPerSecond: number;
  /** Most items that one answer holds; a longer list comes in pages. */
  listLimit: number;
  /** Within which a request must have come whole. */
  requestSeconds: number;
  /** Within which a list is read: once it has its turn, and before that as long again waiting for it. */
  listSeconds: number;
  /** Lists of one project that are read at the same time. */
  listsPerProject: number;
  /** Connections to the database by what they are for; beside them 1 for health, 2 for what people change of agents and credentials, 5 for the log. */
  connections: Readonly<{ lists: number; lookups: number; reports: number }>;
  /** Most of each resource that a project may have by default; -1: any number. */
  quotas: Readonly<Record<string, number>>;
  /** Nova, which hears of its servers' ports; null: nobody does. */
  nova: NovaConfig | null;
  /** DHCP servers that a network gets. */
  dhcpAgentsPerNetwork: number;
  /** With a dot at its end. */
  dnsDomain: string;
}>;

/** `url`: of the Compute API, no slash at its end. `credentialsFile`: who speaks to it. */
export type NovaConfig = Readonly<{ url: string; credentialsFile: string }>;

/** All that is wrong with the environment, one line each. */
export class BadConfig extends Error {
  override readonly name = 'BadConfig';
  constructor(readonly problems: readonly string[]) {
    super(`plumb api cannot start:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  }
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const listen = z.string().transform((text, context) => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  if (!match || port > 65535 || (isIP(host) === 0 && host !== 'localhost')) {
    context.addIssue({
      code: 'custom',
      message: `'${text}' is not address:port, for example 127.0.0.1:9696 or [::1]:9696`,
    });
    return z.NEVER;
  }
  return { host, port };
});

/** Not parsed further: PostgreSQL's own form has no host when it means a unix socket, which URL does not know. */
const url = (schemes: readonly string[]) =>
  z.string().refine((text) => schemes.some((scheme) => text.startsWith(`${scheme}://`)), {
    error: `does not start with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
  });

const vlanRanges = z.string().transform((text, context): readonly VlanRange[] =>
  text
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const [physicalNetwork = '', first = '', last = ''] = part.split(':');
      const range = { physicalNetwork, first: Number(first), last: Number(last) };
      const good =
        PhysicalNetwork.safeParse(physicalNetwork).success &&
        VlanId.safeParse(range.first).success &&
        VlanId.safeParse(range.last).success &&
        range.first <= range.last;
      if (!good)
        context.addIssue({
          code: 'custom',
          message: `'${part}' is not physical-network:first:last, for example physnet2:100:199`,
        });
      return range;
    }),
);

const Environment = z.object({
  PLUMB_LISTEN: listen.prefault('127.0.0.1:9696'),
  DATABASE_URL: z
    .string({ error: 'is not set: give the service login of PostgreSQL, postgresql://user:password@host/database' })
    .pipe(url(['postgres', 'postgresql'])),
  NATS_URL: url(['nats', 'tls']).default('nats://127.0.0.1:4222'),
  NATS_NKEY_FILE: z.string().optional(),
  NATS_USER: z.string().optional(),
  NATS_PASSWORD_FILE: z.string().optional(),
  NATS_CA_FILE: z.string().optional(),
  ...LOGIN_ENVIRONMENT,
  PLUMB_PUBLIC_URL: url(['http', 'https'])
    .transform((text) => text.replace(/\/+$/, ''))
    .optional(),
  PLUMB_TRUSTED_PROXIES: z
    .string()
    .transform((text, context) => {
      const { prefixes, problems } = parseProxies(text);
      for (const message of problems) context.addIssue({ code: 'custom', message });
      return prefixes;
    })
    .prefault(''),
  PLUMB_LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }).default('info'),
  PLUMB_VLAN_RANGES: vlanRanges.prefault(''),
  PLUMB_REQUESTS_PER_SECOND: wholeNumber(0, 1_000_000).prefault('1000'),
  PLUMB_REQUEST_SECONDS: wholeNumber(1, 600).prefault('30'),
  PLUMB_LIST_LIMIT: wholeNumber(1, 1_000_000).prefault('10000'),
  PLUMB_LIST_SECONDS: wholeNumber(1, 600).prefault('10'),
  PLUMB_LISTS_PER_PROJECT: wholeNumber(1, 100).prefault('2'),
  PLUMB_LIST_CONNECTIONS: wholeNumber(1, 100).prefault('8'),
  PLUMB_LOOKUP_CONNECTIONS: wholeNumber(1, 100).prefault('4'),
  PLUMB_REPORT_CONNECTIONS: wholeNumber(1, 100).prefault('2'),
  PLUMB_QUOTAS: z
    .string()
    .transform((text, context) => {
      const { quotas, problems } = parseQuotas(text);
      for (const message of problems) context.addIssue({ code: 'custom', message });
      return quotas;
    })
    .prefault(''),
  PLUMB_NOVA_URL: z
    .string()
    .regex(/^https?:\/\/[^/\s]+(\/.*)?\/v2(\.1)?\/?$/, {
      error: 'is not the address of the Compute API, for example http://nova:8774/v2.1',
    })
    .transform((text) => text.replace(/\/+$/, ''))
    .optional(),
  PLUMB_NOVA_CREDENTIALS_FILE: z.string().optional(),
  PLUMB_DHCP_AGENTS_PER_NETWORK: wholeNumber(1, 16).prefault('1'),
  PLUMB_DNS_DOMAIN: z
    .string()
    .regex(/^([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.?)+$/, {
      error: 'is not a domain name, for example example.org.',
    })
    .max(253)
    .transform((text) => (text.endsWith('.') ? text : `${text}.`))
    .prefault('openstacklocal.'),
});

/** Settings of earlier releases that change nothing any more, and why. */
const LEFT_OVER: Readonly<Record<string, string>> = {
  PLUMB_UNENFORCED_SECURITY_GROUPS:
    'a port with port security is bound only to a node that enforces it: see PLUMB_FIREWALL of its OVS agent',
};

/** Those of them that are set; an empty one counts as not set. */
export const leftOver = (
  environment: Readonly<Record<string, string | undefined>>,
): readonly Readonly<{ setting: string; why: string }>[] =>
  Object.entries(LEFT_OVER).flatMap(([setting, why]) => (environment[setting] ? [{ setting, why }] : []));

/** VNIs that may be chosen; a client may name any other. */
const VNI_RANGE = { first: 1, last: 65_535 } as const;

/** Throws BadConfig. Empty is as not set. Files are tried, not kept: secrets are read where they are used. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const parsed = Environment.safeParse(
    Object.fromEntries(Object.entries(environment).filter(([, text]) => text !== undefined && text !== '')),
  );
  if (!parsed.success)
    throw new BadConfig(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  const env = parsed.data;
  const problems = [
    ...loopbackProblems(env.PLUMB_AUTH, env.PLUMB_LISTEN.host),
    ...natsLoginProblems(env),
    ...loginProblems(env),
    ...novaProblems(env),
  ];
  if (problems.length > 0) throw new BadConfig(problems);
  return {
    listen: env.PLUMB_LISTEN,
    databaseUrl: env.DATABASE_URL,
    nats: { url: env.NATS_URL, login: natsLoginOf(env), caFile: env.NATS_CA_FILE },
    auth: loginConfigOf(env),
    publicUrl: env.PLUMB_PUBLIC_URL,
    trustedProxies: env.PLUMB_TRUSTED_PROXIES,
    logLevel: env.PLUMB_LOG_LEVEL,
    segments: { vlanRanges: env.PLUMB_VLAN_RANGES, vniRange: VNI_RANGE },
    requestsPerSecond: env.PLUMB_REQUESTS_PER_SECOND,
    requestSeconds: env.PLUMB_REQUEST_SECONDS,
    listLimit: env.PLUMB_LIST_LIMIT,
    listSeconds: env.PLUMB_LIST_SECONDS,
    listsPerProject: env.PLUMB_LISTS_PER_PROJECT,
    connections: {
      lists: env.PLUMB_LIST_CONNECTIONS,
      lookups: env.PLUMB_LOOKUP_CONNECTIONS,
      reports: env.PLUMB_REPORT_CONNECTIONS,
    },
    quotas: env.PLUMB_QUOTAS,
    nova: novaOf(env),
    dhcpAgentsPerNetwork: env.PLUMB_DHCP_AGENTS_PER_NETWORK,
    dnsDomain: env.PLUMB_DNS_DOMAIN,
  };
}

/** Without login everybody who reaches the port is the administrator. */
function loopbackProblems(auth: LoginConfig['kind'], host: string): string[] {
  const isLoopback = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  return auth === 'none' && !isLoopback
    ? [
        `PLUMB_LISTEN: '${host}' is not a loopback address, and PLUMB_AUTH=none lets everybody do everything; listen on 127.0.0.1, or let people log in (PLUMB_AUTH=builtin or keystone)`,
      ]
    : [];
}

type Env = z.infer<typeof Environment>;

function novaProblems({ PLUMB_NOVA_URL: url, PLUMB_NOVA_CREDENTIALS_FILE: file }: Env): string[] {
  if ((url === undefined) !== (file === undefined))
    return ['PLUMB_NOVA_URL and PLUMB_NOVA_CREDENTIALS_FILE: give both or none'];
  if (file === undefined) return [];
  try {
    loginFromFile(file);
    return [];
  } catch (error) {
    return [`PLUMB_NOVA_CREDENTIALS_FILE: ${file}: ${(error as Error).message}`];
  }
}

function novaOf({ PLUMB_NOVA_URL: url, PLUMB_NOVA_CREDENTIALS_FILE: credentialsFile }: Env): NovaConfig | null {
  return url === undefined || credentialsFile === undefined ? null : { url, credentialsFile };
}

function natsLoginProblems(env: Env): string[] {
  const { NATS_NKEY_FILE: nkey, NATS_USER: user, NATS_PASSWORD_FILE: password } = env;
  if (nkey !== undefined && user !== undefined) return ['NATS_NKEY_FILE and NATS_USER: give one of them'];
  if ((user === undefined) !== (password === undefined)) return ['NATS_USER and NATS_PASSWORD_FILE: give both or none'];
  return [nkey, password].flatMap((file) => (file === undefined ? [] : unreadable(file)));
}

function natsLoginOf({ NATS_NKEY_FILE: seedFile, NATS_USER: user, NATS_PASSWORD_FILE: passwordFile }: Env): NatsLogin {
  if (seedFile !== undefined) return { kind: 'nkey', seedFile };
  if (user !== undefined && passwordFile !== undefined) return { kind: 'password', user, passwordFile };
  return { kind: 'none' };
}
