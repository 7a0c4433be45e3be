/** Makes a node's proxy answer where it should, by the engine of @plumbline/reconcile: observe, plan, apply, read back. There is one unit. */
import { digest, Memory, Run, settle, type Agent, type Plan } from '@plumbline/reconcile';
import { processOwner, processRefusal, processStuck, processTasks } from '@plumbline/processes';
import { askerKey, askerNetns, type Asker, type AskerKey } from './asker.js';
import type { MetadataDriver, MetadataFound, MetadataStep } from './driver.js';
import { digestIn, frontendsIn, PROXY, proxyOf, type Frontend, type ProxyTerms } from './proxy.js';

export type MetadataWishes = Readonly<{
  /** Where guests are to be answered, as far as the namespace is there. */
  wanted: readonly Asker[];
  /** Of these it is not known what is wanted: they stay as they are. */
  held: ReadonlySet<AskerKey>;
}>;

const UNIT = 'proxy';
/** A frontend that is made anew is left out first: told once more, the proxy must have read the file in between. */
const STAGES = [
  { name: 'processes', batch: 'all' },
  { name: 'reread', batch: 'all' },
] as const;

/** Of the Run every owner is of one unit. Rejects only when the node cannot be observed. */
export async function convergeMetadata(
  { wanted, held }: MetadataWishes,
  driver: MetadataDriver,
  terms: ProxyTerms,
  mayRemove: boolean,
  memory: Memory = new Memory(),
): Promise<Run> {
  const run = new Run();
  const units = new Set([UNIT]);
  const look = async (): Promise<MetadataFound> => driver.observe(wanted.map(askerNetns));
  const first = await look();
  // What is there and not wanted: it stays while it is not known to be too much.
  const kept = frontendsIn(first.config).filter(
    (each) => (!mayRemove || held.has(askerKey(each))) && !wanted.some((other) => askerKey(other) === askerKey(each)),
  );
  const observe = (): Promise<MetadataFound> => driver.observe([...wanted, ...kept].map(askerNetns));
  const found = kept.length > 0 ? await observe() : first;
  const text = digest(JSON.stringify([...wanted, ...kept].map(askerKey).sort()));
  const agent: Agent<MetadataFound, MetadataStep> = {
    stages: STAGES,
    plan: (of) => planMetadata([...wanted, ...kept], of, terms),
    apply: (steps) => driver.apply(steps),
    observe,
    wanted: () => text,
    refusal: (owner, step, error) =>
      step?.op === 'process' ? processRefusal(step, error) : `${owner}: ${error.message}`,
    stuck: (_owner, steps) => {
      const processes = steps.flatMap((step) => (step.op === 'process' ? [step] : []));
      return processes.length > 0
        ? processStuck(processes)
        : `program ${PROXY}: it was told to read its file and goes by another one; see the log beside the file`;
    },
  };
  await settle(agent, memory, run, found, units, { mayRemove });
  memory.conclude(run, new Map([[UNIT, text]]), mayRemove);
  return run;
}

/** Pure; nothing where all is as wanted. */
export function planMetadata(wanted: readonly Asker[], found: MetadataFound, terms: ProxyTerms): Plan<MetadataStep> {
  const [running] = found.processes.processes.filter(({ name, main }) => main && name === PROXY);
  const before = new Map(running ? frontendsIn(found.config).map((each) => [askerKey(each), each]) : []);
  const frontends = wanted.flatMap((asker): Frontend[] => {
    const netnsNumber = found.namespaces.get(askerNetns(asker));
    if (netnsNumber === undefined) return [];
    const has = before.get(askerKey(asker));
    // Its socket is in a namespace that is no more: the proxy gives it up first.
    return has && has.netnsNumber !== netnsNumber ? [] : [{ kind: asker.kind, id: asker.id, netnsNumber }];
  });
  const process = proxyOf(frontends, terms);
  const tasks = processTasks(process ? [process] : [], found.processes, { stage: 'processes', unitOf: () => UNIT });
  const ops = new Set(tasks.map(({ step }) => step.step.op));
  const isRead = found.loaded === digestIn(process?.files[0]?.content ?? '') && !ops.has('write-files');
  if (!running || !process || isRead || ops.has('start-process')) return { tasks, refused: [] };
  const { pid, startTime } = running;
  const owner = processOwner(PROXY);
  const step = { op: 'reread', process: { pid, startTime } } as const;
  return { tasks: [...tasks, { stage: 'reread', unit: UNIT, owner, step }], refused: [] };
}
