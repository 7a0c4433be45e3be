/**
 * Judges a scene by all checks, from what is known so far. What a check asks of a node and was not answered yet is collected; whoever calls asks it, and calls again with the
 * answers, until nothing is asked any more. Pure: same scene, same answers, same result.
 */
import { type AgentKind, keyOf, type LookName, type Probe } from '@plumbline/contracts';
import type {
  Answers,
  AnyCheck,
  Check,
  Fault,
  Facts,
  Known,
  Mend,
  Things,
  ThingSort,
  Told,
  Traffic,
  Verdict,
} from './check.js';
import { CHECKS } from './checks/index.js';
import { othersOn } from './checks/agents.js';
import { bridgesOf } from './checks/switch.js';
import type { Scene } from './scene.js';

/** A question to a node. `agent` null: any agent of the node may answer. `keys`: under which the answer is known, one for each probe. */
export type Wanted = Readonly<{
  host: string;
  agent: AgentKind | null;
  question: LookName | 'state';
  params: unknown;
  keys: readonly string[];
}>;
/** Of a question: its answer, or why there is none. */
export type Heard = Readonly<{ answer: unknown }> | Readonly<{ silent: string }>;
/** What was heard so far, by key. */
export type Memory = ReadonlyMap<string, Heard>;

/** An object, a node, or the control plane: what a judgement is about. */
export type On = Readonly<{ kind: string; id: string; name: string }>;
export type Finding = Readonly<{
  check: string;
  on: On;
  whose: AnyCheck['whose'];
  what: string;
  mend: Mend;
  made: Fault['made'] | null;
}>;
export type Examined = Readonly<{
  /** Faults, the first cause first. */
  findings: readonly Finding[];
  /** Checks that found what they looked at to be well, each with how many things it looked at. */
  well: readonly Readonly<{ check: string; things: number }>[];
  unknown: readonly Readonly<{ check: string; on: On; why: string }>[];
  /** What is to be asked before this is the result. Empty: it is. */
  wanted: readonly Wanted[];
}>;

/** Probes of one question (contracts, looks.ts). */
const MOST_PROBES = 60;
/** Kinds that agents of the release before this one do not know: they refuse the whole question, so these go in one of their own. */
const NEW_PROBES: readonly Probe['kind'][] = ['others6'];

/** `forMs`: how long nodes wait for answers to what they send. */
export function examine(known: Known, scene: Scene, traffic: Traffic | null, memory: Memory, forMs: number): Examined {
  const asking = new Asking(memory, forMs);
  const facts = factsOf(known, scene, traffic, asking);
  const findings: Finding[] = [];
  const unknown: Examined['unknown'][number][] = [];
  const well: Examined['well'][number][] = [];
  for (const check of CHECKS) {
    if (check.when && !check.when.includes(scene.sort)) continue;
    let things = 0;
    for (const { on, verdict } of judged(check, facts)) {
      if (verdict?.is === 'well') things += 1;
      if (verdict?.is === 'unknown') unknown.push({ check: check.id, on, why: verdict.why });
      if (verdict?.is === 'fault')
        findings.push({
          check: check.id,
          on,
          whose: check.whose,
          what: verdict.what,
          mend: verdict.mend,
          made: verdict.made ?? null,
        });
    }
    if (things > 0) well.push({ check: check.id, things });
  }
  return { findings, well, unknown, wanted: asking.wanted() };
}

class Asking {
  private readonly single = new Map<string, Wanted>();
  private readonly probes = new Map<string, Map<string, Probe>>();

  constructor(
    private readonly memory: Memory,
    private readonly forMs: number,
  ) {}

  ask<Q extends keyof Answers>(host: string, agent: AgentKind | null, question: Q, params: unknown): Told<Q> {
    const key = JSON.stringify([host, agent, question, params]);
    const heard = this.memory.get(key);
    if (!heard) {
      const patient = question === 'path' ? { ...(params as object), forMs: this.forMs } : params;
      this.single.set(key, { host, agent, question, params: patient, keys: [key] });
      return null;
    }
    return 'answer' in heard ? { told: heard.answer as Answers[Q] } : heard;
  }

  probe(host: string, probe: Probe): ReturnType<Facts['probe']> {
    const key = JSON.stringify([host, 'probe', probe]);
    const heard = this.memory.get(key);
    if (!heard) {
      const ofHost = this.probes.get(host) ?? new Map<string, Probe>();
      this.probes.set(host, ofHost.set(key, probe));
      return null;
    }
    return 'answer' in heard ? { told: heard.answer as never } : heard;
  }

