/**
 * `/plumbline/v1/nodes`: the nodes as an operator sees them, and what an operator may do with them (`plumb node`). Administrators only; with PLUMB_AUTH=none
 * everybody on loopback is one.
 *
 *     GET    /plumbline/v1/nodes                   all
 *     GET    /plumbline/v1/nodes/<host>            one
 *     POST   /plumbline/v1/nodes/<host>/release    its name is nobody's, or with {"machine": id} that machine's
 *     DELETE /plumbline/v1/nodes/<host>            takes it and its admission out of the log, once its agents are silent
 *     PUT    /plumbline/v1/nodes/<host>/admission  what the node may do from now on: {"roles", "physicalNetworks", "bridges"}
 *     DELETE /plumbline/v1/nodes/<host>/admission  nothing new comes to it
 */
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Put, Req } from '@nestjs/common';
import {
  type Admission,
  AgentKind,
  agentsAdmitted,
  type Firewall,
  firewallOf,
  HostName,
  Id,
  LinkName,
  MachineName,
  type Meta,
  type Node,
  unadmittedMappings,
} from '@plumbline/contracts';
import { admitNode, badRequest, dismissNode, DomainError, endAdmission } from '@plumbline/domain';
import { Follower, Ledger } from '@plumbline/ledger';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Beacons } from '../feed/beacons.js';
import { identityOf } from '../identity/gate.js';
import { parseJson } from '../json-body.js';
import { metaOf as metaOfCaller } from '../neutron/commands.js';
import { requestMade } from '../request-made.js';
import { Nodes, type NodeSeen } from './nodes.js';
import { Owners } from './owners.js';

const Release = z.object({ machine: Id.nullable().default(null) });

const Admit = z.strictObject({
  roles: z.array(z.string()),
  physicalNetworks: z.array(z.string()).default([]),
  bridges: z.record(z.string(), LinkName).default({}),
});

export type NodeShown = NodeSeen &
  Readonly<{
    node: Readonly<Pick<Node, 'tunnelIp' | 'bridgeMappings'> & { firewall: Firewall }> | null;
    /** What an operator lets it do; null: nothing new. */
    admission: Readonly<Pick<Admission, 'roles' | 'physicalNetworks' | 'bridges'>> | null;
    /** What the node says of itself and was not admitted to: it is not used. */
    unadmitted: Readonly<{ agents: readonly string[]; bridgeMappings: Readonly<Record<string, string>> }>;
  }>;

@Controller('/plumbline/v1/nodes')
export class NodesController {
  constructor(
    @Inject(Nodes) private readonly nodes: Nodes,
    @Inject(Owners) private readonly owners: Owners,
    @Inject(Ledger) private readonly ledger: Ledger,
    @Inject(Follower) private readonly follower: Follower,
    @Inject(Beacons) private readonly beacons: Beacons,
  ) {}

  @Get()
  async all(): Promise<{ nodes: NodeShown[] }> {
    await this.follower.catchUp();
    const seen = new Map((await this.nodes.seen(null)).map((each) => [each.host, each]));
    for (const { id } of [...this.registered(), ...this.follower.topology.all('admission')])
      if (!seen.has(id)) seen.set(id, unseen(id));
    return { nodes: [...seen.values()].sort((a, b) => (a.host < b.host ? -1 : 1)).map((each) => this.shown(each)) };
  }

  @Get(':host')
  async one(@Param('host') name: string): Promise<{ node: NodeShown }> {
    return { node: await this.find(name) };
  }

  @Post(':host/release')
  @HttpCode(200)
  async release(@Param('host') name: string, @Body() raw: Buffer | undefined): Promise<{ node: NodeShown }> {
    const { host } = await this.find(name);
    const parsed = Release.safeParse(raw === undefined || raw.length === 0 ? {} : parseJson(raw));
    if (!parsed.success) throw badRequest('release', 'it is {} or {"machine": "<identity>"}');
    await this.owners.release(host, parsed.data.machine);
    this.beacons.send(host);
    return { node: await this.find(name) };
  }

