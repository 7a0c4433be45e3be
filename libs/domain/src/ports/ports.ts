/** Ports of instances and of anything else that is not a router's or a floating IP's own: those come and go with their owners. */
import { DEVICE_OWNER, FixedIp, Network, Port } from '@plumbline/contracts';
import { chooseAddresses, chooseMac, RequestedIp } from '../allocation.js';
import { changedFields } from '../changes.js';
import { Decide, deciding, Draft } from '../draft.js';
import {
  invalidInput,
  networkNotFound,
  portBound,
  portNotFound,
  servicePortFixed,
  servicePortInUse,
} from '../errors.js';
import { disassociatePort } from '../floating-ips/association.js';

export type Binding = Readonly<{ host: string; vnicType: string; profile: Readonly<Record<string, unknown>> }>;
export type NewPort = Readonly<{
  projectId: string;
  networkId: string;
  name: string;
  description: string;
  adminStateUp: boolean;
  deviceId: string;
  deviceOwner: string;
  /** Null: as the network says. */
  portSecurityEnabled: boolean | null;
  /** Null: chosen. */
  macAddress: string | null;
  /** Null: one of each IP version the network has. */
  fixedIps: readonly RequestedIp[] | null;
  binding: Binding;
}>;
export type PortChanges = Partial<
  Omit<NewPort, 'projectId' | 'networkId' | 'macAddress' | 'portSecurityEnabled' | 'fixedIps' | 'binding'> & {
    macAddress: string;
    portSecurityEnabled: boolean;
    fixedIps: readonly RequestedIp[];
    binding: Partial<Binding>;
  }
>;

const OWNED: readonly string[] = [DEVICE_OWNER.routerInterface, DEVICE_OWNER.routerGateway, DEVICE_OWNER.floatingIp];

/** All or none, in one command. Returns the ids in the order asked. */
export const createPorts = (wishes: readonly NewPort[]): Decide<string[]> =>
  deciding((draft) =>
    wishes.map((wish) => {
      notOwned(wish.deviceOwner);
      const network = draft.get('network', wish.networkId);
      if (!network) throw networkNotFound(wish.networkId);
      const { binding, ...facts } = wish;
      const portId = recordPort(draft, network, facts);
      bind(draft, draft.get('port', portId) as Port, binding);
      return portId;
    }),
  );

/** Appends PortCreated with its addresses and MAC chosen; the network must stay as it is. Returns the port's id. */
export function recordPort(draft: Draft, network: Network, facts: Omit<NewPort, 'binding' | 'networkId'>): string {
  const portId = draft.context.newId();
  const { projectId, name, description, adminStateUp, deviceId, deviceOwner } = facts;
  const portSecurityEnabled = facts.portSecurityEnabled ?? network.portSecurityEnabled;
  draft.standOn(`network/${network.id}`);
  const fixedIps = chooseAddresses(draft, network, facts.fixedIps);
  const macAddress = chooseMac(draft, network.id, facts.macAddress);
  const named = { projectId, name, description, adminStateUp, deviceId, deviceOwner, portSecurityEnabled };
  draft.record({
    type: 'PortCreated',
    version: 1,
    data: { portId, networkId: network.id, ...named, macAddress, fixedIps },
  });
  return portId;
}

export const updatePort = (id: string, changes: PortChanges): Decide<void> =>
  deciding((draft) => {
    const port = draft.get('port', id);
    if (!port) throw portNotFound(id);
    const { fixedIps, binding, ...facts } = changes;
    const set = changedFields(port, facts);
    if (OWNED.includes(port.deviceOwner)) ownersPortStays(port, changes, set);
    else if (set.deviceOwner !== undefined) notOwned(set.deviceOwner);
    if (set.macAddress !== undefined) changeMac(draft, port, set.macAddress);
    if (Object.keys(set).length > 0) draft.record({ type: 'PortAttributesSet', version: 1, data: { portId: id, set } });
    if (fixedIps !== undefined) setFixedIps(draft, port, fixedIps);
    if (binding !== undefined) bind(draft, port, { ...port.binding, ...binding });
  });

/** Deletes the port; floating IPs that lead to it become free. */
export const deletePort = (id: string): Decide<void> =>
  deciding((draft) => {
    const port = draft.get('port', id);
    if (!port) throw portNotFound(id);
    if (OWNED.includes(port.deviceOwner)) throw servicePortInUse(id, `has device owner ${port.deviceOwner}`);
    disassociatePort(draft, id);
    recordPortDeleted(draft, port);
  });

