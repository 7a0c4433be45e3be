/**
 * Announces the new place of an address to neighbours, three times within two and a half seconds, because a frame may be lost. A port is on the dead VLAN until the
 * OVS agent has wired it, and nobody receives a frame sent there: so the address is announced when it has been wired. A neighbour that heard none of them asks the old place
 * until its entry ends, which may take a minute. IPv6: an unsolicited neighbour advertisement to all nodes (RFC 4861 section 7.2.6). IPv4: like the reference, it sends a request and a reply each time (RFC 5227 section 3), because hosts differ in which of the two
 * they learn from. Nothing waits for it, and a failure is ignored.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { OutgoingFrame, Runner } from '@plumbline/exec';
import { addressHex, type Announcement, outsideOf } from '@plumbline/l3-core';
import { hex, icmp6Checksum } from './icmp6.js';
import { SwitchPorts } from './ports.js';

const AFTER_MS = [0, 1000, 2500];
/** After a port was wired: the switch has its tag some milliseconds later than the database. */
const WIRED_MS = [0, 100];
/** As often as it is looked which ports have been wired. */
const LOOK_MS = 50;
/** What takes the OVS agent longer is announced by the agent that starts next, or learned when a neighbour's entry ends. */
const WIRE_WAIT_MS = 60_000;

export class Announcer {
  private readonly wanted = new Set<string>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private closed = false;

  constructor(
    private readonly runner: Runner,
    private readonly ports: Pick<SwitchPorts, 'wiredNow'>,
    private readonly afterMs: readonly number[] = AFTER_MS,
  ) {}

  announce(all: readonly Announcement[]): void {
    for (const each of all) this.wanted.add(keyOf(each.netns, each.address));
    const { heard, unheard } = this.byWires(all);
    this.sendAfter(this.afterMs, heard);
    this.sendAfter(
      this.afterMs.filter((ms) => ms > 0),
      unheard,
    );
    void this.whenWired(unheard);
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

  /** Those that come within one look are told of together: each telling is a child of the helper. */
  private async whenWired(all: readonly Announcement[]): Promise<void> {
    const until = Date.now() + WIRE_WAIT_MS;
    for (let left = all; left.length > 0 && !this.closed && Date.now() < until;) {
      await delay(LOOK_MS, undefined, { ref: false });
      const { heard, unheard } = this.byWires(left);
      this.sendAfter(WIRED_MS, heard);
      left = unheard;
    }
  }

  /** Whether what is sent now is heard by anybody. */
  private byWires(all: readonly Announcement[]): Readonly<Record<'heard' | 'unheard', readonly Announcement[]>> {
    const wired = this.ports.wiredNow(new Set(all.map(({ device }) => outsideOf(device))));
    const isWired = ({ device }: Announcement): boolean => wired.has(outsideOf(device));
    return { heard: all.filter(isWired), unheard: all.filter((each) => !isWired(each)) };
  }

  private sendAfter(afterMs: readonly number[], all: readonly Announcement[]): void {
    for (const delayMs of this.closed || all.length === 0 ? [] : afterMs) {
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