  @Delete(':host')
  @HttpCode(204)
  async remove(@Param('host') name: string, @Req() request: FastifyRequest): Promise<void> {
    const { host, agents } = await this.find(name);
    const alive = agents.find((each) => each.alive);
    if (alive)
      throw new DomainError(
        'NodeInUse',
        'conflict',
        `The ${alive.agent} agent of ${host} still reports: stop the agents of this node first.`,
      );
    await this.ledger.execute(dismissNode(host), metaOf(request));
    await this.nodes.forget(host);
    await this.owners.release(host, null);
  }

  @Put(':host/admission')
  async admit(
    @Param('host') name: string,
    @Body() raw: Buffer | undefined,
    @Req() request: FastifyRequest,
  ): Promise<{ node: NodeShown }> {
    const host = MachineName.safeParse(name);
    if (!host.success) throw badRequest('node', `'${name}' is not a node name: ${host.error.issues[0]?.message}`);
    const parsed = Admit.safeParse(raw === undefined ? null : parseJson(raw));
    if (!parsed.success)
      throw badRequest(
        'admission',
        `it is {"roles": [...], "physicalNetworks": [...], "bridges": {...}} (${z.prettifyError(parsed.error)})`,
      );
    await this.ledger.execute(admitNode({ host: host.data, ...parsed.data }), metaOf(request));
    return { node: await this.find(host.data) };
  }

  @Delete(':host/admission')
  @HttpCode(204)
  async endAdmission(@Param('host') name: string, @Req() request: FastifyRequest): Promise<void> {
    const { host } = await this.find(name);
    await this.ledger.execute(endAdmission(host), metaOf(request));
  }

  private registered(): readonly Node[] {
    return this.follower.topology.all('node').filter(({ removed }) => !removed);
  }

  private async find(name: string): Promise<NodeShown> {
    const host = HostName.safeParse(name);
    if (!host.success) throw badRequest('node', `'${name}' is not a node name: ${host.error.issues[0]?.message}`);
    await this.follower.catchUp();
    const [seen] = await this.nodes.seen(host.data);
    if (seen) return this.shown(seen);
    const known = this.registered().some(({ id }) => id === host.data);
    if (!known && !this.follower.topology.get('admission', host.data))
      throw new DomainError('NodeNotFound', 'not-found', `Node ${host.data} could not be found.`);
    return this.shown(unseen(host.data));
  }

  private shown(seen: NodeSeen): NodeShown {
    const { topology } = this.follower;
    const node = topology.get('node', seen.host);
    const { tunnelIp, bridgeMappings } = node ?? {};
    const admitted = topology.get('admission', seen.host);
    const may: readonly string[] = agentsAdmitted(admitted?.roles ?? []);
    return {
      ...seen,
      admission: admitted
        ? { roles: admitted.roles, physicalNetworks: admitted.physicalNetworks, bridges: admitted.bridges }
        : null,
      unadmitted: {
        agents: seen.agents
          .map(({ agent }) => agent)
          .filter((agent) => AgentKind.safeParse(agent).success && !may.includes(agent)),
        bridgeMappings: unadmittedMappings(admitted, seen.said ?? bridgeMappings ?? {}),
      },
      node:
        node && !node.removed
          ? { tunnelIp: tunnelIp ?? null, bridgeMappings: bridgeMappings ?? {}, firewall: firewallOf(node) }
          : null,
    };
  }
}

const unseen = (host: string): NodeSeen => ({
  host,
  machine: null,
  contested: false,
  since: null,
  agents: [],
  refused: [],
  said: null,
});

function metaOf(request: FastifyRequest): Meta {
  const made = requestMade(request.method, request.url, request.body);
  return metaOfCaller({ requestId: request.id, ...identityOf(request), ...(made && { request: made }) });
}
