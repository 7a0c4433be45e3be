import { Spawner } from '@plumbline/exec';
import { OvsdbClient, OvsdbMirror } from '@plumbline/ovsdb';
import type { NodeAccess, NodeConnection } from './node-agent.js';

/** Connects to the node. Rejects when Open vSwitch's database does not answer. */
export async function connectNode(access: NodeAccess): Promise<NodeConnection & Readonly<{ close(): void }>> {
  const runner = new Spawner();
  let client: OvsdbClient | undefined;
  const close = (): void => {
    client?.close();
    void runner.close();
  };
  try {
    client = await OvsdbClient.connect(access.ovsdb);
    return { access, runner, mirror: await OvsdbMirror.open(client), close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Connects to the node, runs `work`, disconnects. Rejects when Open vSwitch's database does not answer. */
export async function withNode<T>(access: NodeAccess, work: (node: NodeConnection) => Promise<T>): Promise<T> {
  const node = await connectNode(access);
  try {
    return await work(node);
  } finally {
    node.close();
  }
}
