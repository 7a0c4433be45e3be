/**
 * Two projects and an administrator of a third, as people who log in: A's member and reader, B's member, the cloud's admin. The specs try what
 * they may see and do on the running API, and compare it with the domain's own answer about the objects of the log.
 */
import { AnyObject, type Kind, type ObjectKey } from '@plumbline/contracts';
import type { Actor } from '@plumbline/domain';
import { Topology } from '@plumbline/topology';
import type { Answer, ApiProcess } from './api-process.js';
import { IdentityProcess } from './identity-process.js';
import { ObservedNode } from './observed.js';

export const PERSONAS = {
  owner: { project: 'A', role: 'member' },
  reader: { project: 'A', role: 'reader' },
  other: { project: 'B', role: 'member' },
  admin: { project: 'ops', role: 'admin' },
} as const;
export type Persona = keyof typeof PERSONAS;
export const EVERYBODY = Object.keys(PERSONAS) as readonly Persona[];
/** Who can own things. */
export type Maker = Exclude<Persona, 'reader'>;

/** A well-formed id that no object has. */
export const NOBODY = '00000000-0000-4000-8000-00000000dead';

export type Fields = Readonly<Record<string, unknown>>;

export class PolicyWorld {
  private readonly things = new Map<string, Promise<string>>();
  private used = 0;

  private constructor(
    readonly identity: IdentityProcess,
    private readonly node: ObservedNode,
    private readonly tokens: Readonly<Record<Persona, string>>,
    private readonly projects: Readonly<Record<string, string>>,
  ) {}

  static async start(): Promise<PolicyWorld> {
    const users = EVERYBODY.map((name) => ({ name, ...PERSONAS[name] }));
    const identity = await IdentityProcess.start(users, {
      PLUMB_QUOTAS: '*=-1',
      PLUMB_REQUESTS_PER_SECOND: '0',
      PLUMB_VLAN_RANGES: 'physnet1:100:199',
    });
    const node = await ObservedNode.start(identity.api, 'policy1');
    const tokens: Partial<Record<Persona, string>> = {};
    const projects: Record<string, string> = {};
    for (const name of EVERYBODY) {
      const { project } = PERSONAS[name];
      const token = await identity.token(name, project);
      const said = await identity.api.call('GET', '/v3/auth/tokens', undefined, {
        'x-auth-token': token,
        'x-subject-token': token,
      });
      tokens[name] = token;
      projects[project] = (said.body as { token: { project: { id: string } } }).token.project.id;
    }
    return new PolicyWorld(identity, node, tokens as Record<Persona, string>, projects);
  }

  async stop(): Promise<void> {
    await this.node.stop();
    await this.identity.stop();
  }

  get api(): ApiProcess {
    return this.identity.api;
  }

  projectOf(persona: Persona): string {
    return this.projects[PERSONAS[persona].project] as string;
  }

  actor(persona: Persona): Actor {
    return { projectId: this.projectOf(persona), role: PERSONAS[persona].role };
  }

  as(persona: Persona, method: string, path: string, body?: unknown): Promise<Answer> {
    return this.api.call(method, `/v2.0/${path}`, body, { 'x-auth-token': this.tokens[persona] });
  }

  /** The header by which this persona logs in. */
  tokenOf(persona: Persona): Readonly<Record<string, string>> {
    return { 'x-auth-token': this.tokens[persona] };
  }

  /** Creates an object and returns its id. `path`: below /v2.0. */
  async make(persona: Persona, path: string, name: string, fields: Fields): Promise<string> {
    const answer = await this.as(persona, 'POST', path, { [name]: fields });
    if (answer.status !== 201)
      throw new Error(`${persona} POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return (answer.body as Record<string, { id: string }>)[name]?.id as string;
  }

  /** One object for all callers that use this name. */
  once(name: string, make: () => Promise<string>): Promise<string> {
    const thing = this.things.get(name) ?? make();
    this.things.set(name, thing);
    return thing;
  }

  /** A number that was not given before, for addresses. */
  next(): number {
    return (this.used += 1);
  }

  /** Ids of all objects there are. */
  async ids(): Promise<ReadonlySet<string>> {
    const { rows } = await this.api.database.query<{ id: string }>('SELECT id FROM plumbline.objects');
    return new Set(rows.map(({ id }) => id));
  }

  /** All objects of the log, as the read models hold them now. */
  async topology(): Promise<Topology> {
    const { rows } = await this.api.database.query<{ kind: Kind; id: string; doc: unknown }>(
      'SELECT kind, id, doc FROM plumbline.objects ORDER BY position',
    );
    const topology = new Topology();
    for (const { kind, id, doc } of rows) {
      const key: ObjectKey = `${kind}/${id}`;
      topology.put(key, AnyObject.parse({ ...(doc as object), setAt: {} }));
    }
    return topology;
  }
}
