/**
 * Makes a node what its view says, by the engine of @plumbline/reconcile: render, observe, plan, apply, read back. Level-triggered: it does not matter which
 * events came, or how many.
 *
 * Design: a unit is a router; tasks.ts says which step needs which, so that a refused step harms only what needs it (invariant 9). What was changed is read back:
 * a status says what is on the node, not what was asked of it. While the view is unverified, outside addresses that are not on the node yet are left out, probed,
 * and then added. Many routers are looked at in parts, and between two of them what was asked for meanwhile is done first.
 *
 * A change of one router does not wait for a look at it: what was found of it last is taken for true until the change has been read back. If anything was refused or
 * is still missing then, or if by that nothing was to be done, the router is looked at first, as ever. Nor does it wait for the change before to be read back, where what
 * that leads to is known (afterwards.ts): then a router is read back once it has been left alone for a moment, and only then is anything said of it.
 */
import { ObjectKey, ObjectStatus } from '@plumbline/contracts';
import { Agent, applyStages, asError, Memory, Run, settle } from '@plumbline/reconcile';
import { Convergence, ConvergeOptions, HostView } from '@plumbline/topology';
import { afterwards } from './afterwards.js';
import { Announcement, L3Driver, L3Step, ProbeAnswer } from './driver.js';
import { outsideOf } from './marks.js';
import { Members } from './members.js';
import { orphanPorts } from './plan.js';
import { Recent } from './recent.js';
import { type NodeFacts, Rendered, renderRouters } from './render.js';
import { L3State } from './state.js';
import { statusesOf } from './status.js';
import { L3_STAGES } from './tasks.js';
import { refusalText, stuckText } from './words.js';
import { Work } from './work.js';

/** What an agent remembers from one converge to the next: what belongs to which router, and what the engine remembers. What losing it costs is said there. */
export class L3Memory {
  readonly members = new Members();
  readonly engine = new Memory();
  /** Routers whose connections are known to be translated as their rules say. Of others they are looked at: after a restart, and after what failed. */
  readonly translated = new Set<string>();
  /** Routers whose addresses neighbours were told of. Of others they are told again: an agent that dies may have put an address on the node and said nothing. */
  readonly announced = new Set<string>();
  /** A guess that saves a look and decides nothing. */
  readonly recent = new Recent();
  /** Routers that were changed and not read back. */
  readonly unread = new Set<string>();
  /** The routers of this host as the view now says. For whoever looks: a converge goes by what it renders itself. */
  rendered(view: HostView, facts: NodeFacts): readonly Rendered[] {
    this.members.update(view, new Set());
    return [...renderRouters(view, facts, this.members, hereIn(view)).values()];
  }

  /** What became of routers in the look at all that is under way: a change that is let in between its parts says what is new of a router. Null: none is. */
  looked: Map<string, Looked> | null = null;
  /** NodeFacts.userspace when the node was last looked at: a guess that saves time and decides nothing. */
  userspace: boolean | null = null;
}

/** What an operator says of a node: as in NodeFacts. */
export type L3Terms = Readonly<{ metadata: boolean }>;
const PLAIN: L3Terms = { metadata: false };

/** What became of one router. */
type Looked = Readonly<{ statuses: readonly ObjectStatus[]; failed: Convergence['failed'] }>;

/** Routers that are looked at, and changed, together: as long as it takes for these, nothing else is done. */
const PART = 16;

