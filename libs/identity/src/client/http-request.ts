/** One HTTP request. By node:http: fetch takes several times as long to load, and a command makes one request or two. */
import type { IncomingHttpHeaders } from 'node:http';

export type HttpRequest = Readonly<{
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** How long the whole answer may take, in milliseconds. */
  withinMs: number;
}>;
export type HttpAnswer = Readonly<{ status: number; statusText: string; headers: IncomingHttpHeaders; text: string }>;

/** The answer, whatever its status. Rejects, with the reason in words, when there is none, or not all of it in time. Redirects are not followed. */
export async function httpRequest(
  url: URL,
  { method = 'GET', headers = {}, body = '', withinMs }: HttpRequest,
): Promise<HttpAnswer> {
  const { request } = await (url.protocol === 'https:' ? import('node:https') : import('node:http'));
  const length = body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(new Error(reasonOf(error, withinMs), { cause: error }));
    const signal = AbortSignal.timeout(withinMs);
    const sending = request(url, { method, headers: { ...headers, ...length }, signal }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('error', failed);
      answer.on('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          statusText: answer.statusMessage ?? '',
          headers: answer.headers,
          text: Buffer.concat(parts).toString('utf8'),
        }),
      );
    });
    sending.on('error', failed);
    sending.end(body);
  });
}

/** Why a request failed, in words. */
export function reasonOf(error: Error, withinMs: number): string {
  if (error.name === 'AbortError' || error.name === 'TimeoutError')
    return `no whole answer within ${withinMs / 1000} s`;
  // Of a name with several addresses none answered: the error itself says nothing.
  if (error instanceof AggregateError)
    return [...new Set(error.errors.map((each: Error) => each.message))].join('; ') || error.name;
  return error.message;
}
