/** Ports of instances and others. Not those of routers and floating IPs: they are created and deleted with their owners. */
import { AddressPair, DEVICE_OWNER, ExtraDhcpOpt, Network, Port } from '@plumbline/contracts';
import { asksForTheSame, chooseAddresses, chooseMac, RequestedIp } from '../allocation.js';
import { changedFields } from '../changes.js';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import { removePacketLogsOf } from '../packet-logs/packet-logs.js';
import {
  invalidInput,
  networkNotFound,
  notAuthorized,
  portBound,
  portNotFound,
  servicePortFixed,
  servicePortInUse,
} from '../errors.js';
import { disassociatePort } from '../floating-ips/association.js';
import { removeForwardingsTo } from '../port-forwardings/removal.js';
import { refuseDestination } from '../traffic.js';
import { bind, Binding, isTrusted, mustBeEnforced, UNBOUND } from './binding.js';
import { mergedOptions, RequestedDhcpOption } from './dhcp-options.js';
import { sortedTags } from '../tags.js';
import { mayAskFor, ownsNetwork, setFixedIps } from './fixed-ips.js';
import { groupsOfChangedPort, groupsOfNewPort, pairsWith, RequestedPair } from './security.js';

type Facts = Readonly<{
  projectId: string;
  name: string;
  description: string;
  adminStateUp: boolean;
  deviceId: string;
  deviceOwner: string;
  /** Null: chosen. */
  macAddress: string | null;
  /** Null: one of each IP version the network has. */
  fixedIps: readonly RequestedIp[] | null;
  /** Null: as the network says. */
  portSecurityEnabled: boolean | null;
}>;
export type NewPort = Facts &
  Readonly<{
    networkId: string;
    /** Null: the project's default group, where groups apply. */
    securityGroupIds: readonly string[] | null;
    allowedAddressPairs: readonly RequestedPair[];
    extraDhcpOpts: readonly RequestedDhcpOption[];
    dnsName: string;
    /** Absent: none. */
    tags?: readonly string[] | undefined;
    binding: Binding;
  }>;
export type PortChanges = Partial<
  Pick<NewPort, 'name' | 'description' | 'adminStateUp' | 'deviceId' | 'deviceOwner' | 'dnsName' | 'macAddress'> & {
    portSecurityEnabled: boolean;
    securityGroupIds: readonly string[];
    allowedAddressPairs: readonly RequestedPair[];
    /** Added to the existing ones. */
    extraDhcpOpts: readonly RequestedDhcpOption[];
    fixedIps: readonly RequestedIp[];
    binding: Partial<Binding>;
  }
>;

const OWNED: readonly string[] = [DEVICE_OWNER.routerInterface, DEVICE_OWNER.routerGateway, DEVICE_OWNER.floatingIp];

/** All or none, in one command. Returns the ids in the order asked. */
export const createPorts = (requests: readonly NewPort[]): Decide<string[]> =>
  deciding((draft) => requests.map((request) => createPort(draft, request)));

function createPort(draft: Draft, request: NewPort): string {
  const { binding, networkId, deviceOwner, ...facts } = request;
  notOwned(deviceOwner);
  const network = draft.visible('network', networkId);
  if (!network) throw networkNotFound(networkId);
  if (isTrusted(deviceOwner) && !ownsNetwork(draft, networkId)) throw notAuthorized('create_port:device_owner');
  mayAskFor(draft, networkId, request.fixedIps, 'create');
  const portSecurityEnabled = request.portSecurityEnabled ?? network.portSecurityEnabled;
  mustBeEnforced(draft, null, { host: binding.host, deviceOwner, portSecurityEnabled });
  const portId = recordPort(draft, network, {
    ...facts,
    deviceOwner,
    portSecurityEnabled,
    securityGroupIds: groupsOfNewPort(draft, { ...request, portSecurityEnabled }),
    extraDhcpOpts: mergedOptions([], request.extraDhcpOpts),
    ...(binding.host === '' && { vnicType: binding.vnicType, profile: binding.profile }),
  });
  if (binding.host !== '') bind(draft, draft.get('port', portId) as Port, binding);
  return portId;
}

type More = Readonly<{
  /** Sorted; preconditions of the decision. */
  securityGroupIds: readonly string[];
  allowedAddressPairs: readonly RequestedPair[];
  extraDhcpOpts: readonly ExtraDhcpOpt[];
  dnsName: string;
  tags: readonly string[] | undefined;
  vnicType: string;
  profile: Binding['profile'];
}>;

/** Appends PortCreated with the chosen addresses and MAC; the network becomes a precondition. Returns the port's id. */
export function recordPort(draft: Draft, network: Network, facts: Facts & Partial<More>): string {
  const portId = draft.context.newId();
  const { projectId, name, description, adminStateUp, deviceId, deviceOwner } = facts;
  const portSecurityEnabled = facts.portSecurityEnabled ?? network.portSecurityEnabled;
  draft.dependOn(`network/${network.id}`);
  const macAddress = chooseMac(draft, network.id, facts.macAddress);
  const fixedIps = chooseAddresses(draft, network, facts.fixedIps, { macAddress, deviceOwner, fixedIps: [] });
  const named = { projectId, name, description, adminStateUp, deviceId, deviceOwner, portSecurityEnabled };
  draft.record({
    type: 'PortCreated',
    version: 1,
    data: { portId, networkId: network.id, ...named, ...notEmpty(facts, macAddress), macAddress, fixedIps },
  });
  return portId;
}

