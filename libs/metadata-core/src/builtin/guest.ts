/** An instance as the documents about it are made from: what the node's view has of it, and what its owner gave it to know. */
import type { InstanceData, Network, Port, Subnet } from '@plumbline/contracts';
import { nameOf } from '@plumbline/dhcp-core';

/** A port of it, with what a guest must know of its network. */
export type GuestPort = Readonly<{
  port: Port;
  network: Network;
  subnets: readonly Subnet[];
  /** Subnets of which a DHCP server gives out addresses. */
  leased: ReadonlySet<string>;
}>;

export type Guest = Readonly<{
  /** Its port that asks. */
  asking: Port;
  /** All that this node knows, the oldest first. */
  ports: readonly GuestPort[];
  data: InstanceData | null;
  /** With the dot at its end. */
  dnsDomain: string;
}>;

/** What is answered. `base64`: bytes that somebody gave. */
export type Document = Readonly<{ type: string } & ({ text: string } | { base64: string })>;

export const text = (lines: string): Document => ({ type: 'text/plain; charset=utf-8', text: lines });

/** The name that its owner gave it; else that of the port that asks, as its DHCP server says it. */
export function hostnameOf({ data, asking, dnsDomain }: Guest): string {
  if (data?.hostname) return data.hostname;
  const address = asking.fixedIps[0]?.ipAddress;
  const { fqdn } = nameOf(asking.dnsName || (address === undefined ? asking.id : ''), address ?? '', dnsDomain);
  return fqdn.replace(/\.$/, '');
}

/** Sorted by name, as they are numbered. */
export const keysOf = ({ data }: Guest): readonly (readonly [name: string, key: string])[] =>
  Object.entries(data?.publicKeys ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));

/** What was given as user data; null: nothing. */
export const userDataOf = ({ data }: Guest): Document | null =>
  data?.userData ? { type: 'application/octet-stream', base64: data.userData } : null;
