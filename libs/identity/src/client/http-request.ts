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

/** The answer, whatever its status. Rejects when there is none, or not all of it in time. Redirects are not followed. */
export async function httpRequest(
  url: URL,
  { method = 'GET', headers = {}, body = '', withinMs }: HttpRequest,
): Promise<HttpAnswer> {
  const { request } = await (url.protocol === 'https:' ? import('node:https') : import('node:http'));
  const length = body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(withinMs);
    const sending = request(url, { method, headers: { ...headers, ...length }, signal }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          statusText: answer.statusMessage ?? '',
          headers: answer.headers,
          text: Buffer.concat(parts).toString('utf8'),
        }),
      );
    });
    sending.on('error', reject);
    sending.end(body);
  });
}
