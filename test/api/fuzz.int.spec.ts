/**
 * Requests to every declared resource, with values of its types and with arbitrary ones. None may cause a server error or an answer in another form than the
 * reference's, make the process grow, or put something into the log that cannot be read or that a node would take as syntax.
 *
 * 5000 of them, and more in a longer run (`npm run test:long`), which draws others each time. A failure names its seed: PLUMB_TEST_SEED draws the same again.
 */
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent, request as httpRequest } from 'node:http';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AnyObject, EVENTS, type EventType } from '@plumbline/contracts';
import { render as renderRouters, savedFrom } from '@plumbline/l3-core';
import {
  flowLine,
  actionsOn,
  type ObservedBridge,
  type ObservedPort,
  render as renderSwitch,
} from '@plumbline/ovs-core';
import { objectsOf } from '@plumbline/topology';
import fc from 'fast-check';
import { effort, seed, times } from '../../tools/jest/effort.mjs';
import { viewFromDatabase } from '../../apps/cli/src/replay/database-view.js';
import { viewOf } from '../../apps/cli/src/replay/view-source.js';
import { IdentityProcess } from './identity-process.js';
import { ObservedNode } from './observed.js';
import { filled } from './fuzz-values.js';
import { anyRequest, partsOf, type Request, type Who } from './fuzz-requests.js';

const PLUMB = new URL('../../apps/cli/dist/main.js', import.meta.url).pathname;
const REQUESTS = times(5000);
const SEED = seed ?? (effort > 1 ? randomInt(2 ** 31) : 20240229);
const BATCH = 250;
const AT_ONCE = 12;
/** Growth beyond this after the warm-up is a leak: the requests make only a few hundred objects. */
const MOST_GROWTH_BYTES = 64 * 1024 * 1024;
/** The heap's limit: a leak ends the process. */
const HEAP_MEGABYTES = 192;
const USERS = [
  { name: 'admin', project: 'ops', role: 'admin' },
  { name: 'member', project: 'p1', role: 'member' },
] as const;
const HOSTS = ['fuzz1', 'fuzz2'] as const;

type Answer = Readonly<{ path: string; status: number; type: string; body: string }>;

let identity: IdentityProcess;
const nodes: ObservedNode[] = [];
let tokens: Readonly<Record<Who, string | undefined>>;
const ids = new Map<string, string[]>();
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

