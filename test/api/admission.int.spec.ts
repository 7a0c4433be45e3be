/** What an operator admits a node to, and what becomes of what a node says beyond it: with the real API, `plumb`, PostgreSQL and NATS. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { subjects } from '@plumbline/contracts';
import { run } from '@plumbline/exec';
import { tryOnNats } from '@plumbline/nats-logins/testing';
import { ApiProcess, eventually } from './api-process.js';
import { ObservedNode } from './observed.js';

const MAIN = path.resolve(import.meta.dirname, '../../apps/cli/dist/main.js');
type Fields = Record<string, unknown> & { id: string };

const plumb = async (...argv: string[]): Promise<{ code: number | null; text: string }> => {
  const { code, stdout, stderr } = await run([process.execPath, MAIN, ...argv], {
    env: { OS_TOKEN: '', OS_AUTH_URL: '', PLUMB_API: '' },
    okCodes: [0, 1],
    timeoutMs: 60_000,
  });
  return { code, text: stdout + stderr };
};

describe('a node that says more of itself than it was admitted to', () => {
  let api: ApiProcess;
  let node: ObservedNode;
  let physical: Fields;
  let router: Fields;
  const node1 = (...argv: string[]) => plumb('node', ...argv, '--api', api.url);
  const routerHost = async (): Promise<unknown> => {
    const { body } = await api.call('GET', `/v2.0/routers/${router.id}/l3-agents`);
    return (body as { agents: Fields[] }).agents.map(({ host }) => host);
  };
  const bindTo = (host: string) =>
    api.call('POST', '/v2.0/ports', { port: { network_id: physical.id, 'binding:host_id': host } });

  beforeAll(async () => {
    api = await ApiProcess.start();
    physical = await api.make<Fields>('POST', '/v2.0/networks', {
      network: { 'router:external': true, 'provider:network_type': 'flat', 'provider:physical_network': 'physnet1' },
    });
    await api.make('POST', '/v2.0/subnets', {
      subnet: { network_id: physical.id, ip_version: 4, cidr: '10.16.160.0/21' },
    });
  });
  afterAll(async () => {
    await node?.stop();
    await api?.stop();
  });

  it('is not in the log before it is admitted, and draws nothing; the operator sees it', async () => {
    node = await ObservedNode.unadmitted(api, 'cmp1', '10.9.0.1', 'stolen');
    router = await api.make<Fields>('POST', '/v2.0/routers', {
      router: { external_gateway_info: { network_id: physical.id } },
    });
    for (const agent of ['ovs', 'l3'] as const) await node.report(agent, []).then(() => node.heard(agent));
    expect(await routerHost()).toEqual([]);
    expect((await api.database.query('SELECT FROM plumbline.nodes')).rows).toEqual([]);
    const { text } = await node1('show', 'cmp1');
    expect(text).toContain('NOT ADMITTED: nothing new comes to it');
    expect(text).toContain('NOT ADMITTED, so not used: its l3 agent');
    expect(text).toContain('NOT ADMITTED, so not used: its mapping of physnet1 to br-ex');
    const status = await plumb('status', '--url', api.url);
    expect(status.text).toContain('the ovs agent of cmp1 was not admitted');
    expect(status.code).toBe(1);
    // A zone that only it says it is in is nobody's.
    expect((await api.call('GET', '/v2.0/availability_zones')).body).toEqual({ availability_zones: [] });
  });

  it('as a compute node draws neither a router nor a port of the physical network that it maps', async () => {
    const { text } = await node1('admit', 'cmp1', '--role', 'compute');
    expect(text).toBe('cmp1 is admitted as compute; no physical network\n');
    await eventually(async () => {
      for (const agent of ['ovs', 'l3'] as const) await node.report(agent, []).then(() => node.heard(agent));
      return (await api.database.query('SELECT FROM plumbline.nodes')).rows.length === 1 ? true : undefined;
    });
    await node.report('l3', []);
    await node.heard('l3');
    expect(await routerHost()).toEqual([]);
    const refused = await bindTo('cmp1');
    expect([refused.status, refused.body]).toMatchObject([409, { NeutronError: { type: 'HostNotAdmitted' } }]);
    expect(JSON.stringify(refused.body)).toContain('it was not admitted to physical network physnet1');
    const [l3] = await api.make<Fields[]>('GET', '/v2.0/agents?host=cmp1&agent_type=L3%20agent', undefined);
    expect(l3).toMatchObject({ alive: true, configurations: { admitted: false } });
    const [ovs] = await api.make<Fields[]>(
      'GET',
      '/v2.0/agents?host=cmp1&agent_type=Open%20vSwitch%20agent',
      undefined,
    );
    expect(ovs).toMatchObject({
      configurations: { admitted: true, unadmitted_bridge_mappings: { physnet1: 'br-ex' } },
    });
    const byHand = await api.call('POST', `/v2.0/agents/${l3?.id}/l3-routers`, { router_id: router.id });
    expect(byHand.status).toBe(409);
    expect((await api.call('GET', '/v2.0/availability_zones')).body).toEqual({ availability_zones: [] });
    const vxlan = await api.make<Fields>('POST', '/v2.0/networks', { network: {} });
    const port = { network_id: vxlan.id, 'binding:host_id': 'cmp1' };
    expect(await api.make('POST', '/v2.0/ports', { port })).toMatchObject({ 'binding:vif_type': 'ovs' });
  });

  it('draws them once it is admitted to them, and keeps what it has when that ends', async () => {
    expect((await node1('admit', 'cmp1', '--role', 'compute,network', '--map', 'physnet1=br-other')).code).toBe(0);
    expect((await bindTo('cmp1')).status).toBe(409);
    expect((await node1('admit', 'cmp1', '--role', 'compute,network', '--map', 'physnet1=br-ex')).code).toBe(0);
    await eventually(async () => {
      await node.report('l3', []);
      return String(await routerHost()) === 'cmp1' ? true : undefined;
    });
    expect((await bindTo('cmp1')).status).toBe(201);
    expect((await node1('show', 'cmp1')).text).toContain(
      'admitted as compute, network; physical networks physnet1 (br-ex)',
    );
    expect((await node1('close', 'cmp1')).code).toBe(0);
    expect(await routerHost()).toEqual(['cmp1']);
    expect((await bindTo('cmp1')).status).toBe(409);
    // Nothing is said anew: what it was admitted to has ended.
    expect((await node1('admit', 'cmp1')).text).toContain('what may cmp1 do?');
  });

  it('maps a physical network while its agent runs: within what it was admitted to it counts, beyond it is shown', async () => {
    const second = await api.make<Fields>('POST', '/v2.0/networks', {
      network: { 'provider:network_type': 'flat', 'provider:physical_network': 'physnet2' },
    });
    const maps = async (bridgeMappings: Record<string, string>) => {
      node.bridgeMappings = bridgeMappings;
      // The first is stored and seen, with the second it is registered.
      for (const _ of [1, 2]) await node.report('ovs', []).then(() => node.heard('ovs'));
      await eventually(async () => {
        const { rows } = await api.database.query('SELECT doc FROM plumbline.nodes WHERE id = $1', ['cmp1']);
        const [{ doc } = { doc: {} }] = rows as { doc: { bridgeMappings?: object } }[];
        return JSON.stringify(doc.bridgeMappings) === JSON.stringify(bridgeMappings) ? true : undefined;
      });
    };
    const bind = async () => {
      const port = { network_id: second.id, 'binding:host_id': 'cmp1' };
      const { status, body } = await api.call('POST', '/v2.0/ports', { port });
      return { status, ...(body as { port?: Fields; NeutronError?: Fields }) };
    };
    const admit = (...maps: string[]) =>
      node1('admit', 'cmp1', '--role', 'compute', ...maps.flatMap((each) => ['--map', each]));
    await admit('physnet1=br-ex');
    await maps({ physnet1: 'br-ex', physnet2: 'br-two' });
    expect((await node1('show', 'cmp1')).text).toContain(
      'NOT ADMITTED, so not used: its mapping of physnet2 to br-two',
    );
    const refused = await bind();
    expect(refused).toMatchObject({ status: 409, NeutronError: { type: 'HostNotAdmitted' } });
    expect(refused.NeutronError?.['message']).toContain('it was not admitted to physical network physnet2');
    await admit('physnet1=br-ex', 'physnet2=br-two');
    const bound = await bind();
    expect(bound).toMatchObject({ status: 201, port: { 'binding:vif_type': 'ovs' } });
    await maps({ physnet1: 'br-ex', physnet2: 'br-three' });
    expect((await bind()).NeutronError?.['message']).toContain('it maps physical network physnet2 to another bridge');
    await maps({ physnet1: 'br-ex' });
    const unmapped = {
      'binding:vif_type': 'binding_failed',
      status_reason: 'host cmp1 cannot carry its network: its bridge_mappings do not name physical network physnet2',
    };
    expect(await bind()).toMatchObject({ status: 201, port: { status: 'DOWN', ...unmapped } });
    const { body } = await api.call('GET', `/v2.0/ports/${bound.port?.id}`);
    expect(body).toMatchObject({ port: unmapped });
  });

  it.each([
    [{}, 'roles'],
    [{ roles: ['king'] }, 'are not roles'],
    [{ roles: [] }, 'are not roles'],
    [{ roles: ['compute'], physicalNetworks: 'physnet1' }, 'physicalNetworks'],
    [{ roles: ['compute'], bridges: { physnet1: 'br-ex' } }, 'not among the physical networks'],
    [{ roles: ['compute'], host: 'other' }, 'host'],
  ])('an admission %j is refused', async (body, reason) => {
    const answer = await api.call('PUT', '/plumbline/v1/nodes/cmp9/admission', body);
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([400, expect.stringContaining(reason)]);
    expect((await api.call('GET', '/plumbline/v1/nodes/cmp9')).status).toBe(404);
  });
});

describe('plumb node add', () => {
  let api: ApiProcess;
  let nats: ChildProcess | undefined;
  const folder = mkdtempSync(path.join(tmpdir(), 'plumb-admission-'));
  const dir = path.join(folder, 'plumbline');
  const read = (name: string) => readFileSync(path.join(dir, name), 'utf8').trim();

  beforeAll(async () => {
    api = await ApiProcess.start();
  });
  afterAll(async () => {
    if (nats) await Promise.all([once(nats, 'exit'), nats.kill('SIGKILL')]);
    await api?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('admits by the database or the API, then makes a login with which the broker lets it speak for its agents alone', async () => {
    const unsaid = await plumb('node', 'add', 'cmp1', '--dir', dir, '--database', api.serviceUrl);
    expect([unsaid.code, unsaid.text]).toEqual([1, expect.stringContaining('what may cmp1 do?')]);
    expect(() => readdirSync(dir)).toThrow('ENOENT');
    const listen = ['--listen', '127.0.0.1:-1'];
    const byDatabase = ['--database', api.serviceUrl, '--dir', dir];
    expect((await plumb('node', 'add', 'cmp1', '--role', 'compute', ...byDatabase, ...listen)).code).toBe(0);
    const byApi = ['--role', 'network', '--map', 'physnet1', '--api', api.url, '--dir', dir];
    expect((await plumb('node', 'add', 'net1', ...byApi)).text).toContain('net1 is admitted as network; physical');
    const events = async () =>
      (await api.database.query('SELECT stream FROM plumbline.events ORDER BY position')).rows.map((row) => row.stream);
    expect(await events()).toEqual(['admission-cmp1', 'admission-net1']);
    const before = [read('cmp1.nk'), read('nats.conf')];
    expect((await plumb('node', 'add', 'cmp1', '--api', api.url, '--dir', dir)).code).toBe(0);
    expect([[read('cmp1.nk'), read('nats.conf')], await events()]).toEqual([
      before,
      ['admission-cmp1', 'admission-net1'],
    ]);

    nats = spawn('nats-server', ['--config', path.join(dir, 'nats.conf'), '--ports_file_dir', folder], {
      stdio: 'ignore',
    });
    const url = await eventually(async () => {
      const file = readdirSync(folder).find((name) => name.endsWith('.ports'));
      return file && (JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as { nats: string[] }).nats[0];
    });
    const verdict = async (host: string, publish: string) =>
      (await tryOnNats({ url, seed: read(`${host}.nk`), publish, subscribe: subjects.feed(host) })).publish;
    expect(await verdict('cmp1', subjects.report('cmp1', 'ovs'))).toBe('allowed');
    for (const verb of ['report', 'replay'] as const)
      expect([verb, await verdict('cmp1', subjects[verb]('cmp1', 'l3'))]).toEqual([verb, 'refused']);
    expect(await verdict('net1', subjects.report('net1', 'l3'))).toBe('allowed');
    expect(await verdict('cmp1', subjects.report('net1', 'l3'))).toBe('refused');
  });
});
