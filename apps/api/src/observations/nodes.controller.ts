/**
 * `/plumbline/v1/nodes`: the nodes as an operator sees them, and what an operator may do with them (`plumb node`). Administrators only; with PLUMB_AUTH=none
 * everybody on loopback is one.
 *
 *     GET    /plumbline/v1/nodes                   all
 *     GET    /plumbline/v1/nodes/<host>            one
 *     POST   /plumbline/v1/nodes/<host>/release    its name is nobody's, or with {"machine": id} that machine's
 *     DELETE /plumbline/v1/nodes/<host>            takes it out of the log, once its agents are silent
 */
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import { HostName, Id, type Node } from '@plumbline/contracts';
import { badRequest, DomainError, removeNode } from '@plumbline/domain';
import { Follower, Ledger } from '@plumbline/ledger';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Beacons } from '../feed/beacons.js';
import { identityOf } from '../identity/gate.js';
import { parseJson } from '../json-body.js';
import { Nodes, type NodeSeen } from './nodes.js';
import { Owners } from './owners.js';

const Release = z.object({ machine: Id.nullable().default(null) });

export type NodeShown = NodeSeen & Readonly<{ node: Readonly<Pick<Node, 'tunnelIp' | 'bridgeMappings'>> | null }>;

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
    for (const { id } of this.registered()) if (!seen.has(id)) seen.set(id, unseen(id));
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
    const { userId, projectId } = identityOf(request);
    const meta = { requestId: request.id, userId, projectId, time: new Date().toISOString() };
    if (this.follower.topology.get('node', host)?.removed === false) await this.ledger.execute(removeNode(host), meta);
    await this.nodes.forget(host);
    await this.owners.release(host, null);
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
    if (!this.registered().some(({ id }) => id === host.data))
      throw new DomainError('NodeNotFound', 'not-found', `Node ${host.data} could not be found.`);
    return this.shown(unseen(host.data));
  }

  private shown(seen: NodeSeen): NodeShown {
    const node = this.follower.topology.get('node', seen.host);
    const { tunnelIp, bridgeMappings } = node ?? {};
    return {
      ...seen,
      node: node && !node.removed ? { tunnelIp: tunnelIp ?? null, bridgeMappings: bridgeMappings ?? {} } : null,
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
});
