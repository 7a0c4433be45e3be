/**
 * `evolve`: applies one event to the one object it changes. Pure; the only place that knows what an event means for state.
 * API memory, read models, host views on nodes and snapshots all come from here, so they cannot disagree.
 */
import {
  absurd,
  Admission,
  AddressGroup,
  PacketLog,
  AddressScope,
  AnyObject,
  EventOf,
  FloatingIp,
  known,
  Meta,
  Network,
  Node,
  Placement,
  PlumbEvent,
  Port,
  PortForwarding,
  Quota,
  RbacPolicy,
  Recorded,
  Router,
  SecurityGroup,
  Subnet,
  SubnetPool,
  WrittenObject,
} from '@plumbline/contracts';

type At = Readonly<{ position: number; meta: Meta }>;

const born = (at: At, facets: readonly string[]) => ({
  tags: [],
  createdAt: at.meta.time,
  updatedAt: at.meta.time,
  revision: 0,
  setAt: Object.fromEntries(facets.map((facet) => [facet, at.position])),
});

function changed<T extends WrittenObject>(object: T, at: At, facet: string, fields: Partial<T>): T {
  return {
    ...object,
    ...fields,
    updatedAt: at.meta.time,
    revision: object.revision + 1,
    setAt: { ...object.setAt, [facet]: at.position },
  };
}

function without<V>(record: Readonly<Record<string, V>>, key: string): Record<string, V> {
  const { [key]: _gone, ...rest } = record;
  return rest;
}

/** Thrown when an event changes an object that does not exist: the log and the reader's state disagree. */
export class NoSuchObject extends Error {
  constructor(event: PlumbEvent, position: number) {
    super(
      `event ${event.type} at position ${position} changes an object that does not exist: the state it is folded into is not the log's`,
    );
  }
}

/**
 * The object after `recorded`; undefined when the event ends it. `before` is undefined for what does not exist yet.
 * An event of unknown type or version must not be passed (see `known`).
 */
