/** Gets a token for the API as any client does: with a password, from Identity v3. */
import { z } from 'zod';

const ANSWER_WITHIN_MS = 10_000;

export type Login = Readonly<{
  /** `http://host:port/v3`. */
  authUrl: string;
  userName: string;
  projectName: string;
  password: string;
  userDomain?: string | undefined;
  projectDomain?: string | undefined;
}>;

/** The identity service does not answer. */
export class DoesNotAnswer extends Error {}

const Refusal = z.object({ error: z.object({ message: z.string() }) });

/** Throws with the identity service's own message, or DoesNotAnswer. */
export async function logIn(login: Login): Promise<string> {
  const { authUrl, userName, projectName, password } = login;
  const user = { name: userName, domain: { id: login.userDomain ?? 'default' }, password };
  const scope = { project: { name: projectName, domain: { id: login.projectDomain ?? 'default' } } };
  const response = await fetch(`${authUrl.replace(/\/+$/, '')}/auth/tokens?nocatalog`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ auth: { identity: { methods: ['password'], password: { user } }, scope } }),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  }).catch((error: Error) => {
    throw new DoesNotAnswer(`${authUrl} does not answer: ${((error.cause as Error | undefined) ?? error).message}`, {
      cause: error,
    });
  });
  const token = response.headers.get('x-subject-token');
  const text = await response.text();
  if (response.ok && token !== null) return token;
  throw new Error(`${authUrl} does not let ${userName} into ${projectName}: ${messageOf(text) ?? response.status}`);
}

/** A token by the OpenStack clients' environment variables: OS_TOKEN, or OS_AUTH_URL with OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME. Null when none is set. */
export async function tokenFromEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string | null> {
  if (env['OS_TOKEN']) return env['OS_TOKEN'];
  if (!env['OS_AUTH_URL']) return null;
  const [userName = '', password = '', projectName = ''] = ['OS_USERNAME', 'OS_PASSWORD', 'OS_PROJECT_NAME'].map(
    (name) => {
      const value = env[name];
      if (!value) throw new Error(`OS_AUTH_URL is set, and ${name} is not: both are needed to log in`);
      return value;
    },
  );
  const domains = { userDomain: env['OS_USER_DOMAIN_ID'], projectDomain: env['OS_PROJECT_DOMAIN_ID'] };
  return logIn({ authUrl: env['OS_AUTH_URL'], userName, password, projectName, ...domains });
}

function messageOf(text: string): string | undefined {
  try {
    return Refusal.safeParse(JSON.parse(text)).data?.error.message;
  } catch {
    return undefined;
  }
}
