/**
 * Makes a node follow another log. Agents never do this by themselves (invariant 6): the operator decides.
 *
 * The node is bound to the very log whose effect was shown. Road not taken: only unbinding it, after which it would follow whichever log it hears first. The
 * snapshots are removed first: after a rebind that was interrupted in between, the agents leave the node as it is and report it.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { AGENT_KINDS, type Recorded } from '@plumbline/contracts';
import { bindLog, boundLog } from '@plumbline/node-agents';
import { evolve, type HostView } from '@plumbline/topology';
import { withSwitch } from './with-switch.js';

/** The log that this node is bound to; null: it is bound to none. Changes nothing. */
export function logOfNode(ovsdb: string): Promise<string | null> {
  return withSwitch(ovsdb, async (mirror) => boundLog(mirror));
}

/** Binds the node to this log and removes its agents' snapshots. Idempotent. The agents must not run: they hold the old log's view in memory. */
export async function bindTo(log: string, node: Readonly<{ ovsdb: string; stateDir: string }>): Promise<void> {
  for (const kind of AGENT_KINDS) rmSync(path.join(node.stateDir, `${kind}.snapshot`), { force: true });
  await withSwitch(node.ovsdb, (mirror) => bindLog(mirror, log));
}

export type NodeFacts = Readonly<{ tunnelIp: string | null; bridgeMappings: Readonly<Record<string, string>> }>;

/**
 * The view as it will be after the agents have registered this node. A new log does not know the node, because agents that are bound to another log do not
 * report to it; only then `facts` is called.
 */
export async function withThisNode(view: HostView, facts: () => NodeFacts | Promise<NodeFacts>): Promise<HostView> {
  const { host, position } = view;
  const known = view.objects.get(`node/${host}`);
  if (known?.kind === 'node' && !known.removed) return view;
  const { tunnelIp, bridgeMappings } = await facts();
  const registered: Recorded = {
    position,
    stream: `node-${host}`,
    event: { type: 'NodeRegistered', version: 1, data: { host, tunnelIp, bridgeMappings: { ...bridgeMappings } } },
    meta: { requestId: 'req-rebind', userId: '', projectId: '', time: new Date().toISOString() },
  };
  const node = evolve(known, registered);
  return node === undefined ? view : { ...view, objects: new Map(view.objects).set(`node/${host}`, node) };
}

/** What the printed commands remove for good: namespaces with all that is in them, ports of the switch, bridges. */
export function removals(commands: readonly string[]): readonly string[] {
  const text = commands.join('\n');
  const found = (pattern: RegExp, what: string): string[] =>
    [...text.matchAll(pattern)].map(([, name = '']) => `${what} ${name}`);
  return [
    ...found(/^netns del (\S+)/gm, 'namespace'),
    ...found(/(?<!\S)del-port \S+ (\S+)/g, 'port'),
    ...found(/(?<!\S)del-br (\S+)/g, 'bridge'),
  ];
}
