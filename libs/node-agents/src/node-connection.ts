import { Spawner } from '@plumbline/exec';
import { OvsdbClient, OvsdbMirror } from '@plumbline/ovsdb';
import type { NodeAccess, NodeConnection } from './node-agent.js';

/** Connects to the node, runs `work`, disconnects. Rejects when Open vSwitch's database does not answer. */
export async function withNode<T>(access: NodeAccess, work: (node: NodeConnection) => Promise<T>): Promise<T> {
  const runner = new Spawner();
  try {
    const client = await OvsdbClient.connect(access.ovsdb);
    try {
      return await work({ access, runner, mirror: await OvsdbMirror.open(client) });
    } finally {
      client.close();
    }
  } finally {
    void runner.close();
  }
}
