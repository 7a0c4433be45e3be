/**
 * A random walk over a small model of a cloud: every command it makes is one that the API could have made, so the log is valid by construction.
 *
 * Goals: all event types, all kinds of network, several hosts, objects that enter and leave the scope of hosts in every way (bound, moved, scheduled,
 * placed, withdrawn); a case that fails shrinks to few commands.
 * Design: a case is a list of choices (small numbers). Each choice is read against the state so far; what does not apply is nothing. So any part of a
 * list is again a valid case, and shrinking works by leaving choices out.
 */
import { isRouterPort, PlumbEvent, Recorded } from '@plumbline/contracts';
import { streamOf } from '../streams.js';
import { Topology } from '../topology.js';
import { metaOf, networkPlaced } from './builders.js';
import { id, mac } from './ids.js';
import { MOVES } from './moves.js';

/** One step of a walk: which move, and three numbers it picks its objects with. */
export type Choice = Readonly<{ move: number; a: number; b: number; c: number }>;
/** A log as its commands: the events of one command were appended together. */
export type GeneratedLog = readonly (readonly Recorded[])[];

export class Walk {
  readonly topology = new Topology();
  readonly commands: Recorded[][] = [];
  private command: Recorded[] = [];
  private lastId = 0;

  /** First local VLAN to look at: two walks that must not meet by chance look at different ones. */
  private firstVlan = 1;

  constructor(private readonly choice: () => Choice) {}

  /** From here on, ids, addresses of cards and VLANs that another walk of the same past does not choose. */
  turnOff(): void {
    this.lastId += 1_000_000;
    this.firstVlan = 1000;
  }

  /** Takes one step. Answers whether it made a command. */
  step(): boolean {
    const choice = this.choice();
    this.command = [];
    MOVES[choice.move % MOVES.length]?.(this, choice);
    if (this.command.length > 0) this.commands.push(this.command);
    return this.command.length > 0;
  }

  emit(event: PlumbEvent): void {
    const recorded: Recorded = {
      position: this.topology.position + 1,
      stream: streamOf(event),
      event: structuredClone(event) as unknown as Recorded['event'],
      meta: metaOf(this.commands.length + 1),
    };
    this.topology.apply(recorded);
    this.command.push(recorded);
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

  /** Hosts on which something needs the network: a bound port or a scheduled router's leg. */
  private needed(networkId: string): Set<string> {
    const hosts = new Set<string>();
    for (const port of this.topology.find('port', `network/${networkId}`)) {
      const host = isRouterPort(port) ? this.topology.get('router', port.deviceId)?.host : port.binding.host;
      if (host) hosts.add(host);
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

/** One past and two commands that were each decided on it: what two processes do at the same moment. Empty: that choice made no command. */
export function fork(
  past: readonly Choice[],
  one: Choice,
  other: Choice,
): Readonly<{ log: GeneratedLog; left: readonly Recorded[]; right: readonly Recorded[] }> {
  const after = (choice: Choice, aside: boolean): readonly Recorded[] => {
    let next = 0;
    const walk = new Walk(() => past[next++] ?? choice);
    for (let step = 0; step < past.length; step += 1) walk.step();
    if (aside) walk.turnOff();
    return walk.step() ? (walk.commands.at(-1) as Recorded[]) : [];
  };
  return { log: logOf(past), left: after(one, false), right: after(other, true) };
}

/** The log that a list of choices leads to. */
export function logOf(choices: readonly Choice[]): GeneratedLog {
  let next = 0;
  const walk = new Walk(() => choices[next++] as Choice);
  for (let step = 0; step < choices.length; step += 1) walk.step();
  return walk.commands;
}
