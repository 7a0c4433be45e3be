/** Reads from the environment which of the three ways to log in the operator chose. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { readIdentityFile } from '../file/identity-file.js';
import { readTokenKey } from '../file/token-key.js';

export type NoLoginConfig = Readonly<{ kind: 'none' }>;
export type BuiltinConfig = Readonly<{
  kind: 'builtin';
  identityFile: string;
  tokenKeyFile: string;
  tokenHours: number;
}>;
export type KeystoneConfig = Readonly<{
  kind: 'keystone';
  /** `http://host:5000/v3`, no slash at its end. */
  url: string;
  userName: string;
  projectName: string;
  userDomain: string;
  projectDomain: string;
  passwordFile: string;
  /** How long a token that Keystone found valid is accepted without asking again. */
  cacheSeconds: number;
  /** How much longer it is accepted while Keystone does not answer. */
  graceSeconds: number;
}>;
export type LoginConfig = NoLoginConfig | BuiltinConfig | KeystoneConfig;

/** A whole number within these bounds, written in digits. */
export const wholeNumber = (least: number, most: number) =>
  z.string().transform((text, context) => {
    const value = Number(text);
    if (/^\d{1,9}$/.test(text) && value >= least && value <= most) return value;
    context.addIssue({ code: 'custom', message: `'${text}' is not a whole number from ${least} to ${most}` });
    return z.NEVER;
  });

/** The part of the environment that this file reads. */
export const LOGIN_ENVIRONMENT = {
  PLUMB_AUTH: z.enum(['none', 'builtin', 'keystone'], { error: 'must be none, builtin or keystone' }).default('none'),
  PLUMB_IDENTITY_FILE: z.string().optional(),
  PLUMB_TOKEN_KEY_FILE: z.string().optional(),
  PLUMB_TOKEN_HOURS: wholeNumber(1, 24 * 365).prefault('12'),
  PLUMB_KEYSTONE_URL: z
    .string()
    .regex(/^https?:\/\/[^/\s]+(\/.*)?\/v3\/?$/, { error: "is not Keystone's v3, for example http://keystone:5000/v3" })
    .transform((text) => text.replace(/\/+$/, ''))
    .optional(),
  PLUMB_KEYSTONE_USER: z.string().optional(),
  PLUMB_KEYSTONE_PROJECT: z.string().optional(),
  PLUMB_KEYSTONE_USER_DOMAIN: z.string().default('Default'),
  PLUMB_KEYSTONE_PROJECT_DOMAIN: z.string().default('Default'),
  PLUMB_KEYSTONE_PASSWORD_FILE: z.string().optional(),
  PLUMB_KEYSTONE_CACHE_SECONDS: wholeNumber(0, 3600).prefault('60'),
  PLUMB_KEYSTONE_GRACE_SECONDS: wholeNumber(0, 86_400).prefault('600'),
};
export type LoginEnvironment = z.infer<z.ZodObject<typeof LOGIN_ENVIRONMENT>>;

/** What is missing or cannot be read, one line each. */
export function loginProblems(env: LoginEnvironment): string[] {
  if (env.PLUMB_AUTH === 'none') return [];
  const wanted =
    env.PLUMB_AUTH === 'builtin'
      ? (['PLUMB_IDENTITY_FILE', 'PLUMB_TOKEN_KEY_FILE'] as const)
      : ([
          'PLUMB_KEYSTONE_URL',
          'PLUMB_KEYSTONE_USER',
          'PLUMB_KEYSTONE_PROJECT',
          'PLUMB_KEYSTONE_PASSWORD_FILE',
        ] as const);
  const missing = wanted
    .filter((name) => env[name] === undefined)
    .map((name) => `${name}: is not set, and PLUMB_AUTH=${env.PLUMB_AUTH} needs it`);
  if (env.PLUMB_AUTH === 'keystone')
    return [...missing, ...given(env.PLUMB_KEYSTONE_PASSWORD_FILE).flatMap(unreadable)];
  return [
    ...missing,
    ...given(env.PLUMB_IDENTITY_FILE).flatMap((file) => failing(() => readIdentityFile(file))),
    ...given(env.PLUMB_TOKEN_KEY_FILE).flatMap((file) => failing(() => readTokenKey(file))),
  ].map((problem) => (problem.includes('ENOENT') ? `${problem} ("plumb user add" makes it)` : problem));
}

/** Only after loginProblems found none. */
export function loginConfigOf(env: LoginEnvironment): LoginConfig {
  if (env.PLUMB_AUTH === 'builtin')
    return {
      kind: 'builtin',
      identityFile: env.PLUMB_IDENTITY_FILE ?? '',
      tokenKeyFile: env.PLUMB_TOKEN_KEY_FILE ?? '',
      tokenHours: env.PLUMB_TOKEN_HOURS,
    };
  if (env.PLUMB_AUTH === 'none') return { kind: 'none' };
  return {
    kind: 'keystone',
    url: env.PLUMB_KEYSTONE_URL ?? '',
    userName: env.PLUMB_KEYSTONE_USER ?? '',
    projectName: env.PLUMB_KEYSTONE_PROJECT ?? '',
    userDomain: env.PLUMB_KEYSTONE_USER_DOMAIN,
    projectDomain: env.PLUMB_KEYSTONE_PROJECT_DOMAIN,
    passwordFile: env.PLUMB_KEYSTONE_PASSWORD_FILE ?? '',
    cacheSeconds: env.PLUMB_KEYSTONE_CACHE_SECONDS,
    graceSeconds: env.PLUMB_KEYSTONE_GRACE_SECONDS,
  };
}

const given = (file: string | undefined): string[] => (file === undefined ? [] : [file]);

/** One line if the file cannot be read, else none. */
export const unreadable = (file: string): string[] =>
  failing(() => readFileSync(file)).map((problem) => `${file}: cannot be read: ${problem}`);

function failing(read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}
