/**
 * Why something is there (docs/reference/why.md): from a text to things on nodes, from these to objects by their marks and owners, from objects to events by the log. An
 * administrator hears all of it; a member hears of his project's own objects, and nothing that is not named in `forMember` (libs/reasons).
 *
 * What is not known is no error: an answer says it (`unknown`).
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type AgentKind,
  agentsWhere,
  type AnyObject,
  type ObjectKey,
  type ParamsAsked,
  type Thing,
} from '@plumbline/contracts';
import { notAuthorized } from '@plumbline/domain';
import type { EventStore } from '@plumbline/event-store';
import type { Ledger } from '@plumbline/ledger';
import {
  type EventTold,
  facetsOf,
  forMember,
  goingOf,
  isOperatorsFacet,
  nameOf as titleOf,
  type ObjectTold,
  parseReference,
  type Reference,
  type ThingTold,
  usedBy,
  usesOf,
  type Why,
} from '@plumbline/reasons';
import { together } from '@plumbline/reasons/things';
import { nameOf, streamOfName, type Topology } from '@plumbline/topology';
import { badRequest } from '../errors/edge-error.js';
import type { KnownAgents } from '../observations/known-agents.js';
import type { NodeQuestions } from '../questions/node-questions.js';
import { keep, PastEvents } from './past-events.js';
import { referredBy, saidOf, type Terms } from './referred.js';
import { hostsOf } from './where.js';

export type WhyAsked = Readonly<{
  text: string;
  /** The log as it stood at this position; null: now. */
  at: number | null;
  /** Only this node is looked at; null: those that the text leads to. */
  host: string | null;
}>;
type Asked = Readonly<{ host: string; kind: AgentKind }>;
type Viewer = Readonly<{ role: string; projectId: string }>;

/** Objects, things and names in an answer. */
const MOST = { objects: 10, things: 30, named: 20 } as const;
/** Nodes that are asked at once. */
const MOST_HOSTS = 16;
/** An agent that has its hands full is asked again after a moment, for so long. */
const BUSY = { everyMs: 50, forMs: 2_000 } as const;

export class Reasons {
  private readonly past: PastEvents;
  /** What was told of objects, of the log as it stood at a position: who asks much asks of few. */
  private objects = { of: '', told: new Map<string, Promise<ObjectTold | null>>() };

  constructor(
    private readonly ledger: Pick<Ledger, 'topology' | 'catchUp'>,
    private readonly log: Pick<EventStore, 'read' | 'readStream' | 'streamsUnder' | 'mentions'>,
    private readonly questions: Pick<NodeQuestions, 'ask'>,
    private readonly agents: Pick<KnownAgents, 'hosts' | 'on'>,
  ) {
    this.past = new PastEvents(log);
  }

  /** Rejects as the database does, and with DomainError and EdgeError for what the asker may not ask, or nobody can. */
  async why({ text, at, host }: WhyAsked, viewer: Viewer): Promise<Why> {
    const isAdmin = viewer.role === 'admin';
    if (host !== null && !isAdmin) throw notAuthorized('get_reasons:host');
    if (text.trim() === '')
      throw badRequest("'of' names what is asked about: an object's id, an address, a rule, a flow, a device");
    await this.ledger.catchUp();
    const { topology } = this.ledger;
    if (this.past.about(topology)) this.objects = { of: '', told: new Map() };
    const position = at ?? topology.position;
    if (position > topology.position)
      throw badRequest(`the log ends at position ${topology.position}; there is no position ${position} yet`);
    const reference = parseReference(text);
    const project = isAdmin ? null : viewer.projectId;
    const terms: Terms = { topology, log: this.log, upTo: position, searches: isAdmin, project };
    const { keys: there, unsaid, beside } = await referredBy(reference, terms);
    const says: string[] = [];
    const asked = isAdmin && at === null ? this.whomToAsk(reference, there, host, says) : [];
    const recent = await this.thingsOf(asked, reference, false, says);
    // What is on a node and ours is explained by its mark: neither nodes nor the log need be looked through for it.
    const [{ things }, said] = await Promise.all([
      recent.things.length > 0 ? recent : this.thingsOf(recent.heard, reference, true, says),
      recent.things.some(({ owner }) => owner !== null)
        ? null
        : saidOf(asked.length > 0 ? [...beside, ...unsaid] : unsaid, terms),
    ]);
    says.push(...(said?.unknown ?? []));
    const named = [...(said?.keys ?? []), ...there];
    if (isAdmin && at !== null && named.length === 0 && reference.event === null && reference.positions.length === 0)
      says.push(
        'what nodes had at an earlier position: they are asked what they have now. "plumb replay --node <host> --at <position> --dry-run" prints what a node was to have then',
      );
    const positions = [...(reference.event === null ? [] : [reference.event]), ...reference.positions].filter(
      (each) => each <= position,
    );
    const shown = new Set(things.map((thing) => thing.position));
    const events = await this.eventsAt(
      positions.filter((each) => !shown.has(each)),
      says,
    );
    const keys = new Set<ObjectKey>([
      ...named,
      ...things.flatMap(({ owner }) => (owner !== null && isKey(owner) ? [owner] : [])),
      ...events.flatMap(({ object }) => (object === null ? [] : [object])),
    ]);
    const told = await Promise.all(
      [...keys].slice(0, MOST.objects).map((key) => this.objectAt(key, position, at !== null, project)),
    );
    if (keys.size > MOST.objects)
      says.push(`${keys.size - MOST.objects} more objects that "${text}" leads to: ask by id`);
    const objects = told.filter((each) => each !== null);
    const seen = isAdmin
      ? events
      : events
          .filter(({ object }) => objects.some(({ key }) => key === object))
          .map((event) => forMember(event, viewer.projectId));
    const toldThings = await Promise.all(things.map((thing) => this.thingTold(thing, topology)));
    const answer = { asked: reference.text, position, things: toldThings, events: seen, objects };
    return { ...answer, unknown: [...new Set([...says, ...unkept(answer)])] };
  }

