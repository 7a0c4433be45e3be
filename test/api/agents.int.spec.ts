/** Deleting the agents of a node: after that, the other nodes have no tunnel to a machine that is gone for good. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProcess, eventually } from './api-process.js';
import { ObservedNode } from './observed.js';
import { expectShape } from './shapes.js';

describe('what agents show', () => {
  let api: ApiProcess;
  let node: ObservedNode;
  beforeAll(async () => {
    api = await ApiProcess.start();
    node = await ObservedNode.start(api, 'seen1', '10.9.0.1', 'east');
  });
  afterAll(async () => {
    await node?.stop();
    await api?.stop();
  });

  it('is their zone, and how they enforce security groups', async () => {
    const { agents } = (await api.call('GET', '/v2.0/agents?sort_key=agent_type')).body as { agents: object[] };
    expect(agents).toEqual([
      expect.objectContaining({ agent_type: 'L3 agent', availability_zone: 'east', description: null }),
      expect.objectContaining({
        agent_type: 'Open vSwitch agent',
        availability_zone: null,
        configurations: expect.objectContaining({ firewall: 'openflow' }),
      }),
    ]);
    for (const agent of agents) expectShape('agent', agent);
    const found = await api.call('GET', '/v2.0/agents?availability_zone=east&fields=host');
    expect(found.body).toEqual({ agents: [{ host: 'seen1' }] });
  });
});

describe('nodes, as an operator sees them', () => {
  const machine = (n: number) => ({ id: `00000000-0000-4000-8000-00000000000${n}`, boot: `boot ${n}`, heard: 0 });
  const [ONE, TWO] = [machine(1), machine(2)];
  let api: ApiProcess;
  let node: ObservedNode;
  let twin: ObservedNode;
  beforeAll(async () => {
    api = await ApiProcess.start();
    node = await ObservedNode.start(api, 'cmp3.example.org');
    node.said = { machine: ONE };
    await node.report('ovs', []);
    twin = await ObservedNode.start(api, 'twin1', '10.9.0.2');
  });
  afterAll(async () => {
    await node?.stop();
    await twin?.stop();
    await api?.stop();
  });

  const path = (host: string, rest = '') => `/plumbline/v1/nodes/${host}${rest}`;
  const shown = async (host: string) => {
    const { status, body } = await api.call('GET', path(host));
    return status === 200 ? (body as { node: Record<string, unknown> }).node : status;
  };
  const agentRow = async () =>
    ((await api.call('GET', '/v2.0/agents?host=cmp3.example.org')).body as { agents: { configurations: object }[] })
      .agents;

  it('are owned by the machine that reported first', async () => {
    await eventually(async () => ((await shown('cmp3.example.org')) as { machine: unknown }).machine ?? undefined);
    expect(await shown('cmp3.example.org')).toMatchObject({
      ...{ host: 'cmp3.example.org', machine: ONE.id, contested: false, refused: [] },
      node: { tunnelIp: '10.9.0.1', bridgeMappings: { physnet1: 'br-ex' }, firewall: 'openflow' },
    });
    expect(await shown('twin1')).toMatchObject({ machine: null });
    expect(await shown('nobody')).toBe(404);
    expect((await api.call('GET', path('a..b'))).status).toBe(400);
    const { nodes } = (await api.call('GET', '/plumbline/v1/nodes')).body as { nodes: { host: string }[] };
    expect(nodes.map(({ host }) => host)).toEqual(['cmp3.example.org', 'twin1']);
  });

  it('show the machine that is refused, until the name is released to it', async () => {
    node.said = { machine: TWO };
    const again = () => node.report('ovs', []);
    await again();
    const seen = await eventually(async () => {
      const { refused } = (await shown('cmp3.example.org')) as { refused: unknown[] };
      return refused.length > 0 ? refused : undefined;
    });
    expect(seen).toEqual([expect.objectContaining({ agent: 'ovs', machine: TWO.id, reason: expect.any(String) })]);
    expect(await agentRow()).toContainEqual(
      expect.objectContaining({
        configurations: expect.objectContaining({
          machine: ONE.id,
          refused_machines: [expect.objectContaining({ machine: TWO.id })],
        }),
      }),
    );
    expect((await api.call('POST', path('cmp3.example.org', '/release'), { machine: 5 })).status).toBe(400);
    expect(await api.call('POST', path('cmp3.example.org', '/release'), { machine: TWO.id })).toMatchObject({
      status: 200,
      body: { node: { machine: TWO.id, refused: [] } },
    });
  });

  it('are not removed while they report, and then leave nothing', async () => {
    expect(await api.call('DELETE', path('cmp3.example.org'))).toMatchObject({ status: 409 });
    await api.database.query(
      `UPDATE plumbline.agents SET heartbeat_at = now() - interval '1 hour' WHERE host = 'cmp3.example.org'`,
    );
    expect((await api.call('DELETE', path('cmp3.example.org'))).status).toBe(204);
    expect(await shown('cmp3.example.org')).toBe(404);
    expect(await agentRow()).toEqual([]);
  });
});

describe('deleting agents', () => {
  let api: ApiProcess;
  let node: ObservedNode;
  beforeAll(async () => {
    api = await ApiProcess.start();
    node = await ObservedNode.start(api, 'gone1');
  });
  afterAll(async () => {
    await node?.stop();
    await api?.stop();
  });

  const agentOf = async (type: string): Promise<string> => {
    const { body } = await api.call('GET', `/v2.0/agents?agent_type=${encodeURIComponent(type)}`);
    return (body as { agents: { id: string }[] }).agents[0]!.id;
  };
  const registered = async (): Promise<unknown> =>
    (await api.database.query(`SELECT doc->'removed' AS removed FROM plumbline.nodes WHERE id = 'gone1'`)).rows;

  it('does not change the node of an agent that still reports', async () => {
    expect((await api.call('DELETE', `/v2.0/agents/${await agentOf('L3 agent')}`)).status).toBe(204);
    expect((await api.call('DELETE', `/v2.0/agents/${await agentOf('Open vSwitch agent')}`)).status).toBe(204);
    expect(await registered()).toEqual([{ removed: false }]);
  });

  it('takes a silent node out of the log, and a report brings it back', async () => {
    await node.report('ovs', []);
    await node.heard('ovs');
    await api.database.query(`UPDATE plumbline.agents SET heartbeat_at = now() - interval '1 hour'`);
    expect((await api.call('DELETE', `/v2.0/agents/${await agentOf('Open vSwitch agent')}`)).status).toBe(204);
    expect(await registered()).toEqual([{ removed: true }]);
    await node.report('ovs', []);
    await eventually(async () => (JSON.stringify(await registered()) === '[{"removed":false}]' ? true : undefined));
  });
});
