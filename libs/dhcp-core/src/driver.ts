/** The port between planning and the machine. @plumbline/dhcp-driver implements it on a real node. */
import type { L3Step } from '@plumbline/l3-core';
import type { SupervisionStep } from '@plumbline/processes';
import type { DhcpFound, FoundLease } from './state.js';

/** Steps that the L3 agent's driver makes too: a namespace, a link with its port on the switch, addresses and routes. */
export type NodeStep = Extract<
  L3Step,
  {
    op:
      | 'add-netns'
      | 'remove-netns'
      | 'add-link'
      | 'remove-link'
      | 'remove-device'
      | 'set-outside'
      | 'silence-outside'
      | 'add-port'
      | 'remove-port'
      | 'set-sysctls'
      | 'set-tx-checksum'
      | 'set-loopback-up'
      | 'set-link'
      | 'add-address'
      | 'remove-address'
      | 'replace-route'
      | 'remove-route';
  }
>;

export type LeaseStep =
  /** Tells a running dnsmasq that its guest gave the address back. Of an address that nobody leased: nothing. */
  | Readonly<{ op: 'release-lease'; netns: string; device: string; lease: FoundLease }>
  /** Removes the leases of a dnsmasq that does not run. */
  | Readonly<{ op: 'forget-leases'; process: string }>;

export type DhcpStep = NodeStep | LeaseStep | SupervisionStep;

export interface DhcpDriver {
  /** Everything of ours on this node, or of these networks only (processes and ports of the switch are always all). Changes nothing. */
  observe(networks: ReadonlySet<string> | 'all', outsides: readonly string[]): Promise<DhcpFound>;
  /** Makes these steps, of one stage, true, in order. */
  apply(steps: readonly DhcpStep[]): Promise<void>;
}
