/**
 * Who may, at the edge: what can be said of a request before, or together with, the decision. Rights of objects are the domain's (libs/domain/src/access.ts);
 * rights of attributes are declared beside each attribute. Rule names in refusals are the reference's: `create_port:mac_address`.
 */
import { Decide, guarded, isOf, notAuthorized, type Subject } from '@plumbline/domain';
import type { Caller } from '@plumbline/identity/login';
import type { Input } from './input.js';
import type { Attribute, Resource, Viewer } from './resource.js';

export const isAdmin = ({ role }: Viewer): boolean => role === 'admin';

/** Verb and resource: of a part, with the whole's name between, as `create_floatingip_port_forwarding`. */
export const ruleOf = (verb: 'create' | 'update' | 'delete' | 'get', { name, partOf }: Resource): string =>
  `${verb}_${partOf ? `${partOf.name}_` : ''}${name}`;

/** Refuses a create that the caller may not make whatever is there: as a reader, for another project, with what is for administrators only. */
export function mayCreate(resource: Resource, input: Input, set: readonly Attribute[], caller: Caller): void {
  if (isAdmin(caller)) return;
  const rule = ruleOf('create', resource);
  if (caller.role === 'reader' || resource.write === 'admin') throw notAuthorized(rule);
  if (input['projectId'] !== caller.projectId) throw notAuthorized(`${rule}:tenant_id`);
  forAdmins(set, rule);
}

function forAdmins(set: readonly Attribute[], rule: string): void {
  const [first] = set.filter(({ write }) => write === 'admin');
  if (first) throw notAuthorized(`${rule}:${first.name}`);
}

/** Refuses filters and sort keys that would tell what the caller does not see. */
export function mayAsk(resource: Resource, attributes: readonly Attribute[], caller: Caller): void {
  const [hidden] = isAdmin(caller) ? [] : attributes.filter(({ read }) => read === 'admin');
  if (hidden) throw notAuthorized(`${ruleOf('get', resource)}:${hidden.name}`);
}

/** Of a create: attributes that only a network's owner may set are refused on the network of somebody else. */
export function creating<T>(
  resource: Resource,
  inputs: readonly Readonly<{ input: Input; set: readonly Attribute[] }>[],
  decide: Decide<T>,
): Decide<T> {
  const bound = inputs.flatMap(({ input, set }) => {
    const [first] = set.filter(({ write }) => write === 'network-owner');
    return first
      ? [{ networkId: String(input['networkId']), rule: `${ruleOf('create', resource)}:${first.name}` }]
      : [];
  });
  if (bound.length === 0) return decide;
  return (topology, context) => {
    for (const { networkId, rule } of bound) {
      const network = topology.get('network', networkId);
      if (network && !isAdmin(context.actor) && !isOf(context.actor, network)) throw notAuthorized(rule);
    }
    return decide(topology, context);
  };
}

/** Of an update or delete: guarded, and its attributes looked at once the object is known to be the caller's. */
export function changing<T>(
  resource: Resource,
  subject: Subject,
  set: readonly Attribute[],
  decide: Decide<T>,
): Decide<T> {
  const allowed: Decide<T> = (topology, context) => {
    if (!isAdmin(context.actor)) {
      if (resource.write === 'admin') throw notAuthorized(subject.rule);
      forAdmins(set, subject.rule);
      const [first] = set.filter(({ write }) => write === 'network-owner');
      const object = topology.get(subject.kind, subject.id);
      const networkId = object && 'networkId' in object ? object.networkId : '';
      if (first && !isOf(context.actor, topology.get('network', networkId)))
        throw notAuthorized(`${subject.rule}:${first.name}`);
    }
    return decide(topology, context);
  };
  return guarded(subject, allowed);
}