/** Contract: Convergence. Rejects only when the node cannot be observed at all. */
export async function converge(
  view: HostView,
  driver: L3Driver,
  options: ConvergeOptions,
  memory: L3Memory = new L3Memory(),
  terms: L3Terms = PLAIN,
): Promise<Convergence> {
  const { touched, mayRemove, unverified, between } = options;
  const unread = new Set<ObjectKey>();
  memory.members.update(view, touched);
  const all = touched === 'all';
  const ids = [...(all ? [...hereIn(view), ...(await driver.list())] : memory.members.routersTouched(view, touched))];
  const sorted = [...new Set(ids)].sort();
  // Unverified addresses are probed, all in one second. What nobody may come in between of is done at once, in few processes.
  const size = between && !unverified ? PART : Math.max(1, sorted.length);
  const looked = new Map<string, Looked>();
  const sweep: Sweep = { inner: new Set(), untouched: false };
  let [applied, drift] = [0, 0];
  const outer = memory.looked;
  try {
    for (let at = 0; at < sorted.length; at += size) {
      if (at > 0) {
        memory.looked = looked;
        await between?.();
        memory.looked = outer;
      }
      const part = await convergeRouters(
        view,
        driver,
        sorted.slice(at, at + size),
        { ...options, ...terms },
        memory,
        sweep,
      );
      for (const [id, each] of part.looked) for (const map of [looked, outer]) map?.set(id, each);
      for (const id of part.unread) unread.add(`router/${id}`);
      applied += part.applied;
      drift += part.drift;
    }
  } finally {
    memory.looked = outer;
  }
  const failed = [...looked.values()].flatMap((each) => each.failed);
  if (all && mayRemove && !sweep.untouched && view.frozen.size === 0) {
    const orphans = orphanPorts(await driver.observe(new Set()), memory.members.wantedOutsides(view), sweep.inner);
    if (orphans.length > 0)
      await driver.apply(orphans).then(
        () => (applied += orphans.length),
        (error) => failed.push({ key: `node/${view.host}`, reason: asError(error).message }),
      );
  }
  const statuses = [...looked.values()].flatMap((each) => each.statuses);
  return { applied, drift, statuses, failed, ...(unread.size > 0 && { unread }) };
}

/** What a look at all learns of switch ports. `untouched`: some router is left as it is, so which ports are its own is not known. */
type Sweep = { readonly inner: Set<string>; untouched: boolean };

/** These routers, as the view now says. */
async function convergeRouters(
  view: HostView,
  driver: L3Driver,
  ids: readonly string[],
  options: ConvergeOptions & L3Terms,
  memory: L3Memory,
  sweep: Sweep,
): Promise<{ applied: number; drift: number; looked: Map<string, Looked>; unread: readonly string[] }> {
  const { mayRemove, unverified } = options;
  const quick = await changeUnseen(view, driver, ids, options, memory);
  if (quick && 'unread' in quick) return { applied: quick.unread, drift: 0, looked: new Map(), unread: ids };
  const announced = new Set(ids.filter((id) => memory.announced.delete(id)));
  const announcements: Announcement[] = [];
  const { found, last, work, run } = quick ?? (await lookAndChange(view, driver, ids, options, memory));
  note(sweep, found, work);
  memory.engine.conclude(run, new Map([...work.values()].map((each) => [each.id, each.wanted])), mayRemove);
  const blame = new Map<string, Map<string, Set<string>>>();
  for (const [owner, { unit, reason }] of run.failures) {
    const key = work.get(unit)?.blameFor(owner) ?? `router/${unit}`;
    const keys = blame.get(unit) ?? new Map<string, Set<string>>();
    blame.set(unit, keys.set(key, (keys.get(key) ?? new Set()).add(reason)));
  }
  const looked = new Map<string, Looked>();
  for (const each of work.values()) {
    const blamed = blame.get(each.id);
    // The router is as wanted, and nothing of it is left to remove: from now on only the objects that it is made of now lead to it.
    if (mayRemove && !blamed) memory.members.followers.keepOnly(each.id, each.rendered?.keys ?? new Set());
    const older = found.routers.get(each.id);
    if (blamed || each.rendered?.kind !== 'present') memory.translated.delete(each.id);
    else if (mayRemove && older?.connections !== null) memory.translated.add(each.id);
    if (mayRemove && !unverified && !blamed && each.rendered?.kind === 'present') {
      if (!announced.has(each.id)) announcements.push(...each.unannounced());
      memory.announced.add(each.id);
    }
    if (ids.length === 1 && mayRemove && !unverified && !blamed && each.rendered?.kind === 'present') {
      if (run.applied > 0 || memory.recent.hasPlaceFor(each.id))
        memory.recent.put(each.id, { wanted: each.rendered.state, found: last });
    } else if (ids.length === 1 || run.applied > 0) memory.recent.drop(each.id);
    const failed = [...(blamed ?? [])].map(([key, reasons]) => ({ key, reason: [...reasons].join('; ') }));
    if (each.rendered?.kind === 'incomplete') failed.push({ key: `router/${each.id}`, reason: each.rendered.reason });
    failed.push(...each.heldBack());
    const statuses = each.rendered ? statusesOf(each.rendered, view.position, each.lacks(run), each.held) : [];
    looked.set(each.id, { statuses, failed });
  }
  // Nothing on the node changes by it, and nobody waits for it.
  if (announcements.length > 0) await driver.apply(announcements).catch(() => undefined);
  return { applied: run.applied, drift: run.drift, looked, unread: [] };
}

