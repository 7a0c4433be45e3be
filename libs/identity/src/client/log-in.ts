/** Gets a token for the API as any client does: with a password, from Identity v3. */
import { readFileSync } from 'node:fs';
import { httpRequest } from './http-request.js';

const ANSWER_WITHIN_MS = 10_000;

export type Login = Readonly<{
  /** `http://host:port/v3`. */
  authUrl: string;
  userName: string;
  projectName: string;
  password: string;
  /** Ids; default: `default`. */
  userDomain?: string | undefined;
  projectDomain?: string | undefined;
  /** Names, in the place of the ids. */
  userDomainName?: string | undefined;
  projectDomainName?: string | undefined;
}>;

/** The identity service does not answer. */
export class DoesNotAnswer extends Error {}

/** Throws with the identity service's own message, or DoesNotAnswer. */
export async function logIn(login: Login): Promise<string> {
  const { authUrl, userName, projectName, password } = login;
  const domain = (name: string | undefined, id = 'default') => (name === undefined ? { id } : { name });
  const user = { name: userName, domain: domain(login.userDomainName, login.userDomain), password };
  const project = { name: projectName, domain: domain(login.projectDomainName, login.projectDomain) };
  const scope = { project };
  const url = URL.parse(`${authUrl.replace(/\/+$/, '')}/auth/tokens?nocatalog`);
  if (!url || !/^https?:$/.test(url.protocol)) throw new Error(`${authUrl} is no http:// or https:// URL`);
  const { status, headers, text } = await httpRequest(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ auth: { identity: { methods: ['password'], password: { user } }, scope } }),
    withinMs: ANSWER_WITHIN_MS,
  }).catch((error: Error) => {
    throw new DoesNotAnswer(`${authUrl} does not answer: ${error.message}`, { cause: error });
  });
  const token = headers['x-subject-token'];
  if (status >= 200 && status < 300 && typeof token === 'string') return token;
  throw new Error(`${authUrl} does not let ${userName} into ${projectName}: ${messageOf(text) ?? status}`);
}

/** A token by the OpenStack clients' environment variables: OS_TOKEN, or OS_AUTH_URL with OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME. Null when none is set. */
export async function tokenFromEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string | null> {
  if (env['OS_TOKEN']) return env['OS_TOKEN'];
  const login = loginOf(env);
  return login && logIn(login);
}

/** By the same variables; null without OS_AUTH_URL. Throws when one of the others that are needed is missing. */
export function loginOf(env: Readonly<Record<string, string | undefined>>): Login | null {
  const authUrl = env['OS_AUTH_URL'];
  if (!authUrl) return null;
  const [userName = '', password = '', projectName = ''] = ['OS_USERNAME', 'OS_PASSWORD', 'OS_PROJECT_NAME'].map(
    (name) => {
      const value = env[name];
      if (!value) throw new Error(`OS_AUTH_URL is set, and ${name} is not: both are needed to log in`);
      return value;
    },
  );
  const domains = {
    userDomain: env['OS_USER_DOMAIN_ID'],
    projectDomain: env['OS_PROJECT_DOMAIN_ID'],
    userDomainName: env['OS_USER_DOMAIN_NAME'],
    projectDomainName: env['OS_PROJECT_DOMAIN_NAME'],
  };
  return { authUrl, userName, password, projectName, ...domains };
}

const ASSIGNMENT = /^\s*(?:export\s+)?(OS_[A-Z_]+)=(.*?)\s*$/;
const QUOTED = /^'([^']*)'$|^"([^"$`\\]*)"$/;

/**
 * A login from a file of such variables, one a line, as clients' openrc files have them: `export OS_USERNAME=nova`. Values are as they stand, or in quotes; nothing
 * is expanded. Throws when the file cannot be read, or does not say who logs in where.
 */
export function loginFromFile(file: string): Login {
  const assigned = readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, name, value = ''] = ASSIGNMENT.exec(line) ?? [];
      if (name === undefined) return [];
      const quoted = QUOTED.exec(value);
      if (!quoted && /^['"]/.test(value))
        throw new Error(`${name}: put its value into single quotes, and no such quote into it`);
      return [[name, quoted ? (quoted[1] ?? quoted[2] ?? '') : value] as const];
    });
  const login = loginOf(Object.fromEntries(assigned));
  if (!login) throw new Error('OS_AUTH_URL is not set in it, for example OS_AUTH_URL=http://keystone:5000/v3');
  return login;
}

function messageOf(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } };
    return typeof error?.message === 'string' ? error.message : undefined;
  } catch {
    return undefined;
  }
}
