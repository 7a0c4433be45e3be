/**
 * Metadata from Nova: each question is asked anew of its metadata API, with who asks in headers that Nova believes because they are signed
 * (`service_metadata_proxy`, `metadata_proxy_shared_secret` in nova.conf). Of what the guest sent only what is listed here goes on.
 */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { say } from './say.js';
import type { Backend, Question } from './service.js';

export type NovaOptions = Readonly<{
  /** `http://controller:8775` or https. */
  url: string;
  /** Read at each question, so a new secret needs no restart. */
  secretFile: string;
  /** Default 20,000 ms. */
  timeoutMs?: number;
}>;

const PASSED_ON = ['accept', 'content-type', 'user-agent'] as const;
/** Of one hop only (RFC 9110, section 7.6.1). */
const OF_THE_HOP = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];

/** What Nova compares `X-Instance-ID-Signature` with. */
export const signatureOf = (instanceId: string, secret: string): string =>
  createHmac('sha256', secret).update(instanceId).digest('hex');

export class NovaBackend implements Backend {
  private readonly agent: http.Agent;
  private readonly client: typeof http | typeof https;

  constructor(private readonly options: NovaOptions) {
    this.client = options.url.startsWith('https:') ? https : http;
    this.agent = new this.client.Agent({ keepAlive: true, maxSockets: 64 });
  }

  async answer({ method, path, headers, body, port, source }: Question, reply: http.ServerResponse): Promise<void> {
    const { url, timeoutMs = 20_000 } = this.options;
    const { secret, reason } = this.readSecret();
    if (secret === null) return say(reply, 503, `The secret that Nova shares cannot be read: ${reason}`);
    const target = new URL(url);
    const asked = this.client.request({
      agent: this.agent,
      protocol: target.protocol,
      host: target.hostname.replace(/^\[|\]$/g, ''),
      port: target.port || (target.protocol === 'https:' ? 443 : 80),
      method,
      path: `${target.pathname.replace(/\/$/, '')}${path}`,
      timeout: timeoutMs,
      headers: {
        ...Object.fromEntries(
          PASSED_ON.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
        ),
        ...(body.length > 0 && { 'content-length': body.length }),
        'X-Forwarded-For': source,
        'X-Instance-ID': port.deviceId,
        'X-Tenant-ID': port.projectId,
        'X-Instance-ID-Signature': signatureOf(port.deviceId, secret),
      },
    });
    await new Promise<void>((done) => {
      const fail = (status: number, text: string): void => {
        if (reply.headersSent) reply.destroy();
        else say(reply, status, text);
        done();
      };
      asked.on('timeout', () => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)));
      asked.on('error', (error) => fail(502, `Nova's metadata API cannot be reached: ${error.message}`));
      asked.on('response', (answer) => {
        const passed = Object.entries(answer.headers).filter(([name]) => !OF_THE_HOP.includes(name));
        reply.writeHead(answer.statusCode ?? 502, Object.fromEntries(passed));
        answer.on('error', (error) => fail(502, error.message));
        answer.pipe(reply);
        reply.on('close', () => (asked.destroy(), done()));
      });
      asked.end(body);
    });
  }

  /** Why nobody can be answered, with who can mend it; null: nothing is known to be wrong. */
  trouble(): string | null {
    const { secret, reason } = this.readSecret();
    if (secret !== null) return null;
    return `guests get no metadata: the secret that Nova shares cannot be read (${reason}); an operator must put metadata_proxy_shared_secret of nova.conf into the file that PLUMB_NOVA_METADATA_SECRET_FILE names`;
  }

  private readSecret(): { secret: string; reason: null } | { secret: null; reason: string } {
    const { secretFile } = this.options;
    try {
      const secret = readFileSync(secretFile, 'utf8').trim();
      return secret === '' ? { secret: null, reason: `${secretFile} is empty` } : { secret, reason: null };
    } catch (error) {
      return { secret: null, reason: (error as Error).message };
    }
  }

  close(): void {
    this.agent.destroy();
  }
}
