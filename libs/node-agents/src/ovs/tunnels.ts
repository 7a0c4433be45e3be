/**
 * Says which tunnels do not answer.
 *
 * The switch asks each far end by BFD (RFC 5880) inside the tunnel: one packet a second each way, and after three without an answer it is down. A ping of the far
 * address would prove nothing: the machine may answer where no tunnel ends. A far end is judged only when it is known to speak BFD: its node says so in the log, or
 * it has answered before. One of an older release is silent, and that means nothing.
 */
import type { Node } from '@plumbline/contracts';
import type { TunnelEnd } from '@plumbline/ovs-core';
import type { HostView } from '@plumbline/topology';

/** The far end makes its port when it hears of this node, and a restarted switch asks anew: so long a tunnel may be silent. */
const GRACE_MS = 10_000;

export class Tunnels {
  /** Far address -> since when it has not answered. */
  private readonly silentSince = new Map<string, number>();

  constructor(private readonly nowMs: () => number) {}

  /** One sentence for each tunnel that has not answered for ten seconds. Call it at least every few seconds. */
  troubles(view: HostView, ends: readonly TunnelEnd[]): string[] {
    const silent = ends.filter(({ up, switchedOff }) => !up && !switchedOff);
    const addresses = new Set(silent.map(({ remoteIp }) => remoteIp));
    for (const address of this.silentSince.keys()) if (!addresses.has(address)) this.silentSince.delete(address);
    const now = this.nowMs();
    const nodes = new Map<string, Node>();
    for (const object of silent.length > 0 ? view.objects.values() : [])
      if (object.kind === 'node' && !object.removed && object.tunnelIp !== null) nodes.set(object.tunnelIp, object);
    return silent
      .flatMap(({ remoteIp, wasUp }) => {
        const since = this.silentSince.get(remoteIp) ?? now;
        this.silentSince.set(remoteIp, since);
        const node = nodes.get(remoteIp);
        if (!node || !(wasUp || node.bfd) || now - since < GRACE_MS) return [];
        return `the tunnel to ${node.id} (${remoteIp}) does not answer, so what both nodes share of networks is cut in two: an operator must look whether that node runs, and at the path to it (UDP port 4789, both ways)`;
      })
      .sort();
  }
}
