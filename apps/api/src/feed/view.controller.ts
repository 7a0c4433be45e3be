/**
 * `GET /plumbline/v1/nodes/<host>/view[?at=<position>]`: the objects in a host's view, at the head or at another position, as one feed message that needs
 * no earlier one. `plumb replay` rebuilds a node from it. Administrators only; with PLUMB_AUTH=none everybody on loopback is one.
 */
import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { FeedMessage, HostName } from '@plumbline/contracts';
import { badRequest } from '@plumbline/domain';
import { Follower } from '@plumbline/ledger';
import { wholeView } from '@plumbline/topology';
import { Past } from './past.js';

@Controller('/plumbline/v1/nodes')
export class ViewController {
  constructor(
    @Inject(Follower) private readonly follower: Follower,
    @Inject(Past) private readonly past: Past,
  ) {}

  @Get(':host/view')
  async view(@Param('host') name: string, @Query('at') at?: string): Promise<FeedMessage> {
    const host = HostName.safeParse(name);
    if (!host.success) throw badRequest('view', `'${name}' is not a node name: ${host.error.issues[0]?.message}`);
    await this.follower.catchUp();
    const { topology, log } = this.follower;
    if (at === undefined) return wholeView(topology, host.data, log, this.follower.hash);
    const position = Number(at);
    if (!/^\d+$/.test(at) || position > topology.position)
      throw badRequest('view', `'${at}' is not a position of this log, which ends at ${topology.position}`);
    return this.past.at(position, ({ topology: past, hash }) => wholeView(past, host.data, log, hash));
  }
}