/** Appends PortDeleted; nothing may be associated with the port any more when it is stored. */
export function recordPortDeleted(draft: Draft, port: Port): void {
  draft.expectNone(`association/${port.id}/`);
  draft.record({ type: 'PortDeleted', version: 1, data: { portId: port.id, networkId: port.networkId } });
}

function notOwned(deviceOwner: string): void {
  if (OWNED.includes(deviceOwner))
    throw invalidInput(
      `device_owner '${deviceOwner}' is given to the ports of routers and floating IPs by their own operations`,
      'device_owner',
    );
}

/** Ports of routers and floating IPs keep what their owner relies on. */
function ownersPortStays(port: Port, changes: PortChanges, set: Readonly<Record<string, unknown>>): void {
  const refused = (what: string) => servicePortFixed(port.id, what, port.deviceOwner);
  if (set['deviceId'] !== undefined) throw refused('device_id');
  if (set['deviceOwner'] !== undefined) throw refused('device_owner');
  if (set['macAddress'] !== undefined) throw refused('mac_address');
  if (changes.fixedIps && !sameAddresses(port.fixedIps, changes.fixedIps)) throw refused('fixed_ips');
  if (changes.binding?.host) throw refused('binding:host_id');
}

const sameAddresses = (have: readonly FixedIp[], want: readonly RequestedIp[]) =>
  have.length === want.length && want.every((ip) => have.some(({ ipAddress }) => ipAddress === ip.ipAddress));

function changeMac(draft: Draft, port: Port, macAddress: string): void {
  if (port.binding.host) throw portBound(port.id, port.binding.host, port.macAddress, macAddress);
  chooseMac(draft, port.networkId, macAddress);
}

function setFixedIps(draft: Draft, port: Port, requested: readonly RequestedIp[]): void {
  const network = draft.get('network', port.networkId);
  if (!network) throw networkNotFound(port.networkId);
  draft.standOn(`network/${network.id}`);
  const fixedIps = chooseAddresses(draft, network, requested, port.fixedIps);
  const text = (ips: readonly FixedIp[]) => JSON.stringify(ips.map((ip) => [ip.subnetId, ip.ipAddress]));
  if (text(fixedIps) === text(port.fixedIps)) return;
  const gone = port.fixedIps.filter((ip) => !fixedIps.some(({ ipAddress }) => ipAddress === ip.ipAddress));
  for (const { ipAddress } of gone) disassociatePort(draft, port.id, ipAddress);
  if (gone.length > 0) expectNoOtherAssociation(draft, port.id, gone);
  draft.record({
    type: 'PortFixedIpsSet',
    version: 1,
    data: { portId: port.id, networkId: port.networkId, fixedIps },
  });
}

/** Whoever associates a floating IP at the same moment only reads the port: the claim it takes is what this command must not find. */
function expectNoOtherAssociation(draft: Draft, portId: string, gone: readonly FixedIp[]): void {
  if (draft.find('floatingip', `associated/${portId}`).length === 0) {
    draft.expectNone(`association/${portId}/`);
    return;
  }
  for (const network of draft.all('network'))
    if (network.external)
      for (const { ipAddress } of gone) draft.expectNone(`association/${portId}/${network.id}/${ipAddress}/`);
}

function bind(draft: Draft, port: Port, wanted: Binding): void {
  const { host, vnicType, profile } = wanted;
  const same = JSON.stringify({ host, vnicType, profile }) === JSON.stringify(pickBinding(port.binding));
  if (same) return;
  if (host) {
    draft.record({
      type: 'PortBound',
      version: 1,
      data: { portId: port.id, networkId: port.networkId, host, vnicType, profile },
    });
    return;
  }
  if (vnicType !== port.binding.vnicType || JSON.stringify(profile) !== JSON.stringify(port.binding.profile))
    throw invalidInput(
      'binding:vnic_type and binding:profile are set together with binding:host_id: an unbound port has none of its own',
      'binding:host_id',
    );
  if (port.binding.host) {
    const unbound = { portId: port.id, networkId: port.networkId, host: port.binding.host };
    draft.record({ type: 'PortUnbound', version: 1, data: unbound });
  }
}

const pickBinding = ({ host, vnicType, profile }: Binding): Binding => ({ host, vnicType, profile });
