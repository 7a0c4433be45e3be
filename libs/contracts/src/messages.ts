/**
 * What travels over NATS between API and agents. Core NATS is fast and lossy; the numbers in these messages are what makes a loss visible
 * (docs/design/delivery.md). Subjects: subjects.ts.
 *
 * API and agents may be of different releases, so a name that a reader does not know (a kind of agent, a kind of object, a state) is no reason to refuse
 * the message that bears it: names that only some readers act on are plain words here, and an item of a list that cannot be read is left out alone. Only
 * an object of a known kind that cannot be read is more than that: what it stands for must be left as it is on the node (`unreadable`).
 */
import { z } from 'zod';
import { AnyObject, Kind, KINDS } from './objects.js';
import { Recorded } from './events.js';
import { HostName } from './host-names.js';
import { Hash, Id, IpAddress, LinkName, Position, Word } from './primitives.js';

/** Name of an availability zone. */
export const ZoneName = z.string().regex(/^[\w.-]{1,64}$/, 'letters, digits, "_", "-" and ".", at most 64');

/** The items of a list that this release can read; the others are left out. */
const readableOf = <Item extends z.ZodType>(item: Item) =>
  z.array(z.unknown()).transform((list): z.output<Item>[] =>
    list.flatMap((each) => {
      const read = item.safeParse(each);
      return read.success ? [read.data] : [];
    }),
  );

const ObjectName = z.object({ kind: z.enum(KINDS as [Kind, ...Kind[]]), id: z.string() });

/** `set`: absent in messages of the release before this one. */
const Part = z.object({
  index: z.number().int().min(1),
  of: z.number().int().min(1),
  set: z.string().max(64).optional(),
});

/**
 * One step of a host's feed. `position` is the global one at which the message leaves the host; `prev` that of this host's message before it.
 * - `prev` equal to the reader's position: apply events, then take out `left`, then put in `entered`.
 * - `prev: null`: from nothing. `entered` (over all parts) is the whole view; whatever else the reader has, leaves.
 * - `prev` equal to `position`: nothing happened; the log vouches for its hash at that position. Each answer to a replay request that was not from nothing
 *   begins with it, so that a reader knows its own past to be of this log before it takes in more.
 * - any other `prev`: a hole; the reader asks.
 * A message too large for the broker is sent in parts 1..of with equal `position`; a reader applies it when it has all. `part.set` is the same on all parts of one
 * cut, and another on those of another one: two processes of the API may cut the same message differently. If one event or object alone is too large for a part,
 * the whole message is sent as slices of its text (`FeedSlice`).
 */
export const FeedMessage = z.object({
  log: Id,
  host: HostName,
  prev: Position.nullable(),
  position: Position,
  /** Chain hash of the log at `position`. */
  hash: Hash,
  catalogue: z.number().int(),
  part: Part,
  entered: z.array(AnyObject),
  /** `elsewhere`: it did not end, it runs on another host from now on, or was taken off this one so that it may. Absent where that is not said. */
  left: z.array(ObjectName.extend({ elsewhere: z.boolean().optional() })),
  events: z.array(Recorded),
  /**
   * A reader's own note, never sent by the API: objects that entered and that its release cannot read (`parseFeed` in libs/messaging). They are frozen, so
   * that nothing of theirs is removed.
   */
  unreadable: z.array(ObjectName).optional(),
});
export type FeedMessage = Readonly<z.infer<typeof FeedMessage>>;

/**
 * A piece of the JSON text of a `FeedMessage`, in base64. The pieces of all parts, in order, are the text. An agent of the release before this one takes it for no
 * feed message and keeps asking: it must not take a message for whole that lacks its largest object.
 */
export const FeedSlice = z.object({
  log: Id,
  host: HostName,
  prev: Position.nullable(),
  position: Position,
  slice: Part,
  text: z.base64(),
});
export type FeedSlice = Readonly<z.infer<typeof FeedSlice>>;
/** What is sent on a feed besides refusals. */
export type FeedPart = FeedMessage | FeedSlice;

/** One run of an agent: the kernel's boot id and the start of its process. */
const Run = z.string().max(120);
export const runOf = (boot: string, startedAt: string): string => `${boot} ${startedAt}`;