export function evolve(
  before: AnyObject | undefined,
  recorded: Pick<Recorded, 'position' | 'event' | 'meta'>,
): WrittenObject | undefined {
  const event = known(recorded.event);
  if (!event) throw new Error(`event ${recorded.event.type} v${recorded.event.version} is not in this catalogue`);
  const at: At = recorded;
  const the = <T extends WrittenObject>(kind: T['kind']): T => {
    if (before?.kind !== kind) throw new NoSuchObject(event, recorded.position);
    return before as T;
  };
  switch (event.type) {
    case 'NetworkCreated': {
      const { networkId, ...facts } = event.data;
      return { kind: 'network', id: networkId, dnsDomain: '', ...born(at, ['network']), ...defined(facts) };
    }
    case 'NetworkAttributesSet':
      return changed(the<Network>('network'), at, 'network', defined(event.data.set));
    case 'SubnetCreated': {
      const { subnetId, ...facts } = event.data;
      const later = { subnetPoolId: null, serviceTypes: [] };
      return { kind: 'subnet', id: subnetId, ...later, ...born(at, ['subnet']), ...defined(facts) };
    }
    case 'SubnetAttributesSet':
      return changed(the<Subnet>('subnet'), at, 'subnet', defined(event.data.set));
    case 'PortCreated': {
      const { portId, vnicType = 'normal', profile = {}, ...facts } = event.data;
      const binding = { host: '', vnicType, profile };
      const later = {
        securityGroupIds: [],
        allowedAddressPairs: [],
        extraDhcpOpts: [],
        dnsName: '',
        inactiveBindings: {},
        servesDhcp: false,
      };
      const start = born(at, ['port', 'fixedIps', 'binding', 'membership']);
      return { kind: 'port', id: portId, ...later, ...start, ...defined(facts), binding };
    }
    case 'PortAttributesSet': {
      const { set } = event.data;
      const after = changed(the<Port>('port'), at, 'port', defined(set));
      const of = [set.securityGroupIds, set.allowedAddressPairs, set.portSecurityEnabled];
      const joins = of.some((each) => each !== undefined);
      return joins ? { ...after, setAt: { ...after.setAt, membership: recorded.position } } : after;
    }
    case 'PortFixedIpsSet':
      return changed(the<Port>('port'), at, 'fixedIps', { fixedIps: event.data.fixedIps });
    case 'PortBound': {
      const { host, vnicType, profile } = event.data;
      const port = withoutInactive(the<Port>('port'), host);
      return changed(port, at, 'binding', { binding: { host, vnicType, profile } });
    }
    case 'PortUnbound': {
      const port = the<Port>('port');
      return changed(port, at, 'binding', { binding: { ...port.binding, host: '' } });
    }
    case 'PortBindingAttributesSet': {
      const { vnicType, profile } = event.data;
      return changed(the<Port>('port'), at, 'binding', { binding: { host: '', vnicType, profile } });
    }
    case 'PortInactiveBindingSet': {
      const { host, vnicType, profile } = event.data;
      const port = the<Port>('port');
      const inactiveBindings = { ...port.inactiveBindings, [host]: { vnicType, profile } };
      return changed(port, at, `binding:${host}`, { inactiveBindings });
    }
    case 'PortInactiveBindingRemoved': {
      const { host } = event.data;
      const after = changed(the<Port>('port'), at, `binding:${host}`, {});
      return withoutInactive(after, host);
    }
    case 'PortBindingActivated':
      return activated(the<Port>('port'), event.data.host, at);
    case 'RouterCreated': {
      const { routerId, ...facts } = event.data;
      return {
        kind: 'router',
        id: routerId,
        gateway: null,
        interfaces: {},
        routes: [],
        host: null,
        heldOff: false,
        availabilityZoneHints: [],
        ...born(at, ['router', 'routes', 'host']),
        ...defined(facts),
      };
    }
    case 'RouterAttributesSet':
      return changed(the<Router>('router'), at, 'router', defined(event.data.set));
    case 'RouterGatewaySet': {
      const { portId, networkId, enableSnat } = event.data;
      return changed(the<Router>('router'), at, 'gateway', { gateway: { portId, networkId, enableSnat } });
    }
    case 'RouterGatewayCleared':
      return changed(the<Router>('router'), at, 'gateway', { gateway: null });
    case 'RouterInterfaceAdded': {
      const { portId, networkId } = event.data;
      const router = the<Router>('router');
      return changed(router, at, `interface:${portId}`, {
        interfaces: { ...router.interfaces, [portId]: { networkId } },
      });
    }
    case 'RouterInterfaceRemoved': {
      const router = the<Router>('router');
      const facet = `interface:${event.data.portId}`;
      const after = changed(router, at, facet, { interfaces: without(router.interfaces, event.data.portId) });
      return { ...after, setAt: without(after.setAt, facet) };
    }
    case 'RouterRoutesSet':
      return changed(the<Router>('router'), at, 'routes', { routes: event.data.routes });
    case 'RouterScheduled':
      return changed(the<Router>('router'), at, 'host', { host: event.data.host, heldOff: false });
    case 'RouterUnscheduled':
      return changed(the<Router>('router'), at, 'host', { host: null, heldOff: event.data.heldOff ?? false });
    case 'FloatingIpCreated': {
      const { floatingIpId, ...facts } = event.data;
      return {
        kind: 'floatingip',
        id: floatingIpId,
        association: null,
        dnsName: '',
        dnsDomain: '',
        ...born(at, ['floatingip', 'association']),
        ...defined(facts),
      };
    }
    case 'FloatingIpAssociated': {
      const { portId, fixedIpAddress, subnetId, routerId } = event.data;
      return changed(the<FloatingIp>('floatingip'), at, 'association', {
        association: { portId, fixedIpAddress, subnetId, routerId },
      });
    }
    case 'FloatingIpDisassociated':
      return changed(the<FloatingIp>('floatingip'), at, 'association', { association: null });
    case 'FloatingIpAttributesSet':
      return changed(the<FloatingIp>('floatingip'), at, 'floatingip', defined(event.data.set));
    case 'PortForwardingCreated': {
      const { portForwardingId, ...facts } = event.data;
      return { kind: 'portforwarding', id: portForwardingId, ...facts, ...born(at, ['portforwarding']) };
    }
    case 'PortForwardingChanged': {
      const { portForwardingId: _id, ...facts } = event.data;
      return changed(the<PortForwarding>('portforwarding'), at, 'portforwarding', facts);
    }
    case 'SecurityGroupCreated': {
      const { securityGroupId, ...facts } = event.data;
      return { kind: 'securitygroup', id: securityGroupId, ...facts, ...born(at, ['securitygroup']) };
    }
    case 'SecurityGroupAttributesSet':
      return changed(the<SecurityGroup>('securitygroup'), at, 'securitygroup', defined(event.data.set));
    case 'SecurityGroupRuleCreated': {
      const { securityGroupRuleId, ...facts } = event.data;
      return { kind: 'securitygrouprule', id: securityGroupRuleId, ...facts, ...born(at, ['securitygrouprule']) };
    }
    case 'AddressGroupCreated': {
      const { addressGroupId, ...facts } = event.data;
      return { kind: 'addressgroup', id: addressGroupId, ...facts, ...born(at, ['addressgroup']) };
    }
    case 'AddressGroupAttributesSet':
      return changed(the<AddressGroup>('addressgroup'), at, 'addressgroup', defined(event.data.set));
    case 'PacketLogCreated': {
      const { packetLogId, ...facts } = event.data;
      return { kind: 'packetlog', id: packetLogId, ...facts, ...born(at, ['packetlog']) };
    }
    case 'PacketLogAttributesSet':
      return changed(the<PacketLog>('packetlog'), at, 'packetlog', defined(event.data.set));
    case 'AddressScopeCreated': {
      const { addressScopeId, ...facts } = event.data;
      return { kind: 'addressscope', id: addressScopeId, ...facts, ...born(at, ['addressscope']) };
    }
    case 'AddressScopeAttributesSet':
      return changed(the<AddressScope>('addressscope'), at, 'addressscope', defined(event.data.set));
    case 'SubnetPoolCreated': {
      const { subnetPoolId, ...facts } = event.data;
      return { kind: 'subnetpool', id: subnetPoolId, ...facts, ...born(at, ['subnetpool']) };
    }
    case 'SubnetPoolAttributesSet':
      return changed(the<SubnetPool>('subnetpool'), at, 'subnetpool', defined(event.data.set));
    case 'RbacPolicyCreated': {
      const { rbacPolicyId, ...facts } = event.data;
      return {
        kind: 'rbacpolicy',
        id: rbacPolicyId,
        withObject: false,
        ...born(at, ['rbacpolicy']),
        ...defined(facts),
      };
    }
    case 'RbacPolicyTargetSet':
      return changed(the<RbacPolicy>('rbacpolicy'), at, 'rbacpolicy', { targetProject: event.data.targetProject });
    case 'QuotaSet': {
      const { quotaProjectId, limits } = event.data;
      if (before?.kind === 'quota') return changed<Quota>(before, at, 'quota', { limits });
      const named = { projectId: quotaProjectId, name: '', description: '' };
      return { kind: 'quota', id: quotaProjectId, ...named, limits, ...born(at, ['quota']) };
    }
    case 'NetworkPlacedOnHost':
      return placed(before, event, at);
    case 'NetworkWithdrawnFromHost': {
      const placement = the<Placement>('placement');
      const { host } = event.data;
      const after = changed(placement, at, `host:${host}`, { hosts: without(placement.hosts, host) });
      return Object.keys(after.hosts).length === 0
        ? undefined
        : { ...after, setAt: without(after.setAt, `host:${host}`) };
    }
    case 'NodeRegistered': {
      const { host, tunnelIp, bridgeMappings, bfd, firewall = 'none' } = event.data;
      const facts = { tunnelIp, bridgeMappings, firewall, removed: false, ...(bfd !== undefined && { bfd }) };
      if (before?.kind === 'node') {
        const { bfd: _, ...rest } = before;
        return changed<Node>(rest, at, 'node', facts);
      }
      return { kind: 'node', id: host, projectId: '', name: host, description: '', ...facts, ...born(at, ['node']) };
    }
    case 'NodeRemoved':
      return changed(the<Node>('node'), at, 'node', {
        removed: true,
        tunnelIp: null,
        bridgeMappings: {},
        firewall: 'none',
      });
    case 'NodeAdmitted': {
      const { host, bridges = {}, ...facts } = event.data;
      if (before?.kind === 'admission') return changed<Admission>(before, at, 'admission', { ...facts, bridges });
      const named = { projectId: '', name: host, description: '' };
      return { kind: 'admission', id: host, ...named, ...facts, bridges, ...born(at, ['admission']) };
    }
    case 'NetworkDeleted':
    case 'SubnetDeleted':
    case 'PortDeleted':
    case 'RouterDeleted':
    case 'FloatingIpDeleted':
    case 'PortForwardingDeleted':
    case 'SecurityGroupDeleted':
    case 'SecurityGroupRuleDeleted':
    case 'AddressGroupDeleted':
    case 'PacketLogDeleted':
    case 'AddressScopeDeleted':
    case 'SubnetPoolDeleted':
    case 'RbacPolicyDeleted':
    case 'QuotaReset':
    case 'NodeAdmissionEnded':
      if (!before) throw new NoSuchObject(event, recorded.position);
      return undefined;
    default:
      return absurd(event);
  }
}