/** `found`: before anything was done; `last`: when the node was last looked at. */
type Changed = Readonly<{ found: L3State; last: L3State; work: ReadonlyMap<string, Work>; run: Run }>;

/** Looks at these routers and makes them as they are wanted. */
async function lookAndChange(
  view: HostView,
  driver: L3Driver,
  ids: readonly string[],
  options: ConvergeOptions & L3Terms,
  memory: L3Memory,
): Promise<Changed> {
  const { found, work } = await lookAt(view, driver, ids, options, memory);
  const run = new Run();
  const agent = agentFor(work, driver);
  const terms = { mayRemove: options.mayRemove };
  let last = (await settle(agent, memory.engine, run, found, new Set(work.keys()), terms)) ?? found;
  const probed = [...work.values()].filter((each) => each.canBeProbed(run));
  if (probed.length > 0) {
    await probe(probed, driver);
    last = (await settle(agent, memory.engine, run, null, new Set(probed.map(({ id }) => id)), terms)) ?? last;
  }
  return { found, last, work, run };
}

/**
 * Makes a router as it is wanted by what was found of it last, and reads it back; or leaves that for later, where what the steps lead to is known: `unread`, so many.
 * Null when what was found last is not known, asks for nothing, or was not enough: what was done is no harm.
 */
async function changeUnseen(
  view: HostView,
  driver: L3Driver,
  ids: readonly string[],
  { touched, mayRemove, unverified, metadata, readsLater }: ConvergeOptions & L3Terms,
  memory: L3Memory,
): Promise<Changed | Readonly<{ unread: number }> | null> {
  const [id = ''] = ids;
  // Who asks for all wants all looked at.
  const before = ids.length === 1 && touched !== 'all' ? memory.recent.of(id) : undefined;
  if (!before || !mayRemove || unverified || !memory.translated.has(id)) return null;
  const { found } = before;
  const rendered = renderRouters(view, { userspace: found.userspace, metadata }, memory.members, ids).get(id);
  if (rendered?.kind !== 'present' || rendered.state === before.wanted) return null;
  memory.recent.drop(id);
  const work = new Map([[id, new Work(id, rendered, view, mayRemove, metadata)]]);
  const agent = agentFor(work, driver);
  const run = new Run();
  const { tasks, refused } = readsLater ? agent.plan(found, new Set([id])) : { tasks: [], refused: [] };
  const steps = tasks.map(({ step }) => step);
  const after = steps.length > 0 && refused.length === 0 ? afterwards(found, id, steps) : null;
  if (after) {
    await applyStages(agent, run, tasks, new Set());
    if (run.failures.size === 0) {
      memory.unread.add(id);
      memory.recent.put(id, { wanted: rendered.state, found: after });
      return { unread: run.applied };
    }
  } else {
    const terms = { mayRemove, countsDrift: false };
    const last = await settle(agent, memory.engine, run, found, new Set([id]), terms);
    if (last !== null && last !== found && run.failures.size === 0) return { found, last, work, run };
  }
  // As after the death of an agent: what was begun shows on the node, but for connections that were to end.
  memory.translated.delete(id);
  return null;
}

function note(sweep: Sweep, found: L3State, work: ReadonlyMap<string, Work>): void {
  if (found.unreadable.size > 0 || [...work.values()].some(({ rendered }) => rendered?.kind === 'incomplete'))
    sweep.untouched = true;
  for (const { links } of found.routers.values()) for (const { device } of links) sweep.inner.add(outsideOf(device));
}