  /** Agents that may have what is named. None where the text is an object, and no node was named. */
  private whomToAsk(
    { object, event }: Reference,
    named: readonly ObjectKey[],
    host: string | null,
    unknown: string[],
  ): readonly Asked[] {
    const { topology } = this.ledger;
    if (host === null && ((object !== null && named.length > 0) || event !== null)) return [];
    const lead = named.flatMap((key) => topology.byKey(key) ?? []).flatMap((each) => hostsOf(topology, each));
    const all = host !== null ? [host] : lead.length > 0 ? [...new Set(lead)] : [...this.agents.hosts()].sort();
    if (all.length === 0) unknown.push('what is on nodes: none has reported yet');
    if (all.length > MOST_HOSTS) {
      unknown.push(`which of ${all.length} nodes has it: name one (--node, "host")`);
      return [];
    }
    const kinds = agentsWhere(({ answers }) => answers.includes('things'));
    return all.flatMap((each) => {
      const there = this.agents.on(each).filter(({ kind }) => kinds.includes(kind));
      for (const { kind, alive } of there)
        if (!alive) unknown.push(`what the ${kind} agent of ${each} sees: it is silent`);
      if (there.length === 0) unknown.push(`what is on ${each}: no agent of it was ever heard`);
      return there.filter(({ alive }) => alive).map(({ kind }) => ({ host: each, kind }));
    });
  }

  /** What nodes say, and which agents said anything. `anew`: what they do not know of is looked for. */
  private async thingsOf(
    asked: readonly Asked[],
    { text, positions }: Reference,
    anew: boolean,
    unknown: string[],
  ): Promise<Readonly<{ things: readonly (Thing & { host: string })[]; heard: readonly Asked[] }>> {
    const params = { text, positions: positions.slice(0, 10), most: MOST.things, anew };
    const told = await Promise.all(asked.map((each) => this.thingsBy(each, params, unknown)));
    const found = told.flatMap((things) => things ?? []);
    const hosts = [...new Set(asked.map(({ host }) => host))];
    const things = hosts.flatMap((host) => together(found.filter((thing) => thing.host === host)));
    return { things: things.slice(0, MOST.things), heard: asked.filter((_, at) => told[at] !== null) };
  }

  /** Null: it does not say. */
  private async thingsBy(
    { host, kind }: Asked,
    params: ParamsAsked<'things'>,
    unknown: string[],
  ): Promise<(Thing & { host: string })[] | null> {
    let told = await this.questions.ask(host, kind, 'things', params);
    for (const end = performance.now() + BUSY.forMs; 'busy' in told && performance.now() < end;) {
      await delay(BUSY.everyMs);
      told = await this.questions.ask(host, kind, 'things', params);
    }
    if ('unknown' in told) {
      unknown.push(told.unknown);
      return null;
    }
    const { things, all } = told.answer;
    if (all > things.length) unknown.push(`${all - things.length} more things of ${host} that "${params.text}" names`);
    if (told.state !== 'in-sync')
      unknown.push(
        `whether the ${kind} agent of ${host} wants this still: it is ${told.state} at position ${told.position}`,
      );
    return things.map((thing) => ({ ...thing, host }));
  }

  private async thingTold(thing: Thing & { host: string }, topology: Topology): Promise<ThingTold> {
    const { owner, position, found, host } = thing;
    const object = owner !== null && isKey(owner) ? topology.byKey(owner) : undefined;
    const event = position === null || position === 0 ? null : await this.past.at(position);
    return { ...thing, host, event, going: goingOfThing(found, object) };
  }