function withoutInactive(port: Port, host: string): Port {
  const facet = `binding:${host}`;
  return {
    ...port,
    inactiveBindings: without(port.inactiveBindings, host),
    setAt: without(port.setAt, facet),
  };
}

function activated(port: Port, host: string, at: At): Port {
  const { host: previous, ...how } = port.binding;
  const chosen = port.inactiveBindings[host] ?? how;
  const after = changed(withoutInactive(port, host), at, 'binding', { binding: { host, ...chosen } });
  if (previous === '') return after;
  return {
    ...after,
    inactiveBindings: { ...after.inactiveBindings, [previous]: how },
    setAt: { ...after.setAt, [`binding:${previous}`]: at.position },
  };
}

function placed(before: AnyObject | undefined, event: EventOf<'NetworkPlacedOnHost'>, at: At): Placement {
  const { networkId, host, localVlanId } = event.data;
  const facet = `host:${host}`;
  if (before?.kind !== 'placement') {
    const facts = { projectId: '', name: '', description: '', hosts: { [host]: { localVlanId } } };
    return { kind: 'placement', id: networkId, ...facts, ...born(at, [facet]) };
  }
  return changed<Placement>(before, at, facet, { hosts: { ...before.hosts, [host]: { localVlanId } } });
}

/** The fields that are present; zod's `partial` types absent ones as undefined. */
function defined<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
