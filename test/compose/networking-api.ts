/** The Networking API as curl in the `client` container speaks it: the API listens on a loopback that no process of the test can reach. */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Composition } from './composition.js';

const root = 'http://127.0.0.1:9696';
const Identified = z.object({ id: z.string() });

export const Port = Identified.extend({
  mac_address: z.string(),
  status: z.string(),
  fixed_ips: z.array(z.object({ ip_address: z.string() })).min(1),
});
export const FloatingIp = Identified.extend({ floating_ip_address: z.string(), status: z.string() });
export const Agent = z.object({ binary: z.string(), host: z.string(), alive: z.boolean() });

export class NetworkingApi {
  constructor(private readonly composition: Composition) {}

  private async request(method: string, path: string, body?: unknown): Promise<unknown> {
    const argv = [
      'curl',
      '--silent',
      '--show-error',
      '--max-time',
      '20',
      '--request',
      method,
      '--write-out',
      '\n%{http_code}',
    ];
    if (body !== undefined) argv.push('--header', 'Content-Type: application/json', '--data-binary', '@-');
    const input = body === undefined ? '' : JSON.stringify(body);
    const answer = await this.composition.exec('client', [...argv, `${root}${path}`], input);
    const end = answer.lastIndexOf('\n');
    const text = answer.slice(0, end);
    if (!answer.slice(end + 1).startsWith('2')) throw new Error(`${method} ${path}: ${answer.slice(end + 1)} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }

  async create<T extends z.ZodType = typeof Identified>(
    member: string,
    attributes: Record<string, unknown>,
    schema?: T,
  ): Promise<z.infer<T>> {
    const body = await this.request('POST', `/v2.0/${member.replaceAll('_', '-')}s`, { [member]: attributes });
    return (schema ?? Identified).parse(z.record(z.string(), z.unknown()).parse(body)[member]) as z.infer<T>;
  }

  async put(path: string, body: unknown): Promise<void> {
    await this.request('PUT', path, body);
  }

  async agents(): Promise<z.infer<typeof Agent>[]> {
    return z.object({ agents: z.array(Agent) }).parse(await this.request('GET', '/v2.0/agents')).agents;
  }

  /** Waits until the resource's status is ACTIVE. Rejects with the last status seen. */
  async active(member: string, id: string, timeoutMs: number): Promise<void> {
    let status = '';
    for (const until = Date.now() + timeoutMs; Date.now() < until; await delay(200)) {
      const body = await this.request('GET', `/v2.0/${member}s/${id}`);
      status = z.record(z.string(), z.object({ status: z.string() })).parse(body)[member]?.status ?? '';
      if (status === 'ACTIVE') return;
    }
    throw new Error(`${member} ${id} is ${status} and not ACTIVE after ${timeoutMs} ms`);
  }
}