  private async eventsAt(positions: readonly number[], unknown: string[]): Promise<EventTold[]> {
    const told = await Promise.all(
      positions.slice(0, MOST.objects).map(async (position) => ({ position, event: await this.past.at(position) })),
    );
    for (const { position, event } of told)
      if (!event) unknown.push(`event ${position}: this log has none at that position`);
    return told.flatMap(({ event }) => event ?? []);
  }

  private objectAt(key: ObjectKey, upTo: number, isPast: boolean, project: string | null): Promise<ObjectTold | null> {
    const { topology } = this.ledger;
    const of = `${upTo} ${topology.position} ${isPast} ${project}`;
    if (this.objects.of !== of) this.objects = { of, told: new Map() };
    const { told } = this.objects;
    const before = told.get(key);
    if (before) return before;
    const telling = this.objectTold(key, upTo, isPast, project);
    keep(told, key, telling);
    telling.catch(() => told.delete(key));
    return telling;
  }

  /** Null: there is no such object and was none, or it is not the project's. */
  private async objectTold(
    key: ObjectKey,
    upTo: number,
    isPast: boolean,
    project: string | null,
  ): Promise<ObjectTold | null> {
    const { topology } = this.ledger;
    const { kind, id } = nameOf(key);
    const now = topology.byKey(key);
    // Who may not have the log read through for it hears nothing of what was a part of something else and is gone.
    const stream = streamOfName(kind, id, now) ?? (project === null ? await this.streamOf(key, upTo) : null);
    if (stream === null) return null;
    const version = topology.knowsVersionOf(stream) ? topology.versionOf(stream) : null;
    const steps = await this.past.historyOf(stream, key, upTo, version);
    const last = steps.at(-1);
    const object = last?.after ?? last?.before;
    if (!last || !object || (project !== null && object.projectId !== project)) return null;
    const mine = (event: EventTold): EventTold => (project === null ? event : forMember(event, project));
    const at = new Map(steps.map((step) => [step.recorded.position, step]));
    const set = await Promise.all(
      facetsOf(object).map(async ({ position, facets }) => {
        const step = at.get(position);
        const event = step ? await this.past.tell(step.recorded, step) : await this.past.at(position);
        const shown = project === null ? facets : facets.filter((facet) => !isOperatorsFacet(facet));
        return event && shown.length > 0 ? [{ facets: shown, event: mine(event) }] : [];
      }),
    );
    const sees = (each: AnyObject): boolean => project === null || each.projectId === project;
    const { some, count } = last.after && !isPast ? usedBy(topology, object, MOST.named, sees) : { some: [], count: 0 };
    return {
      ...{ key, name: titleOf(object), project: object.projectId, set: set.flat() },
      ended: last.after ? null : mine(await this.past.tell(last.recorded, last)),
      uses: usesOf(topology, object).filter(
        (each) => project === null || topology.byKey(each.key)?.projectId === project,
      ),
      used: { by: some, count },
      going: last.after && now ? goingOf(now, count > 0) : null,
    };
  }

  /** Of an object that is gone and was written in another's stream. */
  private async streamOf(key: ObjectKey, upTo: number): Promise<string | null> {
    const { id } = nameOf(key);
    const found = await this.log.mentions(`"${id}"`, { upTo, most: 1, withinMs: 2_000 });
    return found?.[0]?.stream ?? null;
  }
}

const isKey = (text: string): text is ObjectKey => /^[a-z]+\/[^/]+$/.test(text);

function goingOfThing(found: Thing['found'], object: AnyObject | undefined): ThingTold['going'] {
  if (found === 'foreign') return { who: 'whoever made it', how: 'removes it: nothing here does', request: null };
  if (found === 'left-over')
    return { who: 'the agent', how: 'removes it by itself at its next look, once it is in sync', request: null };
  return object ? goingOf(object, false) : null;
}

/** Requests that are not known, in words. */
function unkept({ things, events, objects }: Pick<Why, 'things' | 'events' | 'objects'>): string[] {
  const all = [
    ...events,
    ...things.flatMap(({ event }) => event ?? []),
    ...objects.flatMap(({ set, ended }) => [...set.map(({ event }) => event), ...(ended ? [ended] : [])]),
  ];
  const without = new Set(
    all.flatMap(({ position, request, user }) =>
      request && request.method === undefined && user !== 'plumbline' ? [position] : [],
    ),
  );
  return without.size === 0
    ? []
    : [
        `what was sent for event${without.size > 1 ? 's' : ''} ${[...without].sort((a, b) => a - b).join(', ')}: a release that did not keep it stored them, or no request led to them`,
      ];
}