/**
 * The machine that an agent runs on, as it says in its reports. A name may be given to two machines by mistake; the API lets one of them own it (docs/design/
 * delivery.md, "Whose node it is").
 */
export const Machine = z.object({
  /** Made at the machine's first start and kept in its state folder; null: it cannot be read there, and `fault` says why. */
  id: Id.nullable(),
  /** The kernel's boot id: another one after each boot. */
  boot: z.string().max(64),
  /** The highest `Owner.term` of this agent that this run has heard of; 0: of none. */
  heard: z.number().int().nonnegative(),
  fault: z.string().max(500).optional(),
});
export type Machine = Readonly<z.infer<typeof Machine>>;

/** The machine that owns a host's name, as a beacon says it to one kind of agent. */
export const Owner = z.object({
  machine: Id,
  /** The run of this kind of agent whose reports are taken; null: none has reported yet. */
  run: Run.nullable(),
  /** Grows whenever another run or machine owns. */
  term: z.number().int().nonnegative(),
  /** Two runs with this machine's identity were alive at once: neither owns, until an operator releases the name. */
  contested: z.boolean(),
});
export type Owner = Readonly<z.infer<typeof Owner>>;

/** Every half second: where this host's feed stands, so that even the loss of its last message is seen within a second. */
export const Beacon = z.object({
  log: Id,
  host: HostName,
  /** Position of the last message for this host; 0 when there was none. */
  position: Position,
  /** Head of the whole log. */
  head: Position,
  /** Kinds of agent whose report the API does not have, and wants in full. Each agent looks for its own. */
  report: z.array(z.string()),
  /** Kind of agent -> who owns. A kind that is missing: nobody yet. Absent: an API of the release before this one, which does not ask. */
  owners: z.record(z.string(), Owner).optional(),
});
export type Beacon = Readonly<z.infer<typeof Beacon>>;

/** "Everything for me after `position`." The host is taken from the subject, never from here. `hash` null: from nothing. */
export const ReplayRequest = z.object({ log: Id.nullable(), position: Position, hash: Hash.nullable() });
export type ReplayRequest = Readonly<z.infer<typeof ReplayRequest>>;

/** Answer to a request whose log id, position or hash is not of this log. The agent leaves its node as it is and reports. */
export const FeedRefusal = z.object({
  log: Id,
  host: HostName,
  /** Why: `other-log`, `position-ahead`, `hash-differs`. A reason that the agent does not know is a refusal all the same. */
  refused: Word,
  /** What was asked with, so that the agent knows that this answers it. */
  request: ReplayRequest,
  head: Position,
});
export type FeedRefusal = Readonly<z.infer<typeof FeedRefusal>>;

/** Kind of an agent as a subject names it: of this release (AgentKind) or of another. */
export const AnyAgentKind = Word;

/**
 * - `in-sync`: the view is at its host's head.
 * - `restored`: running from the snapshot on disk, unverified; nothing is removed.
 * - `catching-up`: a hole is being mended.
 * - `foreign-log`: the control plane speaks of another log; the node is left as it is until `plumb node rebind`.
 * - `not-owner`: another machine owns this host's name; the node is left as it is until `plumb node release`.
 */
export const AgentState = z.enum(['in-sync', 'restored', 'catching-up', 'foreign-log', 'not-owner']);
export type AgentState = z.infer<typeof AgentState>;

/** Characters of a status's reason. The agent shortens a longer one and says so (`shortened` in libs/agent-runtime). */
export const MOST_REASON = 500;
/** Pages of one report: some millions of statuses. */
const MOST_PAGES = 1_000;
/** Troubles that a report names; `troubleCount` counts them all. */
export const MOST_TROUBLES = 20;
/** Frozen objects that a report names; `frozenCount` counts them all. */
export const MOST_FROZEN = 100;

/** Why a port is DOWN that is plugged and wired on a host to which its binding is not active. The API tells Nova by it that an instance may move there: keep the words. */
export const NOT_ACTIVE_HERE = 'its binding to this host is not active: nothing passes until it is activated';

