/** Makes a node serve DHCP as it should, by the engine of @plumbline/reconcile: observe, plan, apply, read back. A unit is a network. */
import { applyStages, digest, Memory, Run, settle, type Agent } from '@plumbline/reconcile';
import { processRefusal, processStuck } from '@plumbline/processes';
import type { DhcpDriver, DhcpStep } from './driver.js';
import { networkOfProcess } from './marks.js';
import { DHCP_STAGES, leaseText, ORPHANS, planDhcp, planOrphans } from './plan.js';
import type { DhcpFound, DhcpState } from './state.js';

export type DhcpWishes = Readonly<{
  /** All networks that are to be served here. */
  wanted: ReadonlyMap<string, DhcpState>;
  /** Networks of which it is not known what is wanted: they stay as they are. */
  held: ReadonlySet<string>;
}>;

/**
 * `touched`: networks to look at. Of the Run the owners' units are networks, or `ports` for what is left over on the switch. Rejects only when the node cannot
 * be observed.
 */
export async function convergeDhcp(
  { wanted, held }: DhcpWishes,
  driver: DhcpDriver,
  { touched, mayRemove }: { touched: ReadonlySet<string> | 'all'; mayRemove: boolean },
  memory: Memory = new Memory(),
): Promise<Run> {
  const run = new Run();
  const survey = await lookAt({ wanted, held }, driver, touched);
  if (!survey) return run;
  const { found, units } = survey;
  const agent = agentFor(wanted, driver);
  await settle(agent, memory, run, found, units, { mayRemove });
  memory.conclude(run, new Map([...units].map((unit) => [unit, agent.wanted(unit)])), mayRemove);
  return run;
}

/** Makes what is missing and takes away what nobody asks for, once, without reading it back: for a driver that prints. Throws when something cannot be planned or done. */
export async function applyDhcpOnce(wishes: DhcpWishes, driver: DhcpDriver): Promise<void> {
  const survey = await lookAt(wishes, driver, 'all');
  if (!survey) return;
  const run = new Run();
  const agent = agentFor(wishes.wanted, driver);
  const { tasks, refused } = agent.plan(survey.found, survey.units);
  for (const { owner, unit, reason } of refused) run.fail(owner, { unit, reason, kind: 'planned' });
  await applyStages(agent, run, tasks, new Set());
  for (const { unit, reason } of run.failures.values()) throw new Error(`network ${unit}: ${reason}`);
}

type Survey = Readonly<{ found: DhcpFound; units: ReadonlySet<string> }>;

const outsidesOf = (wanted: DhcpWishes['wanted'], units: Iterable<string>): string[] =>
  [...units].flatMap((id) => wanted.get(id)?.outside ?? []);

/** What there is of the networks that were touched, and which units that makes; null when there are none. */
async function lookAt(
  { wanted, held }: DhcpWishes,
  driver: DhcpDriver,
  touched: ReadonlySet<string> | 'all',
): Promise<Survey | null> {
  if (touched !== 'all' && touched.size === 0) return null;
  const found = await driver.observe(touched, outsidesOf(wanted, touched === 'all' ? wanted.keys() : touched));
  const units = touched === 'all' ? everything(wanted, found) : new Set(touched);
  for (const id of held) units.delete(id);
  // Which ports are whose is not known while some network is left as it is.
  if (touched === 'all' && held.size === 0 && found.unreadable.size === 0) units.add(ORPHANS);
  return { found, units };
}

/** Rendered states are never changed: of each the digest is taken once. */
const digests = new WeakMap<DhcpState, string>();
function digestOf(state: DhcpState): string {
  const text = digests.get(state) ?? digest(JSON.stringify({ ...state, holders: [...state.holders] }));
  digests.set(state, text);
  return text;
}

const agentFor = (wanted: DhcpWishes['wanted'], driver: DhcpDriver): Agent<DhcpFound, DhcpStep> => ({
  stages: DHCP_STAGES,
  plan: (of, some) => {
    const plans = [...some]
      .sort()
      .map((unit) =>
        unit === ORPHANS
          ? { tasks: planOrphans([...wanted.values()], of), refused: [] }
          : planDhcp(unit, wanted.get(unit) ?? null, of),
      );
    return { tasks: plans.flatMap(({ tasks }) => tasks), refused: plans.flatMap(({ refused }) => refused) };
  },
  apply: (steps) => driver.apply(steps),
  observe: (some) => driver.observe(some.has(ORPHANS) ? 'all' : some, outsidesOf(wanted, some)),
  wanted: (unit) => {
    const state = wanted.get(unit);
    return state ? digestOf(state) : null;
  },
  refusal: (owner, step, error) => {
    if (step?.op === 'process') return processRefusal(step, error);
    return `${step ? subjectOf(step) : owner}: ${error.message}`;
  },
  stuck: (owner, steps) => {
    const processes = steps.flatMap((step) => (step.op === 'process' ? [step] : []));
    if (processes.length > 0) return processStuck(processes);
    return `${steps[0] ? subjectOf(steps[0]) : owner}: it was made so and is not so; see what else works on this node`;
  },
});

function everything(wanted: ReadonlyMap<string, DhcpState>, found: DhcpFound): Set<string> {
  const names = [...found.processes.processes.map(({ name }) => name), ...found.processes.folders.keys()];
  return new Set([
    ...wanted.keys(),
    ...found.namespaces.keys(),
    ...found.unreadable.keys(),
    ...names.map(networkOfProcess),
  ]);
}

/** What a step is about, for whoever reads a status. */
function subjectOf(step: DhcpStep): string {
  switch (step.op) {
    case 'process':
      return `program ${step.step.name}`;
    case 'release-lease':
      return `lease of ${leaseText(step.lease)}`;
    case 'forget-leases':
      return `leases of ${step.process}`;
    case 'add-address':
    case 'remove-address':
      return `address ${step.address} on ${step.device}`;
    case 'replace-route':
    case 'remove-route':
      return `default route of ${step.netns}`;
    case 'add-link':
    case 'remove-device':
    case 'set-link':
    case 'set-tx-checksum':
      return `device ${step.device}`;
    case 'remove-link':
    case 'set-outside':
    case 'silence-outside':
      return `device ${step.outside}`;
    case 'add-port':
    case 'remove-port':
      return `port ${step.outside} of br-int`;
    case 'add-netns':
    case 'remove-netns':
    case 'set-loopback-up':
    case 'set-sysctls':
      return `namespace ${step.netns}`;
  }
}
