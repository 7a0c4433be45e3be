/** From a request to an answer: finds out what is asked for (route.ts) and has it read (reads.ts) or written (writes.ts). */
import type { Limits, SegmentPolicy } from '@plumbline/domain';
import { EdgeError } from '../errors/edge-error.js';
import type { Idempotency } from '../idempotency.js';
import type { Commands } from './commands.js';
import { Defaults } from './defaults.js';
import { type ApiAnswer, type ApiRequest, ok, type Tools } from './endpoint.js';
import { EXTENSIONS } from './extensions.js';
import { parseFields } from './query.js';
import type { ReadModel } from './read-model.js';
import { Reads, type ReadSettings } from './reads.js';
import { segmentOf, type Surroundings } from './resource.js';
import { type Api, mayReach, route } from './route.js';
import { shown } from './types/attribute-types.js';
import { Writes } from './writes.js';

/** What an operator may set of the Networking API. */
export type Settings = ReadSettings &
  Readonly<{
    segments: SegmentPolicy;
    quotas: Limits;
    /** Servers of DHCP that a network gets. */
    dhcpAgentsPerNetwork: number;
  }>;

export class Dispatcher {
  private readonly reads: Reads;
  private readonly writes: Writes;
  private readonly tools: Tools;

  constructor(
    private readonly api: Api,
    commands: Commands,
    read: ReadModel,
    beside: Pick<Tools, 'agents' | 'instances' | 'doctor' | 'reasons' | 'traces'>,
    settings: Settings,
    idempotency: Idempotency,
  ) {
    const { segments, quotas, dnsDomain, dhcpAgentsPerNetwork } = settings;
    const around: Surroundings = {
      segments,
      quotas,
      dnsDomain,
      fleet: () => read.fleet(),
      dhcpFleet: () => read.dhcpFleet(dhcpAgentsPerNetwork),
    };
    const defaults = new Defaults(commands);
    this.reads = new Reads(read, defaults, settings);
    this.writes = new Writes(commands, read, this.reads, defaults, around, idempotency);
    this.tools = {
      read,
      ...beside,
      around,
      listLimit: settings.listLimit,
      execute: (decide, caller) => this.writes.execute(decide, caller),
    };
  }

  /** Throws DomainError and EdgeError; what else is thrown is a fault of ours or of the database. */
  async answer(request: ApiRequest): Promise<ApiAnswer> {
    const target = route(this.api, request.method, request.path);
    switch (target.is) {
      case 'root':
        return ok(root(this.api, request.origin));
      case 'extensions':
        return ok(extensions(target.alias));
      case 'endpoint':
        mayReach(target, request.caller);
        return target.handler(request, target.ids, this.tools);
      case 'list':
        return ok(await this.reads.list(target.place, request));
      case 'show':
        return ok(await this.reads.one(target.place, target.id, request.caller, parseFields(request.search)));
      case 'create':
        return this.writes.create(target.place, request);
      case 'update':
        return this.writes.update(target.place, target.id, request);
      case 'delete':
        return this.writes.delete(target.place, target.id, request);
      case 'tags':
        return this.writes.tags(target.resource, target.id, target.tag, request);
      case 'action':
        return this.writes.action(target.resource, target.id, target.name, request);
    }
  }
}

function extensions(alias: string | undefined): unknown {
  if (alias === undefined) return { extensions: EXTENSIONS };
  const extension = EXTENSIONS.find((each) => each.alias === alias);
  if (!extension)
    throw new EdgeError('ExtensionNotFound', 'not-found', `Extension with alias ${shown(alias)} does not exist`);
  return { extension };
}

const root = ({ prefix, resources }: Api, origin: string): unknown => ({
  resources: resources
    .filter(({ partOf }) => !partOf)
    .map((resource) => ({
      name: resource.name,
      collection: resource.collection,
      links: [{ rel: 'self', href: `${origin}${prefix}/${segmentOf(resource)}` }],
    })),
});
