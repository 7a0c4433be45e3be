/** The state of a walk (logs.ts): the world so far, and what its moves need to make the next command. */
import { isRouterPort, PlumbEvent, Recorded } from '@plumbline/contracts';
import { networkPlaced } from './events.js';
import { id, mac, metaOf } from './ids.js';
import { World } from './world.js';

export class Walk {
  private readonly world = new World();
  readonly commands: Recorded[][] = [];
  private command: Recorded[] = [];
  private lastId = 0;

  /** First local VLAN to look at: two walks that must not meet by chance look at different ones. */
  private firstVlan = 1;

  get topology(): World['topology'] {
    return this.world.topology;
  }

  /** From here on, ids, addresses of cards and VLANs that another walk of the same past does not choose. */
  turnOff(): void {
    this.lastId += 1_000_000;
    this.firstVlan = 1000;
  }

  /** What `move` emits is one command. Answers whether it emitted anything. */
  commandOf(move: () => void): boolean {
    this.command = [];
    move();
    if (this.command.length > 0) this.commands.push(this.command);
    return this.command.length > 0;
  }

  emit(event: PlumbEvent): void {
    this.command.push(this.world.append(event, metaOf(this.commands.length + 1)));
  }

  newId(): string {
    this.lastId += 1;
    return id(this.lastId);
  }

  newMac(): string {
    this.lastId += 1;
    return mac(this.lastId);
  }

  /** The lowest address of a /24 that nobody on the network has; null when full. */
  freeAddress(networkId: string, cidr: string): string | null {
    const base = cidr.slice(0, cidr.lastIndexOf('.'));
    for (let last = 2; last < 255; last += 1)
      if (!this.topology.has(`address/${networkId}/${base}.${last}`)) return `${base}.${last}`;
    return null;
  }

  /** Hosts on which something needs the network: a bound port or a port of a scheduled router. */
  private needed(networkId: string): Set<string> {
    const hosts = new Set<string>();
    for (const port of this.topology.find('port', `network/${networkId}`)) {
      const on = isRouterPort(port)
        ? [this.topology.get('router', port.deviceId)?.host]
        : [port.binding.host, ...Object.keys(port.inactiveBindings)];
      for (const host of on) if (host) hosts.add(host);
    }
    return hosts;
  }

  /** Places a network where it is needed, and, unless `lazy`, withdraws it from where it no longer is. */
  settle(networkId: string, lazy = false): void {
    const needed = this.needed(networkId);
    const placed = Object.keys(this.topology.get('placement', networkId)?.hosts ?? {});
    for (const host of needed)
      if (!placed.includes(host)) this.emit(networkPlaced(networkId, host, this.freeVlan(host)));
    if (lazy) return;
    for (const host of placed)
      if (!needed.has(host)) this.emit({ type: 'NetworkWithdrawnFromHost', version: 1, data: { networkId, host } });
  }

  private freeVlan(host: string): number {
    const taken = new Set(
      this.topology.find('placement', `host/${host}`).map((placement) => placement.hosts[host]?.localVlanId),
    );
    let vlan = this.firstVlan;
    while (taken.has(vlan)) vlan += 1;
    return vlan;
  }
}