/** Fields that the event leaves out when they are empty. */
function notEmpty(facts: Partial<More>, macAddress: string) {
  const { securityGroupIds = [], allowedAddressPairs = [], extraDhcpOpts = [], dnsName = '', tags = [] } = facts;
  const { vnicType = UNBOUND.vnicType, profile = UNBOUND.profile } = facts;
  return {
    ...(securityGroupIds.length > 0 && { securityGroupIds: [...securityGroupIds] }),
    ...(allowedAddressPairs.length > 0 && { allowedAddressPairs: pairsWith(macAddress, allowedAddressPairs) }),
    ...(extraDhcpOpts.length > 0 && { extraDhcpOpts: [...extraDhcpOpts] }),
    ...(dnsName !== '' && { dnsName }),
    ...(tags.length > 0 && { tags: sortedTags(tags) }),
    ...(vnicType !== UNBOUND.vnicType && { vnicType }),
    ...(Object.keys(profile).length > 0 && { profile: { ...profile } }),
  };
}

export const updatePort = (id: string, changes: PortChanges): Decide<void> =>
  deciding((draft) => {
    const port = draft.get('port', id);
    if (!port) throw portNotFound(id);
    const { binding } = changes;
    // An owner's port keeps its addresses, whatever the form in which they were asked for.
    const isOwned = OWNED.includes(port.deviceOwner) || port.servesDhcp;
    const fixedIps = isOwned ? undefined : changes.fixedIps;
    const set = fieldsToSet(draft, port, changes);
    if (isOwned) ownersPortStays(port, changes, set);
    else if (set.deviceOwner !== undefined) notOwned(set.deviceOwner);
    if (isTrusted(set.deviceOwner ?? '')) {
      if (!ownsNetwork(draft, port.networkId)) throw notAuthorized('update_port:device_owner');
      refuseDestination(draft, port, 'port', `of device owner '${set.deviceOwner}'`);
    }
    mayAskFor(draft, port.networkId, changes.fixedIps, 'update');
    const before = { ...port, host: port.binding.host };
    mustBeEnforced(draft, before, { ...before, ...set, host: binding?.host ?? before.host });
    if (set.macAddress !== undefined) changeMac(draft, port, set.macAddress);
    if (Object.keys(set).length > 0) draft.record({ type: 'PortAttributesSet', version: 1, data: { portId: id, set } });
    if (fixedIps !== undefined || set.macAddress !== undefined)
      setFixedIps(draft, { ...port, ...set }, fixedIps ?? port.fixedIps);
    if (binding !== undefined) bind(draft, port, { ...port.binding, ...binding });
  });

type Settable = Partial<
  Pick<Port, 'name' | 'description' | 'adminStateUp' | 'deviceId' | 'deviceOwner' | 'dnsName'> &
    Pick<Port, 'macAddress' | 'portSecurityEnabled'> & {
      securityGroupIds: string[];
      allowedAddressPairs: AddressPair[];
      extraDhcpOpts: ExtraDhcpOpt[];
    }
>;

/** The content of PortAttributesSet: the port's own fields that differ, in the form in which they are stored. */
function fieldsToSet(draft: Draft, port: Port, changes: PortChanges): Settable {
  const { fixedIps: _ips, binding: _binding, macAddress: mac, ...facts } = changes;
  const { securityGroupIds: _groups, allowedAddressPairs: pairs, extraDhcpOpts: options, ...simple } = facts;
  const macAddress = mac === null ? chooseMac(draft, port.networkId, null) : mac;
  const groups = groupsOfChangedPort(draft, port, changes);
  const wanted = {
    ...simple,
    ...(macAddress !== undefined && { macAddress }),
    ...(groups && { securityGroupIds: groups }),
    ...(pairs && { allowedAddressPairs: pairsWith(macAddress ?? port.macAddress, pairs) }),
    ...(options && { extraDhcpOpts: mergedOptions(port.extraDhcpOpts, options) }),
  };
  return changedFields(port, wanted) as Settable;
}

/** Deletes the port; its floating IPs are disassociated. */
export const deletePort = (id: string): Decide<void> =>
  deciding((draft) => {
    const port = draft.get('port', id);
    if (!port) throw portNotFound(id);
    if (OWNED.includes(port.deviceOwner)) throw servicePortInUse(id, `has device owner ${port.deviceOwner}`);
    disassociatePort(draft, id);
    recordPortDeleted(draft, port);
  });

/** Appends PortDeleted, and the deletion of port forwardings to it and of its packet logs. That nothing else is associated with the port is a precondition. */
export function recordPortDeleted(draft: Draft, port: Port): void {
  removeForwardingsTo(draft, port.id);
  removePacketLogsOf(draft, 'port', port.id);
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

/** Refuses changes of ports of routers and floating IPs that would break their owner. */
function ownersPortStays(port: Port, changes: PortChanges, set: Settable): void {
  const refused = (what: string) => servicePortFixed(port.id, what, port.deviceOwner);
  if (set.deviceId !== undefined) throw refused('device_id');
  if (set.deviceOwner !== undefined) throw refused('device_owner');
  if (set.macAddress !== undefined) throw refused('mac_address');
  if (changes.fixedIps && !asksForTheSame(port.fixedIps, changes.fixedIps)) throw refused('fixed_ips');
  if (changes.binding?.host) throw refused('binding:host_id');
}

function changeMac(draft: Draft, port: Port, macAddress: string): void {
  if (port.binding.host) throw portBound(port.id, port.binding.host, port.macAddress, macAddress);
  chooseMac(draft, port.networkId, macAddress);
}
