/**
 * Who sees and who may change an object: the reference's default policy, on the objects of the topology (Networking policy reference, roles admin, member and
 * reader). What an actor may not see does not exist for it (404); what it may see but not change is forbidden (403). Lists apply the same rules in PostgreSQL, by
 * each resource's `visible` condition; a test compares both.
 *
 *   admin     everything
 *   own       what is its project's; a reader changes nothing
 *   the rest  as the object's kind declares (`access` in `libs/topology/src/kinds`): for everybody, by an RBAC policy, with the object it is a part of
 */
import type { AnyObject, ObjectKey, RbacPolicy, WrittenKind, WrittenObject } from '@plumbline/contracts';
import { type Access, declarationOf, idsOf, MODEL, type Topology } from '@plumbline/topology';
import type { Actor } from './actor.js';
import type { Decide } from './context.js';
import { DomainError, notAuthorized, revisionDiffers } from './errors.js';

/** What access is decided on: a topology, or a draft over one. */
export type Objects = Pick<Topology, 'get' | 'find'>;

/** Policies that give the project access to an object. */
export function policiesFor(
  objects: Objects,
  objectId: string,
  projectId: string,
  action?: RbacPolicy['action'],
): RbacPolicy[] {
  return objects
    .find('rbacpolicy', `object/${objectId}`)
    .filter(
      ({ targetProject, ...policy }) =>
        (targetProject === projectId || targetProject === '*') && (action === undefined || policy.action === action),
    );
}

/** The objects that allow the actor to see this one, itself first; null when it may not see it. */
export function groundsToSee(objects: Objects, actor: Actor, object: AnyObject): readonly ObjectKey[] | null {
  const itself: ObjectKey = `${object.kind}/${object.id}`;
  const { everybody, byPolicy, seenWith, seenByOwnerOf } = accessOf(object);
  if (actor.role === 'admin' || isOf(actor, object) || everybody?.(object)) return [itself];
  if (seenByOwnerOf && isOf(actor, related(objects, object, seenByOwnerOf))) return [itself];
  const whole = seenWith ? related(objects, object, seenWith) : undefined;
  const grounds = whole && groundsToUse(objects, actor, whole);
  if (grounds) return [itself, ...grounds];
  const [policy] = byPolicy ? policiesFor(objects, object.id, actor.projectId) : [];
  return policy ? [itself, `rbacpolicy/${policy.id}`] : null;
}

/** The objects by which this one is the actor's or shared with it, itself first; null when neither. To be external for it is not to be shared. */
function groundsToUse(objects: Objects, actor: Actor, object: AnyObject): readonly ObjectKey[] | null {
  const itself: ObjectKey = `${object.kind}/${object.id}`;
  if (isOf(actor, object) || accessOf(object).sharedWithAll?.(object)) return [itself];
  const [policy] = policiesFor(objects, object.id, actor.projectId, 'access_as_shared');
  return policy ? [itself, `rbacpolicy/${policy.id}`] : null;
}

const accessOf = (object: AnyObject): Access<AnyObject> => declarationOf(MODEL, object.kind).access;

/** The first object that this one names by a relation of its kind. */
function related(objects: Objects, object: AnyObject, name: string): AnyObject | undefined {
  const relation = declarationOf(MODEL, object.kind).relations[name];
  const [id] = relation ? idsOf(relation, object) : [];
  return relation && id !== undefined ? objects.get(relation.to, id) : undefined;
}

export const canSee = (objects: Objects, actor: Actor, object: AnyObject): boolean =>
  groundsToSee(objects, actor, object) !== null;

/** True for the object's own project, whatever the role. */
export const isOf = (actor: Actor, object: AnyObject | undefined): boolean =>
  object !== undefined && object.projectId !== '' && object.projectId === actor.projectId;

/** `deletes`: an owner of a network may delete ports of others on it. */
export function canChange(objects: Objects, actor: Actor, object: AnyObject, deletes: boolean): boolean {
  if (actor.role === 'admin') return true;
  if (actor.role === 'reader') return false;
  if (isOf(actor, object)) return true;
  const { changedByOwnerOf, deletedByOwnerOf } = accessOf(object);
  const owners = [changedByOwnerOf, deletes ? deletedByOwnerOf : undefined];
  return owners.some((name) => name !== undefined && isOf(actor, related(objects, object, name)));
}

/** The object that a command is about, and its conditions. */
export type Subject = Readonly<{
  kind: WrittenKind;
  id: string;
  notFound(id: string): DomainError;
  /** The policy rule's name for messages: `update_network`. */
  rule: string;
  deletes?: boolean;
  /** `If-Match`: what its revision number must be. */
  revision?: number | null;
}>;

/** The decision, if the actor may change its subject; else the subject's "not found", or forbidden. A stale revision is refused last. */
export const guarded =
  <T>(subject: Subject, decide: Decide<T>): Decide<T> =>
  (topology, context) => {
    const { kind, id, rule, deletes = false, revision = null } = subject;
    const object: WrittenObject | undefined = topology.get(kind, id);
    if (!object || !canSee(topology, context.actor, object)) throw subject.notFound(id);
    if (!canChange(topology, context.actor, object, deletes)) throw notAuthorized(rule);
    const now = topology.revisionOf(object);
    if (revision !== null && revision !== now) throw revisionDiffers(revision, now);
    const decision = decide(topology, context);
    return revision === null ? decision : { ...decision, reads: [...decision.reads, `${kind}/${id}`] };
  };