  /** Probes of a host go together. */
  wanted(): readonly Wanted[] {
    const isNew = ([, { kind }]: [string, Probe]): boolean => NEW_PROBES.includes(kind);
    const lists = [...this.probes].flatMap(([host, all]) => {
      const list = [...all];
      return [list.filter((each) => !isNew(each)), list.filter(isNew)].map((some) => [host, some] as const);
    });
    const probes = lists.flatMap(([host, list]) =>
      Array.from({ length: Math.ceil(list.length / MOST_PROBES) }, (_, at): Wanted => {
        const part = list.slice(at * MOST_PROBES, (at + 1) * MOST_PROBES);
        const params = { probes: part.map(([, probe]) => probe), forMs: this.forMs };
        return { host, agent: null, question: 'probe', params, keys: part.map(([key]) => key) };
      }),
    );
    return [...this.single.values(), ...probes];
  }
}

/** The answer of one question, by the keys that it is for. */
export function remembered({ question, keys }: Wanted, heard: Heard): readonly (readonly [string, Heard])[] {
  if (question !== 'probe' || !('answer' in heard)) return keys.map((key) => [key, heard]);
  const { answers } = heard.answer as Answers['probe'];
  return keys.map((key, at) => {
    const answer = answers[at];
    return [key, answer ? { answer } : { silent: 'the node did not answer this probe' }];
  });
}

function factsOf(known: Known, scene: Scene, traffic: Traffic | null, asking: Asking): Facts {
  const { objects } = known;
  // Questions of the broker's side are no use when it is away.
  const away = known.system.broker === null ? null : { silent: `no node can be asked: ${known.system.broker}` };
  const ports = scene.ports.map(({ id, macAddress }) => ({ id, mac: macAddress }));
  const facts: Facts = {
    ...known,
    scene,
    traffic,
    wiring: (host) => {
      const bridges = bridgesOf({ objects, scene }, host).map(({ name }) => name);
      return away ?? asking.ask(host, null, 'wiring', { ports, bridges });
    },
    flows: (host) => away ?? asking.ask(host, null, 'flows', { bridges: bridgesOf({ objects, scene }, host) }),
    namespace: (host, sort, id) => away ?? asking.ask(host, null, 'namespace', { sort, id }),
    probe: (host, probe) => away ?? asking.probe(host, probe),
    path: (host, params) => away ?? asking.ask(host, null, 'path', params),
    state: (host, agent) => away ?? asking.ask(host, agent, 'state', {}),
  };
  return facts;
}

const objectOn = (object: Readonly<{ kind: string; id: string; name: string }>): On => ({
  kind: object.kind,
  id: object.id,
  name: object.name || object.id,
});

const nodeOn = (host: string): On => ({ kind: 'node', id: host, name: host });

/** The things of a sort that the scene has, in its order. */
const THINGS: { readonly [S in ThingSort]: (facts: Facts) => readonly Readonly<{ thing: Things[S]; on: On }>[] } = {
  system: () => [{ thing: null, on: { kind: 'system', id: '', name: 'the control plane' } }],
  node: ({ scene }) => scene.hosts.map((host) => ({ thing: host, on: nodeOn(host) })),
  agent: (facts) => {
    const { scene } = facts;
    const isWhole = scene.sort === 'node' || scene.sort === 'all';
    const others = isWhole ? othersOn(facts) : [];
    return [...scene.agents, ...others].map(({ host, kind }) => ({ thing: { host, kind }, on: nodeOn(host) }));
  },
  placement: ({ scene }) => scene.placements.map((thing) => ({ thing, on: nodeOn(thing.host) })),
  tunnel: ({ scene }) => scene.tunnels.map((thing) => ({ thing, on: nodeOn(thing.from) })),
  network: ({ scene }) => scene.networks.map((thing) => ({ thing, on: objectOn(thing) })),
  router: ({ scene }) => scene.routers.map((thing) => ({ thing, on: objectOn(thing) })),
  port: ({ scene }) => scene.ports.map((thing) => ({ thing, on: objectOn(thing) })),
  floatingip: ({ scene }) =>
    scene.floatingIps.map((thing) => ({
      thing,
      on: { kind: thing.kind, id: thing.id, name: thing.floatingIpAddress },
    })),
};

const judged = <S extends ThingSort>(
  { of, judge }: Check<S>,
  facts: Facts,
): readonly Readonly<{ on: On; verdict: Verdict }>[] =>
  THINGS[of](facts).map(({ thing, on }) => ({ on, verdict: judge(thing, facts) }));

/** Objects of a scene whose reports are to be read. */
export const reportedOf = ({ floatingIps, routers, ports }: Scene): readonly string[] => [
  ...floatingIps.map(keyOf),
  ...routers.map(keyOf),
  ...routers.flatMap(({ interfaces, gateway }) =>
    [...Object.keys(interfaces), ...(gateway ? [gateway.portId] : [])].map((id) => `port/${id}`),
  ),
  ...ports.map(keyOf),
];
