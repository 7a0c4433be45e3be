/**
 * Makes the engine's tasks of a plan: which task a change is, which owner it has, and the driver's step that a batch of them becomes.
 *
 *   stages of the database   build | release     one transaction each
 *   stages of the flows      one a bridge, in the order of plan.ts      one bundle each
 */
import { Stage, Task } from '@plumbline/reconcile';
import { FlowAdd, ObservedFlows, OvsStep, SwitchChange } from './driver.js';
import { isOfLostPort, Owner } from './flow.js';
import { BR_INT, BR_TUN } from './marks.js';
import { FlowStep } from './plan.js';
import { eachLearned, type Learned, learnedBefore } from './pipeline.js';
import { unitOf } from './wanted.js';

/** The smallest part of a batch: one change or one flow, which has one owner. */
export type Piece =
  | Readonly<{ kind: 'change'; change: SwitchChange }>
  | Readonly<{ kind: 'add'; bridge: string; add: FlowAdd; forget: Learned | null }>
  | Readonly<{ kind: 'forget'; bridge: string; port: number }>
  | Readonly<{ kind: 'remove'; bridge: string; remove: string; forget: Learned | null }>;

export const DATABASE: readonly Stage[] = [{ name: 'database', batch: 'all' }];
export const flowStages = (bridges: readonly string[]): Stage[] =>
  bridges.map((name) => ({ name: `flows of ${name}`, batch: 'all' }));

/** The unit of everything that is to be removed. */
export const REST = 'rest';
const restOf = (bridge: string): string => `rest of ${bridge}`;

/** The object that an owner's failure is reported for. */
export const reportedFor = (owner: string): string =>
  owner
    .replace(/^rest of /, 'bridge/')
    .replace(/^fanout\//, 'network/')
    .replace(/^firewall\/.*/s, `bridge/${BR_INT}`)
    .replace(/^forwardingentry\/.*/s, `bridge/${BR_TUN}`);

const ownerOn = (bridge: string, owner: Owner): string => owner || `bridge/${bridge}`;

export function changeTask(change: SwitchChange): Task<Piece> {
  const step: Piece = { kind: 'change', change };
  if (!('want' in change)) return { step, stage: 'database', unit: REST, owner: restOf(change.bridge), removes: true };
  const { want } = change;
  const owner = ownerOn('bridge' in want ? want.bridge : want.name, want.owner);
  return { step, stage: 'database', unit: unitOf(want.owner), owner };
}

/** `found`: the flows of the step's bridge. The flows that everything needs come first. */
export function flowTasks(
  { bridge, remove, add, forgetPorts }: FlowStep,
  found: ObservedFlows | undefined,
): Task<Piece>[] {
  const stage = `flows of ${bridge}`;
  const forget = (key: string, removed: boolean): Learned | null =>
    learnedBefore(key, found?.ours.get(key)?.actions ?? '', removed);
  const needed: Task<Piece>[] = [];
  const added: Task<Piece>[] = [];
  for (const flow of add)
    (flow.owner === '' ? needed : added).push({
      step: { kind: 'add', bridge, add: flow, forget: forget(flow.key, false) },
      stage,
      unit: unitOf(flow.owner),
      owner: ownerOn(bridge, flow.owner),
    });
  const removed = remove.map((key): Task<Piece> => ({
    step: { kind: 'remove', bridge, remove: key, forget: forget(key, true) },
    stage,
    unit: REST,
    owner: restOf(bridge),
    removes: !isOfLostPort(key),
  }));
  const lost = forgetPorts.map((port): Task<Piece> => ({
    step: { kind: 'forget', bridge, port },
    stage,
    unit: REST,
    owner: restOf(bridge),
  }));
  return [...lost, ...removed, ...needed, ...added];
}

/** One step of the driver for pieces of one stage. */
export function stepOf(pieces: readonly Piece[]): OvsStep {
  const changes: SwitchChange[] = [];
  const remove: string[] = [];
  const add: FlowAdd[] = [];
  const forget: Learned[] = [];
  const forgetPorts: number[] = [];
  let bridge = '';
  for (const piece of pieces) {
    if (piece.kind === 'change') {
      changes.push(piece.change);
      continue;
    }
    bridge = piece.bridge;
    if (piece.kind === 'forget') {
      forgetPorts.push(piece.port);
      continue;
    }
    if (piece.kind === 'add') add.push(piece.add);
    else remove.push(piece.remove);
    if (piece.forget !== null) forget.push(piece.forget);
  }
  if (bridge === '') return { op: 'transact', changes };
  return { op: 'flows', bridge, remove, add, forget: eachLearned(forget), forgetPorts };
}

/** A change that had no effect though it was applied twice: what is wrong, and who can mend it. */
export function stuckText(piece: Piece | undefined): string {
  const mend = (what: string, look: string): string =>
    `the switch does not keep ${what} though it was written twice; an operator must look at this node (${look})`;
  if (piece?.kind === 'add')
    return mend(`the flow "${piece.add.key}" of ${piece.bridge}`, `ovs-ofctl dump-flows ${piece.bridge}`);
  if (piece?.kind === 'remove')
    return `the flow "${piece.remove}" of ${piece.bridge} comes back though it was removed twice; an operator must look at this node (ovs-ofctl dump-flows ${piece.bridge})`;
  if (piece?.kind === 'forget')
    return `flows that the switch learned for port number ${piece.port} of ${piece.bridge} stay though they were removed twice; an operator must look at this node (ovs-ofctl dump-flows ${piece.bridge})`;
  if (piece?.kind === 'change' && 'want' in piece.change) {
    const { want } = piece.change;
    return mend(`the settings of ${'name' in want ? want.name : want.bridge}`, `ovs-vsctl show`);
  }
  return 'what was removed from the switch comes back though it was removed twice; an operator must look at this node (ovs-vsctl show)';
}
