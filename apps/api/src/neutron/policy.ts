/**
 * Rights that are checked before the decision or together with it. Rights on objects are in libs/domain/src/access.ts; rights on attributes are declared beside
 * each attribute. Rule names in refusals are the reference's: `create_port:mac_address`.
 */
import { Decide, guarded, isOf, notAuthorized, type Subject } from '@plumbline/domain';
import type { Caller } from '@plumbline/identity/login';
import type { Input } from './input.js';
import { badRequest } from '../errors/edge-error.js';
import type { Attribute, Viewer } from './attribute.js';
import type { Resource } from './resource.js';

export const isAdmin = ({ role }: Viewer): boolean => role === 'admin';

/** Name of the rule: verb and resource, with the name of what a part belongs to between them (`create_floatingip_port_forwarding`). */
export const ruleOf = (verb: 'create' | 'update' | 'delete' | 'get', { name, partOf }: Resource): string =>
  `${verb}_${partOf ? `${partOf.name}_` : ''}${name}`;

/**
 * Refuses a create that no state of the log would allow this caller: one for another project, which is a bad request as in the reference, a reader's, one with
 * attributes for administrators.
 */
export function mayCreate(resource: Resource, input: Input, set: readonly Attribute[], caller: Caller): void {
  if (isAdmin(caller)) return;
  const rule = ruleOf('create', resource);
  if (resource.write === 'admin') throw notAuthorized(rule);
  if (input['projectId'] !== caller.projectId)
    throw badRequest(
      "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin or advsvc privileges",
    );
  if (caller.role === 'reader') throw notAuthorized(rule);
  forAdmins(set, rule);
}

function forAdmins(set: readonly Attribute[], rule: string): void {
  const [first] = set.filter(({ write }) => write === 'admin');
  if (first) throw notAuthorized(`${rule}:${first.name}`);
}

/** Refuses filters and sort keys on attributes that the caller may not see. */
export function mayAsk(resource: Resource, attributes: readonly Attribute[], caller: Caller): void {
  const [hidden] = isAdmin(caller) ? [] : attributes.filter(({ read }) => read === 'admin');
  if (hidden) throw notAuthorized(`${ruleOf('get', resource)}:${hidden.name}`);
}

/** Adds to a create: attributes that only the network's owner may set are refused on other networks. */
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

/** Adds to an update or delete: the caller must be allowed to change the object, and then each attribute that is named. */
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
