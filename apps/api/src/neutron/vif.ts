/** How an instance is plugged where its port is bound, in the words of the Networking API: `binding:vif_type`, `binding:vif_details`. */
import type { Firewall } from '@plumbline/contracts';

export const VNIC_TYPES = [
  'normal',
  'direct',
  'macvtap',
  'baremetal',
  'direct-physical',
  'virtio-forwarder',
  'smart-nic',
  'remote-managed',
  'vdpa',
  'accelerator-direct',
  'accelerator-direct-physical',
];

export type Vif = Readonly<{
  vifType: 'ovs' | 'unbound' | 'binding_failed';
  vifDetails: Readonly<Record<string, unknown>>;
}>;

/** `host` '': bound to none. `carried`: the host is registered and carries the port's network. `datapathType` null: its agent has not said it. */
export function vifOf({
  host,
  vnicType,
  carried,
  firewall,
  datapathType,
}: Readonly<{
  host: string;
  vnicType: string;
  carried: boolean;
  firewall: Firewall;
  datapathType: string | null;
}>): Vif {
  if (host === '') return { vifType: 'unbound', vifDetails: {} };
  if (!carried || vnicType !== 'normal') return { vifType: 'binding_failed', vifDetails: {} };
  const vifDetails = {
    connectivity: 'l2',
    port_filter: firewall !== 'none',
    ovs_hybrid_plug: firewall === 'hybrid',
    datapath_type: datapathType ?? 'system',
    bridge_name: 'br-int',
  };
  return { vifType: 'ovs', vifDetails };
}