/**
 * Applies what converge would apply first, and does not read back: for a driver that prints, whose node stays as it is. Rejects with the first reason
 * why a router cannot be planned.
 */
export async function applyOnce(
  view: HostView,
  driver: L3Driver,
  mayRemove = true,
  terms: L3Terms = PLAIN,
): Promise<void> {
  const memory = new L3Memory();
  memory.members.update(view, 'all');
  const ids = [...new Set([...hereIn(view), ...(await driver.list())])].sort();
  const { found, work } = await lookAt(view, driver, ids, { mayRemove, unverified: false, ...terms }, memory);
  const run = new Run();
  const agent = agentFor(work, driver);
  const { tasks, refused } = agent.plan(found, new Set(work.keys()));
  for (const { owner, unit, reason } of refused) run.fail(owner, { unit, reason, kind: 'planned' });
  await applyStages(agent, run, tasks, new Set());
  const sweep: Sweep = { inner: new Set(), untouched: view.frozen.size > 0 };
  note(sweep, found, work);
  if (mayRemove && !sweep.untouched)
    await driver.apply(orphanPorts(found, memory.members.wantedOutsides(view), sweep.inner));
  for (const each of work.values())
    if (each.rendered?.kind === 'incomplete') throw new Error(`router ${each.id}: ${each.rendered.reason}`);
  for (const { unit, reason } of run.failures.values()) throw new Error(`router ${unit}: ${reason}`);
}

async function lookAt(
  view: HostView,
  driver: L3Driver,
  ids: readonly string[],
  { mayRemove, unverified, metadata }: Pick<ConvergeOptions, 'mayRemove' | 'unverified'> & L3Terms,
  memory: L3Memory,
): Promise<Readonly<{ found: L3State; work: ReadonlyMap<string, Work> }>> {
  const { members, translated } = memory;
  for (const id of ids) memory.unread.delete(id);
  const listsConnections = (id: string): boolean => mayRemove && !translated.has(id);
  const observing = driver.observe(new Set(ids), members.outsidesOf(view, ids), listsConnections);
  // What is wanted is rendered while the node is read.
  const ahead = async (): Promise<void> => {
    if (memory.userspace !== null) renderRouters(view, { userspace: memory.userspace, metadata }, members, ids);
  };
  const [found] = await Promise.all([observing, ahead()]);
  memory.userspace = found.userspace;
  const rendered = renderRouters(view, { userspace: found.userspace, metadata }, members, ids);
  const work = new Map(ids.map((id) => [id, new Work(id, rendered.get(id), view, mayRemove, metadata)]));
  if (unverified) for (const each of work.values()) each.holdBack(found);
  return { found, work };
}

function* hereIn(view: HostView): Iterable<string> {
  for (const object of view.objects.values())
    if (object.kind === 'router' && object.host === view.host) yield object.id;
}

/** `Found` null: each router as it was seen last. */
const agentFor = (work: ReadonlyMap<string, Work>, driver: L3Driver): Agent<L3State | null, L3Step> => ({
  stages: L3_STAGES,
  plan: (found, units) => {
    const plans = [...units].flatMap((unit) => work.get(unit)?.look(found) ?? []);
    return { tasks: plans.flatMap(({ tasks }) => tasks), refused: plans.flatMap(({ refused }) => refused) };
  },
  apply: (steps) => driver.apply(steps),
  observe: (units) =>
    driver.observe(
      units,
      [...units].flatMap((unit) => work.get(unit)?.outsides ?? []),
    ),
  wanted: (unit) => work.get(unit)?.wanted ?? null,
  refusal: (_owner, step, error) => (step ? refusalText(step, error) : error.message),
  stuck: (_owner, steps) => stuckText(steps),
});

/** Probes the addresses that these routers hold back, all at once. What could not be probed stays held back. */
async function probe(work: readonly Work[], driver: L3Driver): Promise<void> {
  const unknown = (error: unknown): ProbeAnswer[] =>
    work.flatMap((each) => each.probes.map(() => ({ kind: 'unknown', reason: asError(error).message })));
  const answers = [...(await driver.probe(work.flatMap((each) => each.probes)).catch(unknown))];
  for (const each of work) each.takeAnswers(answers.splice(0, each.probes.length));
}
