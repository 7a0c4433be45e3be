/**
 * Nova and its Keystone as our API sees them, held to what the Compute API reference and Nova's own schema say: which bodies it takes, a code for each event, 404 when it
 * took none. It can be away, slow, forget tokens, and lose servers.
 */
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';

const Body = z.strictObject({
  events: z
    .array(
      z.strictObject({
        server_uuid: z.uuid(),
        name: z.enum(['network-changed', 'network-vif-plugged', 'network-vif-unplugged', 'network-vif-deleted']),
        status: z.enum(['failed', 'completed', 'in-progress']).optional(),
        tag: z.string().max(255).optional(),
      }),
    )
    .min(1),
});
export type Heard = z.infer<typeof Body>['events'][number] & Readonly<{ code: number; request: number }>;

export const PASSWORD = "nova's password";

export class NovaStandIn {
  /** Servers by id: on a host or on none. */
  readonly servers = new Map<string, string | null>();
  /** Every event of a request that was answered, with the code that its sender was told, in order. */
  readonly heard: Heard[] = [];
  /** Events of each request as it came, answered or not. */
  readonly asked: string[][] = [];
  /** What it said of bodies that no Nova would take. */
  readonly wrong: string[] = [];
  logins = 0;
  /** How long it takes to answer a request with events. */
  slowMs = 0;
  /** Is called with the number of each request once its answer is on its way. */
  answered: (request: number) => void = () => undefined;
  /** What it answers instead, while it is not well. */
  instead: Readonly<{ status: number; body: unknown }> | null = null;
  private readonly tokens = new Set<string>();
  private server: Server | null = null;
  private port = 0;

  static async start(): Promise<NovaStandIn> {
    const nova = new NovaStandIn();
    await nova.back();
    return nova;
  }

  get novaUrl(): string {
    return `http://127.0.0.1:${this.port}/v2.1`;
  }

  /** Lines of a file of credentials. */
  credentials(password = PASSWORD): string {
    return [
      `export OS_AUTH_URL=http://127.0.0.1:${this.port}/v3`,
      'export OS_USERNAME=neutron',
      `export OS_PASSWORD="${password}"`,
      "export OS_PROJECT_NAME='service'",
      'export OS_USER_DOMAIN_NAME=Default',
      'export OS_PROJECT_DOMAIN_NAME=Default',
      '',
    ].join('\n');
  }

  /** Connections are refused, and those that there are end. Repeatable. */
  async away(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (!server) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  async back(): Promise<void> {
    this.server = createServer(
      (request, response) => void this.serve(request, response).catch(() => response.destroy()),
    );
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  forgetTokens(): void {
    this.tokens.clear();
  }

  /** What was told of a port, in order. */
  of(portId: string): string[] {
    return this.heard.filter(({ tag, code }) => tag === portId && code === 200).map(({ name }) => name);
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const answer = (status: number, body: unknown, headers: Record<string, string> = {}): void =>
      void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    if (request.method === 'POST' && request.url?.startsWith('/v3/auth/tokens')) return this.logIn(text, answer);
    if (request.method !== 'POST' || request.url !== '/v2.1/os-server-external-events')
      return answer(404, { error: 'no such path' });
    if (!this.tokens.has(String(request.headers['x-auth-token'])))
      return answer(401, { error: { message: 'The request you have made requires authentication.', code: 401 } });
    const body = Body.safeParse(JSON.parse(text));
    if (!body.success) {
      this.wrong.push(`${text}: ${body.error.message}`);
      return answer(400, { badRequest: { message: 'Invalid input', code: 400 } });
    }
    const { events } = body.data;
    const number = this.asked.push(events.map(({ name, tag }) => `${name} ${tag}`)) - 1;
    if (this.slowMs > 0) await delay(this.slowMs);
    if (this.instead) return answer(this.instead.status, this.instead.body);
    if (response.destroyed) return;
    const judged = events.map((event) => {
      const host = this.servers.get(event.server_uuid);
      const code = host === undefined ? 404 : host === null ? 422 : 200;
      return { ...event, status: code === 200 ? 'completed' : 'failed', code } as const;
    });
    const none = judged.every(({ code }) => code !== 200);
    response.once('finish', () => {
      for (const [n, { code }] of judged.entries()) this.heard.push({ ...events[n]!, code, request: number });
      this.answered(number);
    });
    if (none) return answer(404, { itemNotFound: { message: 'No instances found for any event', code: 404 } });
    answer(judged.every(({ code }) => code === 200) ? 200 : 207, { events: judged });
  }

  private logIn(text: string, answer: (status: number, body: unknown, headers?: Record<string, string>) => void): void {
    const { auth } = JSON.parse(text) as { auth: { identity: { password: { user: object } }; scope: object } };
    const right = JSON.stringify([
      { name: 'neutron', domain: { name: 'Default' }, password: PASSWORD },
      { project: { name: 'service', domain: { name: 'Default' } } },
    ]);
    if (JSON.stringify([auth.identity.password.user, auth.scope]) !== right)
      return answer(401, { error: { message: 'The request you have made requires authentication.', code: 401 } });
    this.logins += 1;
    const token = randomUUID();
    this.tokens.add(token);
    answer(201, { token: { expires_at: '2100-01-01T00:00:00Z' } }, { 'x-subject-token': token });
  }
}
