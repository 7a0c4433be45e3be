/**
 * The port between planning and the machine: four verbs, steps as data. @plumbline/l3-driver implements it on a real node; its testing half has a node
 * that exists in memory only.
 */
import type { SupervisionStep } from '@plumbline/processes';
import { Taken } from './forwardings.js';
import { TableEdits } from './rule.js';
import { Translation } from './translation.js';
import { FoundNeighbour, FoundRoute, Hop, KernelRoute, L3State, PortMark } from './state.js';

/** One small change of a node. Names say the end state: repeating a step that was done, or half done, is success. */
export type L3Step =
  /** A namespace, with nothing in it. */
  | Readonly<{ op: 'add-netns'; netns: string }>
  | Readonly<{ op: 'remove-netns'; netns: string }>
  /** A veth pair, the inner end created in the namespace and down, the outer one in the root namespace and up. */
  | Readonly<{ op: 'add-link'; netns: string; device: string; outside: string; mac: string; mtuBytes: number }>
  /** Removes both ends. */
  | Readonly<{ op: 'remove-link'; outside: string }>
  /** An inner end whose outer one is gone or elsewhere. */
  | Readonly<{ op: 'remove-device'; netns: string; device: string }>
  | Readonly<{ op: 'set-outside'; outside: string; mtuBytes: number }>
  /** No IPv6 of the node itself on the outer end. */
  | Readonly<{ op: 'silence-outside'; outside: string }>
  | Readonly<{ op: 'add-port'; outside: string; port: PortMark }>
  | Readonly<{ op: 'remove-port'; outside: string }>
  /** Rules, by one command that reads `lines` (dialects/): the changes of each table are made whole or not at all. `edits`: the same as data. */
  | Readonly<{
      op: 'restore';
      netns: string;
      version: 4 | 6;
      lines: readonly string[];
      edits: readonly TableEdits[];
    }>
  | Readonly<{ op: 'set-sysctls'; netns: string; values: Readonly<Record<string, string>> }>
  | Readonly<{ op: 'set-tx-checksum'; netns: string; device: string; on: boolean }>
  /** Only what the kernel's IPv6 of a device hangs on: it comes before the parameters that the device then has again. */
  | Readonly<{ op: 'set-mtu'; netns: string; device: string; mtuBytes: number }>
  /** Takes away the queueing disciplines that somebody put on a device. `ingress`: the kind of the one that receives, null when there is none. */
  | Readonly<{ op: 'reset-queue'; netns: string; device: string; ingress: string | null }>
  | Readonly<{ op: 'add-policy-rule'; netns: string; version: 4 | 6; priority: number; table: string }>
  /** Removes one rule of this priority, the first. */
  | Readonly<{ op: 'remove-policy-rule'; netns: string; version: 4 | 6; priority: number }>
  | Readonly<{ op: 'set-loopback-up'; netns: string }>
  /** Also: answers ARP, hears multicast, is part of no other device. */
  | Readonly<{ op: 'set-link'; netns: string; device: string; mac: string; mtuBytes: number; up: boolean }>
  | Readonly<{ op: 'add-address'; netns: string; device: string; address: string; broadcast: string | null }>
  | Readonly<{ op: 'remove-address'; netns: string; device: string; address: string }>
  /** One route with all its next hops, at least one; in the place of an IPv4 route to the same destination. */
  | Readonly<{ op: 'replace-route'; netns: string; version: 4 | 6; destination: string; hops: readonly Hop[] }>
  /** As the kernel makes it by itself: it goes with its address or device like the one that it stands in for. */
  | Readonly<{ op: 'restore-route'; netns: string } & KernelRoute>
  | Readonly<{ op: 'remove-route'; netns: string } & FoundRoute>
  | Readonly<{ op: 'remove-neighbour'; netns: string } & FoundNeighbour>
  /** Ends the connections that are translated to or from this floating address, and no others. */
  | Readonly<{ op: 'end-connections'; netns: string; address: string }>
  /**
   * Ends the connections that are not translated as the rules now say (translation.ts), and no others: of those that were begun to or from these addresses, or
   * leave as one of them; `addresses` null: of all. `lingers`: an address of theirs is about to go, so if TCP ended it waits until both ends have had the time to send
   * once more and be answered with a reset.
   */
  | Readonly<{
      op: 'end-untranslated';
      netns: string;
      addresses: readonly string[] | null;
      translation: Translation;
      lingers: boolean;
    }>
  /**
   * The rules reset the TCP connections that pass links which are about to go: waits until both ends have had the time to send once more, if any is open.
   * `devices`: those links.
   */
  | Readonly<{ op: 'farewell'; netns: string; devices: readonly string[] }>
  /**
   * Ends the connections to these ports of an address that `answeredBy` answers, and no others: those of a port forwarding or, if `answeredBy` is the address
   * itself, those from before the port forwarding. `ports` null: all of the protocol.
   */
  | Readonly<{ op: 'end-forwarded'; netns: string; answeredBy: string } & Taken>
  /** Tells the neighbours where the address is now (gratuitous ARP, RFC 5227 section 3; IPv6: RFC 4861 section 7.2.6). Does not wait. */
  | Readonly<{ op: 'announce'; netns: string; device: string; mac: string; address: string }>
  /** Programs (radvd.ts). One that is to begin does so when the switch's port of its interface is wired, or after a second. */
  | SupervisionStep;

export type Announcement = Extract<L3Step, { op: 'announce' }>;

/** An address that a device shall get, to be probed on the segment behind it. `outside`: the switch's port of that device. */
export type Probe = Readonly<{ netns: string; device: string; outside: string; mac: string; address: string }>;
/** `unknown`: it could not be probed, so nothing is known about the address. */
export type ProbeAnswer =
  Readonly<{ kind: 'free' }> | Readonly<{ kind: 'taken'; mac: string }> | Readonly<{ kind: 'unknown'; reason: string }>;

export interface L3Driver {
  /** Routers, by id, of which something is on this node: a namespace, be it damaged, or a program. Changes nothing. */
  list(): Promise<readonly string[]>;
  /**
   * What is on this node of these routers, and all switch ports that have our mark. Changes nothing. `outsides`: of these routers' links that are wanted, the outer ends;
   * one that is there without its inner end is reported, too. `listsConnections`: of which routers the connections are listed, too.
   */
  observe(
    routers: ReadonlySet<string>,
    outsides?: readonly string[],
    listsConnections?: (routerId: string) => boolean,
  ): Promise<L3State>;
  /**
   * Makes these steps true, in order, in as few processes and transactions as it can. Rejects at the first that fails; those before it, and none, some
   * or all of those batched with it, are done.
   */
  apply(steps: readonly L3Step[]): Promise<void>;
  /**
   * Probes whether somebody else has these addresses (RFC 5227 section 2.1, RFC 4862 section 5.4), from devices that are up; returns the answers in order. All
   * are probed at the same time: many take as long as one. Changes nothing.
   */
  probe(probes: readonly Probe[]): Promise<readonly ProbeAnswer[]>;
}
