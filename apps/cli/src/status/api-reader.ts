/** GET requests to the API, with errors that say what an operator can do about them. */
import { z } from 'zod';

const ANSWER_WITHIN_MS = 10_000;

/** Nothing answers there, or something else than the API. */
export class Unreachable extends Error {}
/** The API answers, but with an error or with something unexpected. */
export class Refused extends Error {}

export class ApiReader {
  private known: Promise<string | null> | null = null;

  /** `token`: called once; null when requests need no token. */
  constructor(
    private readonly url: string,
    private readonly token: () => Promise<string | null>,
  ) {}

  /** Throws Unreachable. */
  async health<T>(schema: z.ZodType<T>): Promise<T> {
    // A failing API answers with another status, but with the same body.
    const { body } = await this.get('/healthz');
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    throw new Unreachable(`what answers at ${this.url} is not the API of Plumbline`);
  }

  /** How clients log in there, found out as a client does. */
  async authentication(): Promise<'none' | 'builtin' | 'keystone'> {
    const [asked, identity] = await Promise.all([this.get('/v2.0/extensions'), this.get('/v3')]);
    if (asked.status !== 401) return 'none';
    return identity.status === 200 ? 'builtin' : 'keystone';
  }

  /** The list under the key `collection` of the answer. Throws Unreachable and Refused. */
  async list<T>(path: string, collection: string, schema: z.ZodType<T>): Promise<T[]> {
    const { status, body } = await this.get(path, await this.tokenOnce());
    if (status === 401)
      throw new Refused(
        `the API at ${this.url} asks who you are: give --token, or set OS_TOKEN, or OS_AUTH_URL, OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME of an administrator`,
      );
    if (status !== 200) throw new Refused(`the API refused GET ${path}: ${messageOf(body) ?? status}`);
    const parsed = z.object({ [collection]: z.array(schema) }).safeParse(body);
    if (parsed.success) return parsed.data[collection] ?? [];
    throw new Refused(`the API answered GET ${path} with something else: ${z.prettifyError(parsed.error)}`);
  }

  private tokenOnce(): Promise<string | null> {
    return (this.known ??= this.token().catch((error: unknown) => {
      throw new Refused(error instanceof Error ? error.message : String(error));
    }));
  }

  private async get(path: string, token: string | null = null): Promise<{ status: number; body: unknown }> {
    try {
      const response = await fetch(this.url + path, {
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        ...(token !== null && { headers: { 'X-Auth-Token': token } }),
      });
      return { status: response.status, body: bodyOf(await response.text()) };
    } catch (error) {
      const { cause, message } = error as Error;
      const why = cause instanceof Error ? cause.message || String((cause as { code?: string }).code) : message;
      throw new Unreachable(`the API at ${this.url} does not answer: ${why}`, { cause: error });
    }
  }
}

function bodyOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const Message = z.object({ message: z.string() });
const Refusal = z.object({ NeutronError: Message.optional(), error: Message.optional() });

function messageOf(body: unknown): string | undefined {
  const { NeutronError, error } = Refusal.safeParse(body).data ?? {};
  return (NeutronError ?? error)?.message;
}
