/**
 * Announces the new place of an address to neighbours, three times within two and a half seconds, because a frame may be lost. A port is on the dead VLAN until the
 * OVS agent has wired it, and nobody receives a frame sent there: as soon as it is wired, the address is announced anew. A neighbour that heard none of them asks the old place
 * until its entry ends, which may take a minute. IPv6: an unsolicited neighbour advertisement to all nodes (RFC 4861 section 7.2.6). IPv4: like the reference, it sends a request and a reply each time (RFC 5227 section 3), because hosts differ in which of the two
 * they learn from. Nothing waits for it, and a failure is ignored.
 */
import { OutgoingFrame, Runner } from '@plumbline/exec';
import { addressHex, type Announcement, outsideOf } from '@plumbline/l3-core';
import { hex, icmp6Checksum } from './icmp6.js';
import { SwitchPorts } from './ports.js';

const AFTER_MS = [0, 1000, 2500];
/** After a port was wired: the switch has its tag some milliseconds later than the database. */
const WIRED_MS = [0, 100];
/** What takes the OVS agent longer is announced by the agent that starts next, or learned when a neighbour's entry ends. */
const WIRE_WAIT_MS = 60_000;

export class Announcer {
  private readonly wanted = new Set<string>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private closed = false;

  constructor(
    private readonly runner: Runner,
    private readonly ports: Pick<SwitchPorts, 'wired'>,
    private readonly afterMs: readonly number[] = AFTER_MS,
  ) {}

  announce(all: readonly Announcement[]): void {
    for (const each of all) this.wanted.add(keyOf(each.netns, each.address));
    this.sendAfter(this.afterMs, all);
    void this.whenWired(all);
  }

  /** The address is being removed from this namespace: it must not be announced again. */
  forget(netns: string, address: string): void {
    this.wanted.delete(keyOf(netns, address));
  }

  close(): void {
    this.closed = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  private async whenWired(all: readonly Announcement[]): Promise<void> {
    const outsides = new Set(all.map(({ device }) => outsideOf(device)));
    const heard = await this.ports.wired(outsides, 0);
    const late = [...outsides].filter((outside) => !heard.has(outside));
    const soon = async (outside: string): Promise<void> => {
      const wired = await this.ports.wired(new Set([outside]), WIRE_WAIT_MS);
      const mine = all.filter(({ device }) => outsideOf(device) === outside);
      if (wired.has(outside)) this.sendAfter(WIRED_MS, mine);
    };
    await Promise.all(late.map(soon));
  }

  private sendAfter(afterMs: readonly number[], all: readonly Announcement[]): void {
    for (const delayMs of this.closed ? [] : afterMs) {
      if (delayMs === 0) void this.send(all);
      else {
        const timer = setTimeout(() => {
          this.timers.delete(timer);
          void this.send(all);
        }, delayMs);
        timer.unref();
        this.timers.add(timer);
      }
    }
  }

  private async send(all: readonly Announcement[]): Promise<void> {
    const frames = all
      .filter(({ netns, address }) => this.wanted.has(keyOf(netns, address)))
      .flatMap((each) =>
        framesOf(each).map((frame): OutgoingFrame => ({ netns: each.netns, device: each.device, frame })),
      );
    await this.runner.sendFrames(frames).catch(() => undefined);
  }
}

const framesOf = (each: Announcement): readonly Uint8Array[] =>
  each.address.includes(':') ? [advertisement(each)] : [arpFrame(each, 1), arpFrame(each, 2)];

const keyOf = (netns: string, address: string): string => `${netns} ${address}`;

/** A gratuitous ARP frame (RFC 826): `operation` 1: request, 2: reply. Sender and target address are the announced one. */
export function arpFrame({ mac, address }: Pick<Announcement, 'mac' | 'address'>, operation: 1 | 2): Uint8Array {
  const from = mac.split(':').map((byte) => parseInt(byte, 16));
  const ip = address.split('.').map(Number);
  const everyone = [255, 255, 255, 255, 255, 255];
  const target = operation === 1 ? [0, 0, 0, 0, 0, 0] : from;
  return Uint8Array.from([
    ...everyone,
    ...from,
    ...[0x08, 0x06],
    ...[0, 1, 0x08, 0, 6, 4, 0, operation],
    ...from,
    ...ip,
    ...target,
    ...ip,
  ]);
}

const ALL_NODES = 'ff020000000000000000000000000001';
/** It is a router's, it takes the place of what neighbours know, and nobody asked. */
const ROUTER_OVERRIDE = 'a0000000';

/** An unsolicited neighbour advertisement with the target's link-layer address. */
export function advertisement({ mac, address }: Pick<Announcement, 'mac' | 'address'>): Uint8Array {
  const from = mac.replaceAll(':', '');
  const ip = addressHex(address);
  const rest = `${ROUTER_OVERRIDE}${ip}0201${from}`;
  const sum = icmp6Checksum(ip, ALL_NODES, `88000000${rest}`);
  const message = `8800${hex(sum, 2)}${rest}`;
  const header = `60000000${hex(message.length / 2, 2)}3aff${ip}${ALL_NODES}`;
  return Buffer.from(`333300000001${from}86dd${header}${message}`, 'hex');
}