/**
 * Status of one object on this node, read back from the node at `position`: the view's position when it was rendered, or of the event that last set anything by which
 * the object is what it is on this node. A status that is said once holds until another one is said.
 */
export const ObjectStatus = z.object({
  kind: z.enum(KINDS as [Kind, ...Kind[]]),
  id: z.string(),
  position: Position,
  status: z.enum(['ACTIVE', 'DOWN', 'ERROR', 'ABSENT']),
  reason: z.string().max(MOST_REASON).optional(),
});
export type ObjectStatus = Readonly<z.infer<typeof ObjectStatus>>;

/** From agent to API; also the heartbeat (every 5 s at the latest). Observations, not events: no fold reads them. */
export const Report = z.object({
  log: Id.nullable(),
  /** An `AgentState`, or what a later release's agent says. Anything but `in-sync` is not in sync. */
  state: Word,
  /** Counts the reports since `startedAt`: several API processes share the reports, and a later one may be stored first. */
  sequence: z.number().int().nonnegative(),
  /** The view's position that was applied last. */
  position: Position,
  /**
   * True: `objects`, and those of the reports that follow it, are all there is: forget what was reported before. An API of this release looks at `page.full`
   * where there is a page; this field is for one that does not know pages, and so it is true on the first page alone.
   */
  full: z.boolean(),
  /**
   * A report that is larger than one message is sent as several of this type: page `index` of `of`, in any order. `report` is the same on all of them, and
   * grows with each report of a run. `full`: the pages together are all there is; what none of them names is forgotten, once all of them have arrived. Absent: an
   * agent of the release before this one.
   */
  page: z
    .object({
      report: z.number().int().positive(),
      index: z.number().int().min(1).max(MOST_PAGES),
      of: z.number().int().min(1).max(MOST_PAGES),
      full: z.boolean(),
    })
    .refine(({ index, of }) => index <= of, 'no such page')
    .optional(),
  /**
   * True until this run of the agent has looked at its whole node once: what its reports do not name by then is not forgotten, because it may be there. The full
   * report behind that look forgets it. Absent: it has, or it is an agent of the release before this one.
   */
  unread: z.literal(true).optional(),
  /** Statuses of a kind or a value that the reader does not know are left out. */
  objects: readableOf(ObjectStatus),
  /** Objects frozen by an event this agent does not know: the first MOST_FROZEN. */
  frozen: z.array(z.object({ key: z.string(), position: Position, type: z.string() })),
  /** How many objects are frozen, where there are more than `frozen` names. */
  frozenCount: z.number().int().nonnegative().optional(),
  /** A message or view that this agent could not fold: it threw. `mended`: a full view was folded since. */
  fault: z
    .object({
      position: Position,
      reason: z.string().max(MOST_REASON),
      count: z.number().int().positive(),
      mended: z.boolean(),
    })
    .optional(),
  /**
   * What is not well on this node and is no status of an object that users see: a sentence each, with who can mend it. The first MOST_TROUBLES. Absent: nothing, or an
   * agent of the release before this one.
   */
  troubles: z.array(z.string().max(MOST_REASON)).max(MOST_TROUBLES).optional(),
  /** How many there are, where there are more than `troubles` names. */
  troubleCount: z.number().int().nonnegative().optional(),
  /** Foreign changes to what is ours, found and put back since the agent started. */
  driftRepaired: z.number().int().nonnegative(),
  startedAt: z.iso.datetime(),
  /** Absent: an agent of the release before this one. */
  machine: Machine.optional(),
  /** The agent's availability zone, when it has one: routers are scheduled by it. */
  availabilityZone: ZoneName.optional(),
  /** What this node is: becomes NodeRegistered when it changed (sent by the OVS agent). */
  node: z
    .object({
      tunnelIp: IpAddress.nullable(),
      bridgeMappings: z.record(z.string(), LinkName),
      datapathType: z.string(),
      bfd: z.boolean().optional(),
      /** As `Node.firewall`. Absent: an agent of the release before, which enforces nothing. */
      firewall: Word.optional(),
    })
    .optional(),
});
export type Report = Readonly<z.infer<typeof Report>>;
