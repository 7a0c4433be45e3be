/** Deleting the agents of a node: after that, the other nodes have no tunnel to a machine that is gone for good. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProcess, eventually } from './api-process.js';
import { ObservedNode } from './observed.js';
import { expectShape } from './shapes.js';

describe('what agents show', () => {
  let api: ApiProcess;
  let node: ObservedNode;
  beforeAll(async () => {
    api = await ApiProcess.start({ PLUMB_UNENFORCED_SECURITY_GROUPS: 'true' });
    node = await ObservedNode.start(api, 'seen1', '10.9.0.1', 'east');
  });
  afterAll(async () => {
    await node?.stop();
    await api?.stop();
  });

  it('is their zone, and that the operator runs without security groups', async () => {
    const { agents } = (await api.call('GET', '/v2.0/agents?sort_key=agent_type')).body as { agents: object[] };
    expect(agents).toEqual([
      expect.objectContaining({ agent_type: 'L3 agent', availability_zone: 'east', description: null }),
      expect.objectContaining({
        agent_type: 'Open vSwitch agent',
        availability_zone: null,
        configurations: expect.objectContaining({ security_groups: false, unenforced_security_groups: true }),
      }),
    ]);
    for (const agent of agents) expectShape('agent', agent);
    const found = await api.call('GET', '/v2.0/agents?availability_zone=east&fields=host');
    expect(found.body).toEqual({ agents: [{ host: 'seen1' }] });
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
