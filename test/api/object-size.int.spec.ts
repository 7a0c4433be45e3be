/**
 * No member can make an object that keeps changes from a node, and a node that does not come along is seen: an API process, PostgreSQL and NATS, and a host
 * that follows its feed as an agent does.
 */
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { type ObjectKey, subjects } from '@plumbline/contracts';
import { run } from '@plumbline/exec';
import { Joiner, parseFeed } from '@plumbline/messaging';
import { emptyView, fold, type HostView } from '@plumbline/topology';
import { ApiProcess, eventually } from './api-process.js';
import { ObservedNode } from './observed.js';

let api: ApiProcess;
let node: ObservedNode;
let nats: NatsConnection;
let view: HostView;

beforeAll(async () => {
  api = await ApiProcess.start({ PLUMB_QUOTAS: '*=-1', PLUMB_REQUESTS_PER_SECOND: '0' });
  nats = await connect({ servers: api.natsUrl });
  view = emptyView('net1');
  const joiner = new Joiner();
  nats.subscribe(subjects.feed('net1'), {
    callback: (_error, heard) => {
      const part = parseFeed(heard.json<{ data: unknown }>().data);
      const message = part && !('refused' in part) ? joiner.add(part) : null;
      if (message && (message.prev === null || message.prev === view.position)) fold(view, message);
    },
  });
  await nats.flush();
  node = await ObservedNode.start(api, 'net1');
  node.keepAlive();
});
afterAll(async () => {
  await nats?.close();
  await node?.stop();
  await api?.stop();
});

type Made = Readonly<{ id: string }>;
const put = (url: string, body: object) => api.call('PUT', `/v2.0${url}`, body);

const known = (key: ObjectKey) => eventually(async () => view.objects.has(key) || undefined);

/** Sends requests until one is refused; returns how many were not, and the refusal. */
async function until400(request: (n: number) => Promise<{ status: number; body: unknown }>) {
  for (let n = 0; ; n += 1) {
    const answer = await request(n);
    if (answer.status === 400) return { taken: n, refusal: (answer.body as { NeutronError: object }).NeutronError };
    expect(answer.status).toBeLessThan(300);
  }
}

