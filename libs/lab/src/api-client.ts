/** A client of the Networking API v2.0: JSON over HTTP, as any other client, with no knowledge of our implementation but `registered`. */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { logIn, type Login } from '@plumbline/identity';

const pollMs = 20;
const requestTimeoutMs = 15_000;

/** A request that the API refused; the message is the API's own. */
export class ApiRefused extends Error {
  constructor(
    readonly status: number,
    what: string,
    body: string,
  ) {
    super(`${what}: ${status} ${body}`);
  }
}

/** The attributes of each resource that the lab reads; others are ignored. */
export const Network = z.object({ id: z.string(), mtu: z.number().int() });
export const Subnet = z.object({ id: z.string(), cidr: z.string(), gateway_ip: z.string().nullable() });
export const Router = z.object({ id: z.string() });
export const Port = z.object({
  id: z.string(),
  mac_address: z.string(),
  'binding:vif_details': z.object({ ovs_hybrid_plug: z.boolean().optional() }).optional(),
  status: z.string(),
  fixed_ips: z.array(z.object({ subnet_id: z.string(), ip_address: z.string() })),
});
export const SecurityGroup = z.object({
  id: z.string(),
  security_group_rules: z.array(z.object({ direction: z.string(), protocol: z.string().nullable() })),
});
export const SecurityGroupRule = z.object({ id: z.string() });
export const FloatingIp = z.object({ id: z.string(), floating_ip_address: z.string(), status: z.string() });
export const Agent = z.object({ host: z.string(), binary: z.string(), alive: z.boolean() });

/** `security_group` has the path `security-groups`. */
const pathOf = (name: string): string => name.replaceAll('_', '-');

const Nodes = z.object({ nodes: z.array(z.object({ host: z.string(), node: z.object({}).nullable() })) });

export class ApiClient {
  private known: Promise<string> | null = null;

  /** `login` null: the API does not ask for one. */
  constructor(
    private readonly base: string,
    private readonly login: Login | null,
  ) {}

  /** A valid token; null: none is needed. `refresh`: gets a new one, because the API refused the last one. */
  async token(refresh = false): Promise<string | null> {
    if (this.login === null) return null;
    if (refresh) this.known = null;
    const asked = (this.known ??= logIn(this.login));
    return asked.catch((error: unknown) => {
      if (this.known === asked) this.known = null;
      throw error;
    });
  }

  /** True when the API answers there. */
  async answers(): Promise<boolean> {
    return this.request('GET', '/v2.0/networks?limit=1').then(
      () => true,
      () => false,
    );
  }

  async list<T>(collection: string, schema: z.ZodType<T>, query = ''): Promise<T[]> {
    const body = await this.request('GET', `/v2.0/${pathOf(collection)}${query}`);
    return z.object({ [collection]: z.array(schema) }).parse(body)[collection] ?? [];
  }

  /** Hosts of which the log knows what they say of themselves. Not of the Networking API: only Plumbline has it. */
  async registered(): Promise<ReadonlySet<string>> {
    const { nodes } = Nodes.parse(await this.request('GET', '/plumbline/v1/nodes'));
    return new Set(nodes.flatMap(({ host, node }) => (node === null ? [] : [host])));
  }

  async create<T>(member: string, schema: z.ZodType<T>, attributes: Record<string, unknown>): Promise<T> {
    const body = await this.request('POST', `/v2.0/${pathOf(member)}s`, { [member]: attributes });
    return schema.parse(pick(body, member));
  }

  async get<T>(member: string, schema: z.ZodType<T>, id: string): Promise<T> {
    return schema.parse(pick(await this.request('GET', `/v2.0/${pathOf(member)}s/${id}`), member));
  }

  async put(path: string, body: unknown): Promise<void> {
    await this.request('PUT', path, body);
  }

  /** Waits until the object's status is this. Throws with the status it had last. */
  async waitStatus(member: string, id: string, status: string, timeoutMs: number): Promise<void> {
    const WithStatus = z.object({ status: z.string() });
    let last = '';
    for (const until = Date.now() + timeoutMs; Date.now() < until; await delay(pollMs)) {
      last = (await this.get(member, WithStatus, id)).status;
      if (last === status) return;
    }
    throw new Error(`${member} ${id} is ${last} and does not become ${status} within ${timeoutMs / 1000} s`);
  }

  /** Sends one request with a token; resolves with the API's answer, whatever its status. */
  async send(method: string, path: string, body?: unknown): Promise<Response> {
    const response = await this.sendWith(await this.token(), method, path, body);
    if (response.status !== 401 || this.login === null) return response;
    return this.sendWith(await this.token(true), method, path, body);
  }

  private sendWith(token: string | null, method: string, path: string, body: unknown): Promise<Response> {
    return fetch(this.base + path, {
      method,
      signal: AbortSignal.timeout(requestTimeoutMs),
      headers: {
        ...(token === null ? {} : { 'X-Auth-Token': token }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  private async request(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await this.send(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new ApiRefused(response.status, `${method} ${path}`, text);
    return text === '' ? null : JSON.parse(text);
  }
}

function pick(body: unknown, member: string): unknown {
  return z.record(z.string(), z.unknown()).parse(body)[member];
}
