/**
 * What a check of `plumb doctor` is. A check is data and one pure function: of what it is, when it applies, what it must know, and how it judges. The list of all
 * (`checks/index.ts`) is in the order in which causes come: of several that are found, the first is the one to mend first. docs/reference/doctor.md is made of it.
 */
import type {
  AgentKind,
  AnswerOf,
  EventType,
  FloatingIp,
  LookName,
  Network,
  PacketLookName,
  ParamsAsked,
  Port,
  Probe,
  Router,
} from '@plumbline/contracts';
import type { Scene } from './scene.js';
import type { Objects, SubjectSort } from './subject.js';

/** Packets that must arrive, when whoever asks names some. */
export type Traffic = Readonly<{ protocol: 'tcp' | 'udp' | 'icmp'; port: number }>;

/** The event that made it so: the last one of this stream with one of these types and these data. Resolved from the log by whoever shows it. */
export type Made = Readonly<{
  stream: string;
  types: readonly EventType[];
  data?: Readonly<Record<string, unknown>>;
}>;

/** Who can mend it, and how: a command, a request or what to do in words. */
export type Mend = Readonly<{ by: 'owner' | 'administrator' | 'guest'; how: string }>;

export type Fault = Readonly<{
  is: 'fault';
  /** One sentence: what is wrong. Of a check that is the project's own, without hosts. */
  what: string;
  mend: Mend;
  made?: Made;
}>;
/**
 * - `well`: looked at, and right. - `unknown`: it could not be found out, and why. - `pending`: a node was asked and has not answered yet. - null: it does not apply.
 */
export type Verdict =
  Readonly<{ is: 'well' }> | Fault | Readonly<{ is: 'unknown'; why: string }> | Readonly<{ is: 'pending' }> | null;
export const WELL = { is: 'well' } as const;
export const PENDING = { is: 'pending' } as const;
export const unknown = (why: string): Verdict => ({ is: 'unknown', why });
export const fault = (what: string, mend: Mend, made?: Made): Fault => ({
  is: 'fault',
  what,
  mend,
  ...(made && { made }),
});
export const byOwner = (how: string): Mend => ({ by: 'owner', how });
export const byAdministrator = (how: string): Mend => ({ by: 'administrator', how });
export const inGuest = (how: string): Mend => ({ by: 'guest', how });

export type { Objects } from './subject.js';

/** An agent as the control plane sees it. */
export type AgentFacts = Readonly<{
  host: string;
  kind: AgentKind;
  /** It reported within the last 15 s. */
  alive: boolean;
  heardAt: string;
  /** `AgentState`, or a word of another release. */
  state: string;
  adminStateUp: boolean;
  troubles: readonly string[];
}>;
/** Machines that report under a host's name and do not own it. */
export type RefusedMachine = Readonly<{ host: string; machine: string; reason: string }>;

/** What an agent reported of an object. */
export type Said = Readonly<{
  host: string;
  agent: string;
  status: string;
  reason: string;
  /** Of the view that it is about. */
  position: number;
}>;

export type SystemFacts = Readonly<{
  /** Why the database does not answer; null: it does. */
  database: string | null;
  /** Why nodes are not reached; null: they are. */
  broker: string | null;
}>;

/** What is known without asking a node. */
export type Known = Readonly<{
  objects: Objects;
  system: SystemFacts;
  /** Null: the database does not answer, so it is not known. */
  agents: readonly AgentFacts[] | null;
  refused: readonly RefusedMachine[];
  /** By `<kind>/<id>`. */
  said: ReadonlyMap<string, readonly Said[]>;
  /** Least bytes that an agent's disk must have free. */
  leastFreeBytes: number;
}>;

export type Told<Q extends keyof Answers> = Readonly<{ told: Answers[Q] }> | Readonly<{ silent: string }> | null;
/** Checks think of no single packet: that is a trace's (trace/walk.ts). */
export type Answers = { [L in Exclude<LookName, PacketLookName>]: AnswerOf<L> } & { state: AnswerOf<'state'> };
export type ProbeAnswer = AnswerOf<'probe'>['answers'][number];

/** What a check may know. A question that was not asked yet is asked, and null is answered: the check is judged again when there is an answer. */
export type Facts = Known &
  Readonly<{
    scene: Scene;
    traffic: Traffic | null;
    /** Ports and provider bridges of the scene on a host. */
    wiring(host: string): Told<'wiring'>;
    flows(host: string): Told<'flows'>;
    namespace(host: string, sort: 'router' | 'network', id: string): Told<'namespace'>;
    probe(host: string, probe: Probe): Readonly<{ told: ProbeAnswer }> | Readonly<{ silent: string }> | null;
    path(host: string, params: Omit<ParamsAsked<'path'>, 'forMs'>): Told<'path'>;
    /** Of this very agent. */
    state(host: string, agent: AgentKind): Told<'state'>;
  }>;

/** What a check is about: one of each in the scene is judged by itself. */
export type Things = Readonly<{
  system: null;
  node: string;
  /** An agent that the scene needs. */
  agent: Readonly<{ host: string; kind: AgentKind }>;
  /** A network on a host that packets of the scene pass there. */
  placement: Readonly<{ network: Network; host: string }>;
  /** Two hosts that share a VXLAN network. */
  tunnel: Readonly<{ from: string; to: string; network: Network }>;
  network: Network;
  router: Router;
  /** An instance's port, or one that stands for an address. */
  port: Port;
  floatingip: FloatingIp;
}>;
export type ThingSort = keyof Things;

export type Check<S extends ThingSort = ThingSort> = Readonly<{
  /** Stable: programs match on it. */
  id: string;
  /** What each judgement is about. */
  of: S;
  /** In which questions it is looked at; absent: in all. */
  when?: readonly SubjectSort[];
  /** What it must know. */
  needs: readonly ('log' | 'reports' | LookName | 'state')[];
  /** The fault that it finds, as the table of the reference says it. */
  finds: string;
  /** How it is mended, in general. */
  mends: string;
  /** `project`: what is wrong is the project's own, and its members are told the sentence. `cloud`: they are told that something of the cloud is wrong, and whom to ask. */
  whose: 'project' | 'cloud';
  judge(thing: Things[S], facts: Facts): Verdict;
}>;

/** For a list of checks of any sort. */
export type AnyCheck = { [S in ThingSort]: Check<S> }[ThingSort];
/** Has `of` say what `judge` gets. */
export const check = <S extends ThingSort>(declared: Check<S>): Check<S> => declared;

/** What was told, or the verdict to give when it was not. */
export function answered<T>(
  told: Readonly<{ told: T }> | Readonly<{ silent: string }> | null,
): Readonly<{ told: T }> | Readonly<{ verdict: Verdict }> {
  if (told === null) return { verdict: PENDING };
  return 'told' in told ? told : { verdict: unknown(told.silent) };
}
