/**
 * One request to the API, with errors that say what whoever typed the command can do about them. By node:http: fetch takes several times as long to load, and a command makes one
 * request or two.
 */

const ANSWER_WITHIN_MS = 30_000;

type Sent = Readonly<{ method?: string; headers?: Readonly<Record<string, string>>; body?: string }>;
type Answer = Readonly<{ status: number; statusText: string; text: string }>;

/** Nothing answers there. */
export class NoAnswer extends Error {
  constructor(
    url: string,
    readonly why: string,
  ) {
    super(`the API at ${url} does not answer (${why})`);
  }
}

export class ApiCall {
  /** `token`: of whom the API asks for; null when it needs no login. `as`: whose, for the message when it asks who you are: `an administrator`. */
  constructor(
    private readonly url: string,
    private readonly token: () => Promise<string | null>,
    private readonly as: string,
  ) {}

  /** Resolves when something answers there, whatever its health. Rejects with NoAnswer. */
  async answers(): Promise<void> {
    await this.fetched('/healthz', {});
  }

  /** An answer, whatever it says. Rejects with NoAnswer. */
  private async fetched(path: string, { method = 'GET', headers = {}, body = '' }: Sent): Promise<Answer> {
    const url = new URL(path, this.url);
    const { request } = await (url.protocol === 'https:' ? import('node:https') : import('node:http'));
    try {
      return await new Promise((resolve, reject) => {
        const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
        const sending = request(url, { method, headers, signal }, (answer) => {
          const parts: Buffer[] = [];
          answer.on('data', (part: Buffer) => parts.push(part));
          answer.on('error', reject);
          answer.on('end', () => {
            const { statusCode = 0, statusMessage = '' } = answer;
            resolve({ status: statusCode, statusText: statusMessage, text: Buffer.concat(parts).toString('utf8') });
          });
        });
        sending.on('error', reject);
        sending.end(body);
      });
    } catch (reason) {
      const cause = reason instanceof Error ? (reason.cause ?? reason) : reason;
      throw new NoAnswer(this.url, cause instanceof Error ? cause.message : String(cause));
    }
  }

  /** The answer's body; null when it has none. Rejects in words when there is no answer, or a refusal. */
  async send(method: string, path: string, body?: unknown): Promise<unknown> {
    const token = await this.token();
    const text = body === undefined ? undefined : JSON.stringify(body);
    const answer = await this.fetched(path, {
      method,
      headers: {
        ...(token !== null && { 'X-Auth-Token': token }),
        ...(text !== undefined && {
          'Content-Type': 'application/json',
          'Content-Length': String(Buffer.byteLength(text)),
        }),
      },
      ...(text !== undefined && { body: text }),
    });
    if (answer.status === 401)
      throw new Error(
        `the API at ${this.url} asks who you are: set OS_TOKEN, or OS_AUTH_URL, OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME of ${this.as}`,
      );
    if (answer.status >= 200 && answer.status < 300) return answer.text === '' ? null : JSON.parse(answer.text);
    throw new Error(`the API refused: ${(await messageIn(answer.text)) ?? answer.statusText}`);
  }
}

/** What reads it is loaded for it: most requests are answered. */
async function messageIn(text: string): Promise<string | undefined> {
  const { z } = await import('zod');
  const Said = z.object({ message: z.string() }).optional();
  try {
    const { NeutronError, error } = z.object({ NeutronError: Said, error: Said }).parse(JSON.parse(text));
    return (NeutronError ?? error)?.message;
  } catch {
    return undefined;
  }
}
