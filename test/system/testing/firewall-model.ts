/**
 * What ports may send and get, packet by packet, from the objects of the log alone: written without the renderer, without flows and without anything that a node
 * keeps. `allows` of @plumbline/ovs-core/testing says what rules mean; here is who a port may say it is, who is in a group, and where a port has no rules.
 */
import {
  canonicalCidr,
  cidrContains,
  keyOf,
  memberId,
  type Port,
  type SecurityGroupMember,
} from '@plumbline/contracts';
import { allows } from '@plumbline/ovs-core/testing';
import type { TracedPacket } from '@plumbline/ovs-driver/testing';
import { emptyView, type HostView, type Topology } from '@plumbline/topology';

export class FirewallModel {
  /** All objects that rules speak of, as if one host knew them all. */
  private readonly all: HostView = emptyView('model');

  constructor(topology: Topology) {
    for (const kind of ['port', 'securitygroup', 'securitygrouprule', 'addressgroup'] as const)
      for (const object of topology.all(kind)) this.all.objects.set(keyOf(object), object);
    for (const port of topology.all('port'))
      for (const group of port.securityGroupIds) {
        const id = memberId(group, port.id);
        const member: SecurityGroupMember = {
          ...{ kind: 'securitygroupmember', id, projectId: '', securityGroupId: group, portId: port.id, setAt: {} },
          addresses: [...addressesOf(port)].map(([prefix]) => prefix),
        };
        this.all.objects.set(keyOf(member), member);
      }
  }

  /** The first packet of a connection, from this port. */
  maySend(port: Port, packet: TracedPacket): boolean {
    if (!isWired(port)) return false;
    if (!port.portSecurityEnabled) return true;
    const own = addressesOf(port).some(([prefix, mac]) => mac === packet.srcMac && cidrContains(prefix, packet.src));
    return own && this.allows(port, 'egress', packet.dst, packet);
  }

  /** The same, to this port. */
  mayGet(port: Port, packet: TracedPacket): boolean {
    return isWired(port) && (!port.portSecurityEnabled || this.allows(port, 'ingress', packet.src, packet));
  }

  private allows(port: Port, direction: 'egress' | 'ingress', remote: string, packet: TracedPacket): boolean {
    return allows(this.all, port.securityGroupIds, { ...packet, direction, remote });
  }
}

const isWired = ({ adminStateUp, binding }: Port): boolean => adminStateUp && binding.host !== '';

/** What a port is known by, each with its MAC. */
const addressesOf = ({ macAddress, fixedIps, allowedAddressPairs }: Port): [prefix: string, mac: string][] => [
  ...fixedIps.map(({ ipAddress }): [string, string] => [prefixOf(ipAddress), macAddress]),
  ...allowedAddressPairs.map((pair): [string, string] => [prefixOf(pair.ipAddress), pair.macAddress]),
];
const prefixOf = (text: string): string =>
  canonicalCidr(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`);