beforeAll(async () => {
  identity = await IdentityProcess.start(USERS, {
    PLUMB_QUOTAS: '*=-1',
    PLUMB_REQUESTS_PER_SECOND: '0',
    PLUMB_VLAN_RANGES: 'physnet1:100:999',
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MEGABYTES}`,
  });
  tokens = {
    admin: await identity.token('admin', 'ops'),
    member: await identity.token('member', 'p1'),
    nobody: undefined,
  };
  for (const [n, host] of HOSTS.entries()) nodes.push(await ObservedNode.start(identity.api, host, `192.0.2.${n + 1}`));
  // The agents must stay alive for the whole test, although they no longer report.
  await identity.api.database.query(`UPDATE plumbline.agents SET heartbeat_at = now() + interval '1 day'`);
  await aSmallCloud();
});
afterAll(async () => {
  agent.destroy();
  for (const node of nodes) await node.stop();
  await identity?.stop();
});

function send({ who, method, path, headers, body }: Request): Promise<Answer> {
  const idOf = (resource: string, n: number): string => {
    const known = ids.get(resource) ?? [];
    return known[n % known.length] ?? '00000000-0000-4000-8000-000000000001';
  };
  const { hostname, port } = new URL(identity.api.url);
  const token = tokens[who];
  const raw = body === undefined ? undefined : filled(body, idOf);
  const where = filled(path, idOf).replace(/[^\x21-\x7e]/g, '%00');
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      {
        agent,
        hostname,
        port,
        method,
        path: where,
        headers: {
          ...(token !== undefined && { 'x-auth-token': token }),
          ...(raw !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(raw) }),
          ...Object.fromEntries(headers),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('end', () =>
          resolve({
            path: where,
            status: response.statusCode ?? 0,
            type: response.headers['content-type'] ?? '',
            body: Buffer.concat(chunks).toString(),
          }),
        );
        response.once('error', reject);
      },
    );
    sent.once('error', reject);
    sent.end(raw);
  });
}

/** Remembers which objects were made, so that later requests can name them. */
function learn({ path, status, body }: Answer): void {
  if (status !== 201 || body === '') return;
  for (const [name, value] of Object.entries(JSON.parse(body) as Record<string, unknown>))
    for (const made of Array.isArray(value) ? (value as { id?: string }[]) : [value as { id?: string }]) {
      if (made === null || typeof made !== 'object' || typeof made.id !== 'string') continue;
      const resource = Array.isArray(value) ? name.replace(/ies$/, 'y').replace(/s$/, '') : name;
      remember(resource, made.id);
      const [, , above = '', whole = '', part] = path.split('/');
      if (part !== undefined) remember(partsOf(above.replace(/s$/, '')), `${whole}/${part}/${made.id}`);
    }
}

function remember(kind: string, id: string): void {
  ids.set(kind, [...(ids.get(kind) ?? []), id].slice(-60));
}

/** Networks of each kind, with routers, ports on both nodes and floating IPs: so that hostile values reach existing objects. */
async function aSmallCloud(): Promise<void> {
  const make = async (path: string, name: string, fields: object): Promise<string> => {
    const answer = await send({
      who: 'admin',
      method: 'POST',
      path: `/v2.0/${path}`,
      headers: [],
      body: JSON.stringify({ [name]: fields }),
    });
    if (answer.status !== 201) return ids.get(name)?.at(-1) ?? '';
    learn(answer);
    return ids.get(name)?.at(-1) as string;
  };
  const n = (ids.get('network')?.length ?? 0) % 24;
  const outside = await make('networks', 'network', { 'router:external': true });
  await make('subnets', 'subnet', { network_id: outside, ip_version: 4, cidr: '203.0.113.0/24' });
  const inside = await make('networks', 'network', { name: 'inside' });
  const subnet = await make('subnets', 'subnet', { network_id: inside, ip_version: 4, cidr: `10.0.${n}.0/24` });
  const six = await make('subnets', 'subnet', { network_id: inside, ip_version: 6, cidr: `fd00:0:0:${n}::/64` });
  const router = await make('routers', 'router', { external_gateway_info: { network_id: outside } });
  for (const subnet_id of [subnet, six])
    await send({
      who: 'admin',
      method: 'PUT',
      path: `/v2.0/routers/${router}/add_router_interface`,
      headers: [],
      body: JSON.stringify({ subnet_id }),
    });
  for (const host of HOSTS) {
    const port = await make('ports', 'port', { network_id: inside, 'binding:host_id': host });
    await make('floatingips', 'floatingip', { floating_network_id: outside, port_id: port });
  }
  const free = await make('floatingips', 'floatingip', { floating_network_id: outside });
  const inner = { network_id: inside, 'binding:host_id': HOSTS[0] };
  const lead = {
    protocol: 'tcp',
    internal_port_id: await make('ports', 'port', inner),
    internal_port: 80,
    external_port: 8080,
  };
  for (const path of [`floatingips/${free}`, `routers/${router}`])
    await make(`${path}/port_forwardings`, 'port_forwarding', { ...lead, external_port: 8080 });
  const group = await make('security-groups', 'security_group', { name: 'g' });
  await make('security-group-rules', 'security_group_rule', {
    security_group_id: group,
    direction: 'ingress',
    protocol: 'tcp',
  });
  await make('rbac-policies', 'rbac_policy', {
    object_type: 'network',
    object_id: inside,
    action: 'access_as_shared',
    target_tenant: 'p1',
  });
  await make('subnetpools', 'subnetpool', { name: 'p', prefixes: [`10.${100 + n}.0.0/16`] });
}

async function memoryBytes(): Promise<number> {
  const status = await readFile(`/proc/${identity.api.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** Memory of the process after it had time to free some: the lowest of several readings. */
async function restingBytes(): Promise<number> {
  const readings: number[] = [];
  for (let n = 0; n < 10; n += 1) {
    await identity.api.call('GET', '/healthz');
    readings.push(await memoryBytes());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return Math.min(...readings);
}

/** Resources that can be used up: the reference then answers 503. */
const EXHAUSTED = /"type":"(NoNetworkAvailable|MacAddressGenerationFailure)"/;

/** What is wrong with the answer; null: nothing. */
function wrong({ path }: Request, { status, type, body }: Answer): string | null {
  if (status === 503 && EXHAUSTED.test(body)) return null;
  if (status >= 500 || status < 200) return 'a fault';
  if (status < 400 || body === '') return status === 204 && body !== '' ? 'a body with 204' : null;
  if (!type.startsWith('application/json')) return `a refusal of type '${type}'`;
  const said = JSON.parse(body) as { NeutronError?: Record<string, unknown>; error?: Record<string, unknown> };
  const { NeutronError: neutron, error } = said;
  if (
    neutron &&
    Object.keys(neutron).join() === 'type,message,detail' &&
    Object.values(neutron).every((text) => typeof text === 'string')
  )
    return (neutron['message'] as string).length > 2000 ? 'a message of more than 2000 characters' : null;
  const isIdentity = status === 401 || path.startsWith('/v3') || path.startsWith('/identity');
  if (isIdentity && error && typeof error['message'] === 'string' && error['code'] === status) return null;
  return 'a refusal of another form';
}

async function run(requests: readonly Request[], counts: Map<number, number>): Promise<void> {
  const waiting = [...requests];
  const worker = async (): Promise<void> => {
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const answer = await send(next).catch((error: unknown) => ({
        path: '',
        status: 0,
        type: '',
        body: String(error),
      }));
      const why = wrong(next, answer);
      if (why !== null)
        throw new Error(
          `${why} (seed ${SEED}): ${JSON.stringify({ ...next, body: next.body?.slice(0, 1500) })} -> ${JSON.stringify(answer).slice(0, 1500)}`,
        );
      counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
      learn(answer);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

describe('requests of any form', () => {
  it(
    'are answered as the reference answers, and leave the process as large as it was',
    async () => {
      const counts = new Map<number, number>();
      let warm = 0;
      for (let sent = 0; sent < REQUESTS; sent += BATCH) {
        await run(fc.sample(anyRequest, { seed: SEED + sent, numRuns: BATCH }), counts);
        await aSmallCloud();
        if (sent <= REQUESTS / 3) warm = await memoryBytes();
      }
      const grown = (await restingBytes()) - warm;
      expect({ grownTooMuch: grown > MOST_GROWTH_BYTES, grown }).toMatchObject({ grownTooMuch: false });
      // Otherwise the test tried nothing that could have failed.
      expect(ids.get(partsOf('router'))?.length).toBeGreaterThan(5);
      for (const status of [200, 201, 204, 400, 401, 403, 404, 409])
        expect({ status, many: (counts.get(status) ?? 0) > 10 }).toEqual({ status, many: true });
      expect((await identity.api.call('GET', '/healthz')).body).toMatchObject({ checks: { database: { ok: true } } });
    },
    60_000 + REQUESTS * 40,
  );

  it('leave a log that verifies and whose every event is one of the catalogue, with objects that parse', async () => {
    const { api } = identity;
    const { stdout } = await promisify(execFile)(process.execPath, [
      PLUMB,
      'log',
      'verify',
      '--database',
      api.serviceUrl,
    ]);
    expect(stdout).toContain(`up to position ${await api.head()},`);
    const { rows } = await api.database.query<{ envelope: string }>(
      'SELECT envelope FROM plumbline.events ORDER BY position',
    );
    const unread = rows.flatMap(({ envelope }) => {
      const event = JSON.parse(envelope) as { type: EventType };
      const parsed = EVENTS[event.type].safeParse(event);
      return parsed.success ? [] : [{ event, why: parsed.error.message }];
    });
    expect(unread.slice(0, 3)).toEqual([]);
    const objects = await api.database.query<{ doc: object }>('SELECT doc FROM plumbline.objects');
    const odd = objects.rows.filter(({ doc }) => !AnyObject.safeParse({ ...doc, setAt: {} }).success);
    expect(odd.slice(0, 3)).toEqual([]);
  });

  it.each(HOSTS)('reach node %s as addresses, names and numbers only', async (host) => {
    const view = viewOf(await viewFromDatabase(identity.api.serviceUrl, host));
    const routers = [...renderRouters(view, { userspace: true }).values()];
    const rules = routers.flatMap((each) =>
      each.kind === 'present' ? [...each.state.rules4, ...each.state.rules6] : [],
    );
    const lines = [...savedFrom(rules).values()].flatMap((chains) => [...chains].flat(2));
    expect(lines.filter((line) => !/^[A-Za-z0-9 ._:/,!"=+-]+$/.test(line)).slice(0, 3)).toEqual([]);
    const links = routers.flatMap((each) =>
      each.kind === 'present' ? [...each.state.links, ...each.state.routes] : [],
    );
    expect(JSON.stringify(links)).toMatch(/^[A-Za-z0-9._:/,"[\]{}-]*$/);

    const ports = objectsOf(view, 'port').filter((port) => port.binding.host === host);
    const plugged = new Map<string, ObservedPort>(
      ports.map((port, n) => [
        `tap${n}`,
        {
          name: `tap${n}`,
          bridge: 'br-int',
          tag: null,
          mark: null,
          tagMark: null,
          ifaceId: port.id,
          type: '',
          options: {},
          ofport: n + 1,
          error: null,
        },
      ]),
    );
    const bridge: ObservedBridge = {
      name: 'br-int',
      datapathType: 'netdev',
      failMode: 'secure',
      mark: 1,
      adopted: false,
      ports: plugged,
    };
    const config = { bridgeMappings: { physnet1: 'br-ex' }, tunnelIp: '192.0.2.1', datapathType: 'netdev' as const };
    const desired = renderSwitch(view, config, new Map([['br-int', bridge]]), { mayRemove: true });
    const flows = [...desired.flows.values()]
      .flat()
      .map((flow) => flowLine(flow.key, flow.position, actionsOn(flow, () => true) ?? ''));
    expect(flows.length).toBeGreaterThan(10);
    expect(flows.filter((flow) => !/^[A-Za-z0-9 ._:/,"=()[\]>+-]+$/.test(flow)).slice(0, 3)).toEqual([]);
    expect(JSON.stringify([desired.bridges, desired.ports, desired.tags])).toMatch(/^[A-Za-z0-9 ._:/,"[\]{}-]*$/);
  });
});