it('25 times 64 DHCP options on one port: at some time one request too many; the port on a router harms no other change of its node', async () => {
  const network = await api.make<Made>('POST', '/v2.0/networks', { network: { name: 'n' } });
  await api.make('POST', '/v2.0/subnets', { subnet: { network_id: network.id, ip_version: 4, cidr: '10.7.0.0/24' } });
  const port = await api.make<Made>('POST', '/v2.0/ports', { port: { network_id: network.id } });
  const answers: number[] = [];
  let refusal: unknown;
  for (let n = 0; n < 25; n += 1) {
    const options = Array.from({ length: 64 }, (_, at) => ({
      ...{ opt_name: String(1_000 + n * 64 + at), ip_version: 6 },
      opt_value: '\\"'.repeat(100),
    }));
    const { status, body } = await put(`/ports/${port.id}`, { port: { extra_dhcp_opts: options } });
    answers.push(status);
    if (status !== 200) refusal = (body as { NeutronError: unknown }).NeutronError;
  }
  expect(answers[0]).toBe(200);
  expect(new Set(answers)).toEqual(new Set([200, 400]));
  expect(refusal).toEqual({
    type: 'ObjectTooLarge',
    message: expect.stringMatching(
      new RegExp(
        `^The port ${port.id} would have \\d+ bytes, and one may have 65536. Its largest attribute is extra_dhcp_opts`,
      ),
    ),
    detail: 'extra_dhcp_opts',
  });
  const router = await api.make<Made>('POST', '/v2.0/routers', { router: { name: 'r' } });
  expect((await put(`/routers/${router.id}/add_router_interface`, { port_id: port.id })).status).toBe(200);
  expect(await known(`port/${port.id}`)).toBe(true);
  const another = await api.make<Made>('POST', '/v2.0/networks', { network: { name: 'another' } });
  const subnet = await api.make<Made>('POST', '/v2.0/subnets', {
    subnet: { network_id: another.id, ip_version: 4, cidr: '10.9.0.0/24' },
  });
  expect((await put(`/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id })).status).toBe(200);
  expect(await known(`subnet/${subnet.id}`)).toBe(true);
});

it.each(['network', 'port', 'subnet'])('tags of a %s, each within its limits', async (name) => {
  const network = await api.make<Made>('POST', '/v2.0/networks', { network: {} });
  const facts = {
    network: {},
    port: { network_id: network.id },
    subnet: { network_id: network.id, ip_version: 4, cidr: '10.8.0.0/24' },
  }[name];
  const object = await api.make<Made>('POST', `/v2.0/${name}s`, { [name]: facts });
  // A control character is six bytes of JSON.
  const { taken, refusal } = await until400((n) => put(`/${name}s/${object.id}/tags/%01${'%01'.repeat(250)}${n}`, {}));
  expect(taken).toBeGreaterThan(30);
  expect(refusal).toMatchObject({ type: 'ObjectTooLarge', detail: 'tags' });
  expect((await put(`/${name}s/${object.id}/tags/one`, {})).status).toBe(201);
});

it('prefixes of a subnet pool, added by many requests', async () => {
  const pool = await api.make<Made>('POST', '/v2.0/subnetpools', {
    subnetpool: { name: 'p', prefixes: ['2001:db8:ffff::/64'] },
  });
  const { taken, refusal } = await until400((n) =>
    // Apart from each other, so that none are merged.
    put(`/subnetpools/${pool.id}/add_prefixes`, {
      prefixes: Array.from({ length: 60 }, (_, at) => `2001:db8:${n + 1}:${(at * 2 + 1).toString(16)}::/64`),
    }),
  );
  expect(taken).toBeGreaterThan(5);
  expect(refusal).toMatchObject({ type: 'ObjectTooLarge', detail: 'prefixes' });
});

it('an agent that catches up for long is in health, in metrics, in the log and in `plumb status`, and so is one that cannot take in a message', async () => {
  const health = async () => (await api.call('GET', '/healthz')) as { status: number; body: unknown };
  expect(await health()).toMatchObject({
    status: 200,
    body: { status: 'ok', checks: { agents: { ok: true, behind: [] } } },
  });
  node.said = { state: 'catching-up', fault: { position: 7, reason: 'no such object', count: 3, mended: false } };
  const beating = setInterval(() => void node.report('ovs', []).catch(() => undefined), 1_000);
  try {
    const behind = await eventually(async () => {
      const { status, body } = await health();
      return (body as { status: string }).status === 'degraded' ? { status, body } : undefined;
    });
    expect(behind).toMatchObject({
      status: 200,
      body: {
        // Its L3 agent says the same with its next heartbeat.
        checks: { agents: { detail: expect.stringMatching(/the ovs agent of net1 is catching-up for 1\d s$/) } },
      },
    });
    expect(await (await fetch(`${api.url}/metrics`)).text()).toMatch(/\nplumbline_agents_behind [12]\n/);
    expect(await (await fetch(`${api.url}/metrics`)).text()).toContain('\nplumbline_nats_publish_refused_total 0\n');
    const main = path.resolve(import.meta.dirname, '../../apps/cli/dist/main.js');
    const { code, stdout } = await run([process.execPath, main, 'status', '--url', api.url], {
      env: { OS_TOKEN: '', OS_AUTH_URL: '', PLUMB_API: '', PLUMB_STATE: '/nonexistent' },
      okCodes: [0, 1],
      timeoutMs: 60_000,
    });
    expect(code).toBe(1);
    expect(stdout.split('\n')[0]).toBe(`API              ${api.url}  degraded`);
    expect(stdout).toMatch(/ {2}the ovs agent of net1 is catching-up, \d+ positions behind the log\n/);
    expect(stdout).toContain('  the ovs agent of net1 cannot take in a message at position 7: no such object\n');
  } finally {
    clearInterval(beating);
  }
  node.said = {};
  await node.report('ovs', []);
  await eventually(async () => ((await health()).body as { status: string }).status === 'ok' || undefined);
}, 60_000);
