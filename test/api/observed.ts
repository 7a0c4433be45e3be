/** A node as the API sees it: reports over NATS, as an agent sends them. */
import { connect, NatsConnection } from '@nats-io/transport-node';
import { AgentKind, ObjectStatus, Report, subjects } from '@plumbline/contracts';
import { type ApiProcess, eventually } from './api-process.js';

type Said = Omit<ObjectStatus, 'position'> & { position: number };

/** As real agents do; one that says nothing for 15 s counts as silent, and gets no routers. */
const BEAT_MS = 5_000;
/** How soon a node says that it made a router; a real one takes a fraction of a second. */
const MAKE_MS = 100;
const UNMADE = `
SELECT r.id FROM plumbline.routers r WHERE r.doc ->> 'host' = $1 AND NOT EXISTS (SELECT FROM plumbline.object_status s
  WHERE s.object_kind = 'router' AND s.object_id = r.id AND s.host = $1 AND s.position >= (r.set_at ->> 'host')::bigint)`;

export class ObservedNode {
  private sequence = 0;
  private readonly published = new Map<AgentKind, number>();
  private readonly startedAt = new Date().toISOString();
  private heart: NodeJS.Timeout | undefined;
  private maker: NodeJS.Timeout | undefined;
  /** How it says that it enforces security groups; undefined: as an agent of the release before, not at all. */
  firewall: string | undefined = 'openflow';
  bridgeMappings: Record<string, string> = { physnet1: 'br-ex' };
  /** What its reports say instead of what they say by default. */
  said: Partial<Report> = {};

  private constructor(
    private readonly api: ApiProcess,
    private readonly nats: NatsConnection,
    readonly host: string,
    private readonly tunnelIp: string,
    private readonly zone: string | undefined,
  ) {}

  /** A node with both agents and `physnet1` on `br-ex`, admitted to all of it; returns when the API knows it. Each node of an API has a tunnel address of its own. */
  static async start(api: ApiProcess, host: string, tunnelIp = '10.9.0.1', zone?: string): Promise<ObservedNode> {
    const node = new ObservedNode(api, await connect({ servers: api.natsUrl }), host, tunnelIp, zone);
    try {
      await api.admit([host]);
      await node.report('l3', []);
      await eventually(async () => {
        // Again and again, as an agent does: the process that takes it in may not have heard of the admission.
        await node.report('ovs', []);
        const { rows } = await api.database.query('SELECT FROM plumbline.nodes WHERE id = $1', [host]);
        return rows.length > 0 ? true : undefined;
      });
      return node;
    } catch (error) {
      await node.stop();
      throw error;
    }
  }

  /** The same node as far as nobody has admitted it; returns when the API shows its agents. */
  static async unadmitted(api: ApiProcess, host: string, tunnelIp: string, zone?: string): Promise<ObservedNode> {
    const node = new ObservedNode(api, await connect({ servers: api.natsUrl }), host, tunnelIp, zone);
    for (const agent of ['ovs', 'l3'] as const) await node.report(agent, []);
    return node;
  }

  /** Sends the report until the API has it: core NATS loses what is sent before the API has subscribed. */
  async report(agent: AgentKind, objects: readonly Said[]): Promise<void> {
    await eventually(async () => {
      this.publish(agent, objects);
      await this.nats.flush();
      return this.isKnown(agent, objects);
    });
  }

  private publish(agent: AgentKind, objects: readonly Said[]): void {
    const report: Report = {
      log: null,
      state: 'in-sync',
      sequence: (this.sequence += 1),
      position: 0,
      full: false,
      objects: [...objects],
      frozen: [],
      driftRepaired: 0,
      startedAt: this.startedAt,
      ...(agent === 'l3' && this.zone !== undefined && { availabilityZone: this.zone }),
      ...(agent === 'ovs' && {
        node: {
          tunnelIp: this.tunnelIp,
          bridgeMappings: this.bridgeMappings,
          datapathType: 'netdev',
          ...(this.firewall !== undefined && { firewall: this.firewall }),
        },
      }),
      ...this.said,
    };
    this.published.set(agent, report.sequence);
    const pattern = subjects.report(this.host, agent);
    this.nats.publish(pattern, JSON.stringify({ pattern, data: report }));
  }

  /** Both agents send heartbeats until the node ends, for specs that may take longer than the time after which an agent counts as silent. */
  keepAlive(): void {
    this.heart ??= setInterval(() => {
      for (const agent of ['ovs', 'l3'] as const) this.publish(agent, []);
    }, BEAT_MS);
  }

  /** From now on its L3 agent reports each router that comes to it as made, as a real one does. */
  makeRouters(): void {
    const made = async (): Promise<void> => {
      const { rows } = await this.api.database.query<{ id: string }>(UNMADE, [this.host]);
      const position = rows.length > 0 ? await this.api.head() : 0;
      if (rows.length > 0)
        this.publish(
          'l3',
          rows.map(({ id }) => ({ kind: 'router', id, status: 'ACTIVE', position })),
        );
    };
    this.maker ??= setInterval(() => void made().catch(() => undefined), MAKE_MS);
  }

  /** Resolves when the API has processed all reports that this agent has sent until now; they arrive in order. */
  async heard(agent: AgentKind): Promise<void> {
    const sequence = this.published.get(agent) ?? 0;
    await eventually(async () => {
      const { rows } = await this.api.database.query<{ sequence: string }>(
        `SELECT configurations->>'sequence' AS sequence FROM plumbline.agents WHERE host = $1 AND kind = $2`,
        [this.host, agent],
      );
      return Number(rows[0]?.sequence ?? -1) >= sequence ? true : undefined;
    });
  }

  async stop(): Promise<void> {
    clearInterval(this.heart);
    clearInterval(this.maker);
    await this.nats.close();
  }

  private async isKnown(agent: AgentKind, objects: readonly Said[]): Promise<true | undefined> {
    const { database } = this.api;
    const { rows } = await database.query('SELECT FROM plumbline.agents WHERE host = $1 AND kind = $2', [
      this.host,
      agent,
    ]);
    if (rows.length === 0) return undefined;
    for (const { kind, id, status, position, reason = '' } of objects) {
      const found = await database.query(
        'SELECT FROM plumbline.object_status WHERE host = $1 AND agent_kind = $2 AND object_kind = $3 AND object_id = $4 AND status = $5 AND position = $6 AND reason = $7',
        [this.host, agent, kind, id, status, position, reason],
      );
      if (found.rows.length === 0) return undefined;
    }
    return true;
  }
}
