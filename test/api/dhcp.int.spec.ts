/** DHCP agents in the API: what is scheduled to them when they report, shown, and changed by hand. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProcess, eventually } from './api-process.js';
import { ObservedNode } from './observed.js';

type Fields = Record<string, unknown> & { id: string };

let api: ApiProcess;
let one: ObservedNode;
let two: ObservedNode;
let network: Fields;
let subnet: Fields;
const list = async (path: string, collection: string): Promise<Fields[]> =>
  ((await api.call('GET', `/v2.0/${path}`)).body as Record<string, Fields[]>)[collection] as Fields[];
const servers = (): Promise<Fields[]> => list(`ports?network_id=${network.id}&device_owner=network:dhcp`, 'ports');
const agentOn = async (host: string): Promise<Fields> => {
  const [agent] = await list(`agents?host=${host}&agent_type=DHCP%20agent`, 'agents');
  return agent as Fields;
};

beforeAll(async () => {
  api = await ApiProcess.start();
  [one, two] = [await ObservedNode.start(api, 'net1', '10.9.0.1'), await ObservedNode.start(api, 'net2', '10.9.0.2')];
  network = await api.make<Fields>('POST', '/v2.0/networks', { network: { name: 'n' } });
  subnet = await api.make<Fields>('POST', '/v2.0/subnets', {
    subnet: { network_id: network.id, ip_version: 4, cidr: '10.1.0.0/24' },
  });
});
afterAll(async () => {
  await one?.stop();
  await two?.stop();
  await api?.stop();
});

describe('a DHCP agent', () => {
  it('gets the networks that wait when it speaks; nothing is there before', async () => {
    for (const agent of ['ovs', 'l3'] as const) await one.report(agent, []).then(() => one.heard(agent));
    expect(await servers()).toEqual([]);
    await one.report('dhcp', []);
    const [server] = await eventually(async () => {
      await one.report('dhcp', []);
      const all = await servers();
      return all.length > 0 ? all : undefined;
    });
    expect(server).toMatchObject({
      'binding:host_id': 'net1',
      port_security_enabled: false,
      security_groups: [],
      name: '',
      fixed_ips: [{ subnet_id: subnet.id }],
      project_id: network['project_id'],
    });
    expect(server?.['device_id']).toMatch(new RegExp(`^dhcp[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-.*-${network.id}$`));
    const agent = await agentOn('net1');
    expect(agent).toMatchObject({
      binary: 'plumb-dhcp-agent',
      topic: 'dhcp_agent',
      configurations: { networks: 1, subnets: 1 },
    });
    expect(await list(`networks/${network.id}/dhcp-agents`, 'agents')).toMatchObject([{ id: agent.id }]);
    expect(await list(`agents/${agent.id}/dhcp-networks`, 'networks')).toMatchObject([{ id: network.id }]);
  });

  it('has networks put on it and taken off by hand', async () => {
    await two.report('dhcp', []);
    const [here, there] = [await agentOn('net1'), await agentOn('net2')];
    const put = (agent: Fields) =>
      api.call('POST', `/v2.0/agents/${agent.id}/dhcp-networks`, { network_id: network.id });
    expect(await put(here)).toMatchObject({
      status: 409,
      body: { NeutronError: { type: 'NetworkHostedByDHCPAgent' } },
    });
    expect(await put(there)).toMatchObject({ status: 201 });
    expect(await servers()).toHaveLength(2);
    const take = () => api.call('DELETE', `/v2.0/agents/${here.id}/dhcp-networks/${network.id}`);
    expect(await take()).toMatchObject({ status: 204 });
    expect(await take()).toMatchObject({
      status: 409,
      body: { NeutronError: { type: 'NetworkNotHostedByDhcpAgent' } },
    });
    expect((await servers()).map((port) => port['binding:host_id'])).toEqual(['net2']);
    expect(
      await api.call('POST', `/v2.0/agents/${network.id}/dhcp-networks`, { network_id: network.id }),
    ).toMatchObject({
      status: 404,
    });
  });

  it('that is disabled hands its networks on, with port and address', async () => {
    const [before] = await servers();
    const agent = await agentOn('net2');
    await api.call('PUT', `/v2.0/agents/${agent.id}`, { agent: { admin_state_up: false } });
    const [after] = await eventually(async () => {
      await one.report('dhcp', []);
      const all = await servers();
      return all[0]?.['binding:host_id'] === 'net1' ? all : undefined;
    });
    expect(after).toMatchObject({
      id: before?.id,
      mac_address: before?.['mac_address'],
      fixed_ips: before?.['fixed_ips'],
    });
    const body = { network_id: network.id };
    expect(await api.call('POST', `/v2.0/agents/${agent.id}/dhcp-networks`, body)).toMatchObject({ status: 404 });
  });
});

describe('a port of a network that is served', () => {
  let served: Fields;
  let within: Fields;
  const status = async ({ id }: Fields) =>
    ((await api.call('GET', `/v2.0/ports/${id}`)).body as { port: Fields }).port['status'];
  const make = (more: object = {}): Promise<Fields> =>
    api.make<Fields>('POST', '/v2.0/ports', {
      port: { network_id: served.id, 'binding:host_id': 'net1', device_owner: 'compute:nova', ...more },
    });
  const says = async (agent: 'ovs' | 'dhcp', node: ObservedNode, { id }: Fields): Promise<void> => {
    await node.report(agent, [{ kind: 'port', id, status: 'ACTIVE', position: await api.head() }]);
    await node.heard(agent);
  };
  const heard = (kind: string, when: string) =>
    api.database.query(`UPDATE plumbline.agents SET heartbeat_at = now() ${when} WHERE kind = $1`, [kind]);
  const onHost = async (host: string): Promise<void> => {
    const [other] = [await agentOn(host === 'net1' ? 'net2' : 'net1')];
    await api.call('PUT', `/v2.0/agents/${other.id}`, { agent: { admin_state_up: false } });
    const here = await agentOn(host);
    await api.call('PUT', `/v2.0/agents/${here.id}`, { agent: { admin_state_up: true } });
  };

  beforeAll(async () => {
    for (const node of [one, two]) await node.report('dhcp', []);
    await onHost('net1');
    served = await api.make<Fields>('POST', '/v2.0/networks', { network: { name: 'served' } });
    within = await api.make<Fields>('POST', '/v2.0/subnets', {
      subnet: { network_id: served.id, ip_version: 4, cidr: '10.3.0.0/24' },
    });
  });

  it('finds a server there already: it came with the subnet', async () => {
    const [server] = await list(`ports?network_id=${served.id}`, 'ports');
    expect(server).toMatchObject({ device_owner: 'network:dhcp', 'binding:host_id': 'net1' });
    await says('ovs', one, server as Fields);
    expect(await status(server as Fields)).toBe('ACTIVE');
  });

  it('is ACTIVE when it is wired and served, in either order, and in lists too', async () => {
    const [a, b] = [await make(), await make()];
    await says('ovs', one, a);
    expect(await status(a)).toBe('DOWN');
    expect((await list(`ports?network_id=${served.id}&status=DOWN`, 'ports')).map(({ id }) => id)).toContain(a.id);
    await says('dhcp', one, a);
    expect(await status(a)).toBe('ACTIVE');
    await says('dhcp', one, b);
    expect(await status(b)).toBe('DOWN');
    await says('ovs', one, b);
    expect(await status(b)).toBe('ACTIVE');
    const ids = (await list(`ports?network_id=${served.id}&status=ACTIVE`, 'ports')).map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining([a.id, b.id]));
  });

  it('waits for nobody where no subnet of it is served', async () => {
    const plain = await api.make<Fields>('POST', '/v2.0/subnets', {
      subnet: { network_id: served.id, ip_version: 4, cidr: '10.4.0.0/24', enable_dhcp: false },
    });
    for (const fixed_ips of [[], [{ subnet_id: plain.id }]]) {
      const port = await make({ fixed_ips });
      await says('ovs', one, port);
      expect(await status(port)).toBe('ACTIVE');
    }
    const both = await make({ fixed_ips: [{ subnet_id: plain.id }, { subnet_id: within.id }] });
    await says('ovs', one, both);
    expect(await status(both)).toBe('DOWN');
  });

  it('stays ACTIVE when its agent dies, begins anew and hands the network on; a new one then waits for nobody', async () => {
    const old = await make();
    await says('ovs', one, old);
    await says('dhcp', one, old);
    await heard('dhcp', `- interval '1 hour'`);
    expect(await status(old)).toBe('ACTIVE');
    const alone = await make();
    await says('ovs', one, alone);
    expect(await status(alone)).toBe('ACTIVE');
    // It is back, and has not looked at its node.
    one.said = { unread: true, full: true };
    await one.report('dhcp', []);
    await one.heard('dhcp');
    expect([await status(old), await status(alone)]).toEqual(['ACTIVE', 'ACTIVE']);
    one.said = {};
    await one.report(
      'dhcp',
      [old, alone].map(({ id }) => ({ kind: 'port', id, status: 'ACTIVE', position: 1 })),
    );
    await one.heard('dhcp');
    expect([await status(old), await status(alone)]).toEqual(['ACTIVE', 'ACTIVE']);
    // It moves: the new agent has said nothing yet, and the old one forgets it.
    await onHost('net2');
    await eventually(async () => {
      await two.report('dhcp', []);
      return (await list(`ports?network_id=${served.id}&device_owner=network:dhcp`, 'ports'))[0]?.[
        'binding:host_id'
      ] === 'net2'
        ? true
        : undefined;
    });
    await one.report('dhcp', []);
    await api.database.query(`DELETE FROM plumbline.object_status WHERE agent_kind = 'dhcp'`);
    expect([await status(old), await status(alone)]).toEqual(['ACTIVE', 'ACTIVE']);
    const late = await make();
    await says('ovs', one, late);
    expect(await status(late)).toBe('DOWN');
    await says('dhcp', two, late);
    expect(await status(late)).toBe('ACTIVE');
  });
});

describe('the port of a DHCP server', () => {
  it('is not refused by a quota, and goes with its subnet and network', async () => {
    const projectId = '6f1b0dc6a0a24b0f8d1a2f3b4c5d6e7f';
    await api.call('PUT', `/v2.0/quotas/${projectId}`, { quota: { port: 0 } });
    const tight = await api.make<Fields>('POST', '/v2.0/networks', { network: { project_id: projectId } });
    const within = await api.make<Fields>('POST', '/v2.0/subnets', {
      subnet: { network_id: tight.id, project_id: projectId, ip_version: 4, cidr: '10.2.0.0/24' },
    });
    await eventually(async () => {
      await two.report('dhcp', []);
      return (await list(`ports?network_id=${tight.id}`, 'ports')).length === 1 ? true : undefined;
    });
    expect((await api.call('DELETE', `/v2.0/subnets/${within.id}`)).status).toBe(204);
    expect((await api.call('DELETE', `/v2.0/networks/${tight.id}`)).status).toBe(204);
    expect(await list(`ports?network_id=${tight.id}`, 'ports')).toEqual([]);
  });
});
