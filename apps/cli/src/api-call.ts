/** One request to the API, with errors that say what whoever typed the command can do about them. */
import { httpRequest, type HttpAnswer, type HttpRequest } from '@plumbline/identity/client';

const ANSWER_WITHIN_MS = 30_000;

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
  private async fetched(path: string, sent: Omit<HttpRequest, 'withinMs'>): Promise<HttpAnswer> {
    try {
      return await httpRequest(new URL(path, this.url), { ...sent, withinMs: ANSWER_WITHIN_MS });
    } catch (reason) {
      throw new NoAnswer(this.url, (reason as Error).message);
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
        ...(text !== undefined && { 'Content-Type': 'application/json' }),
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
