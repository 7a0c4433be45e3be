/** Which objects an object names and which name it, as the kinds declare it; and who can have it go. Pure. */
import { type AnyObject, keyOf, type Kind, KINDS, type ObjectKey } from '@plumbline/contracts';
import { declarationOf, idsOf, MODEL, type Topology } from '@plumbline/topology';
import type { Going, Named } from './told.js';

type Objects = Pick<Topology, 'get' | 'find' | 'count'>;

/** What is derived has no name. */
export const nameOf = (object: AnyObject): string => ('name' in object ? object.name : '');
const named = (object: AnyObject): Named => ({ key: keyOf(object), name: nameOf(object) });

/** Objects that this one names, each once, in the order of their kinds' relations. */
export function usesOf(objects: Pick<Topology, 'get'>, object: AnyObject): Named[] {
  const found = new Map<ObjectKey, Named>();
  for (const relation of Object.values(declarationOf(MODEL, object.kind).relations))
    for (const id of idsOf(relation, object)) {
      const other = objects.get(relation.to, id);
      if (other) found.set(keyOf(other), named(other));
    }
  return [...found.values()];
}

/** Objects that name this one: the first `most`, and how many relations lead to it. `sees`: which of them count. */
export function usedBy(
  objects: Objects,
  { kind, id }: Pick<AnyObject, 'kind' | 'id'>,
  most: number,
  sees: (object: AnyObject) => boolean = () => true,
): Readonly<{ some: readonly Named[]; count: number }> {
  const found = new Map<ObjectKey, Named>();
  let more = 0;
  for (const [of, name] of leadingTo(kind)) {
    const count = objects.count(of, `${name}/${id}`);
    if (count > MOST_READ) {
      more += count;
      continue;
    }
    for (const each of objects.find(of, `${name}/${id}`)) if (sees(each)) found.set(keyOf(each), named(each));
  }
  const all = [...found.values()];
  return { some: all.slice(0, most), count: all.length + more };
}

/** Objects of one relation that are read to be named; of more only their number is told. */
const MOST_READ = 1_000;

const leading = new Map<Kind, readonly (readonly [Kind, string])[]>();

/** Kinds and relations by which objects name others of this kind. */
function leadingTo(kind: Kind): readonly (readonly [Kind, string])[] {
  let found = leading.get(kind);
  if (!found) {
    found = KINDS.filter((of) => 'stream' in declarationOf(MODEL, of)).flatMap((of) =>
      Object.entries(declarationOf(MODEL, of).relations).flatMap(([name, relation]) =>
        relation.to === kind && !('sameId' in relation) ? [[of, name] as const] : [],
      ),
    );
    leading.set(kind, found);
  }
  return found;
}

/** Below /v2.0/, and what clients call it. A kind that is not here is none of the API's. */
const RESOURCES: Readonly<Partial<Record<Kind, readonly [path: string, command: string]>>> = {
  network: ['networks', 'network'],
  subnet: ['subnets', 'subnet'],
  port: ['ports', 'port'],
  router: ['routers', 'router'],
  floatingip: ['floatingips', 'floating ip'],
  securitygroup: ['security-groups', 'security group'],
  securitygrouprule: ['security-group-rules', 'security group rule'],
  addressgroup: ['address-groups', 'address group'],
  addressscope: ['address-scopes', 'address scope'],
  subnetpool: ['subnetpools', 'subnet pool'],
  rbacpolicy: ['rbac-policies', 'network rbac'],
  packetlog: ['log/logs', 'network log'],
};

/** Who would have to change what for it to go. `used`: something names it, so that it cannot go before that. */
export function goingOf(object: AnyObject, used: boolean): Going {
  const { kind, id, projectId } = object;
  const who = projectId === '' ? 'an administrator' : `project ${projectId}, or an administrator`;
  const first = used ? ', after what uses it' : '';
  const resource = RESOURCES[kind];
  if (kind === 'portforwarding') {
    const { floatingIpId } = object;
    const path = floatingIpId === null ? null : `floatingips/${floatingIpId}/port_forwardings/${id}`;
    return { who, how: 'deletes the port forwarding', request: path && `DELETE /v2.0/${path}` };
  }
  if (kind === 'quota')
    return { who: 'an administrator', how: `resets the quota`, request: `DELETE /v2.0/quotas/${id}` };
  if (kind === 'node' || kind === 'admission')
    return {
      who: 'an operator',
      how: `ends it: "plumb node ${kind === 'node' ? 'remove' : 'close'} ${id}"`,
      request: null,
    };
  if (kind === 'placement')
    return {
      who: 'the control plane',
      how: 'withdraws the network from a host with the last port and router there',
      request: null,
    };
  if (kind === 'port' && object.deviceOwner.startsWith('network:router') && object.deviceId !== '')
    return {
      who,
      how: `takes it off router ${object.deviceId}: "openstack router ${object.deviceOwner === 'network:router_gateway' ? `unset --external-gateway ${object.deviceId}` : `remove port ${object.deviceId} ${id}`}"`,
      request: `PUT /v2.0/routers/${object.deviceId}${object.deviceOwner === 'network:router_gateway' ? '' : '/remove_router_interface'}`,
    };
  if (kind === 'port' && object.servesDhcp)
    return { who, how: `switches DHCP off on the subnets of network ${object.networkId}`, request: null };
  if (kind === 'port' && object.deviceOwner === 'network:floatingip')
    return {
      who,
      how: `deletes floating IP ${object.deviceId}`,
      request: `DELETE /v2.0/floatingips/${object.deviceId}`,
    };
  if (!resource) return { who: 'the control plane', how: 'lets it go with what it follows from', request: null };
  const [path, command] = resource;
  return { who, how: `deletes it${first}: "openstack ${command} delete ${id}"`, request: `DELETE /v2.0/${path}/${id}` };
}
