import type { Kind, RbacPolicy } from '@plumbline/contracts';
import { NOWHERE } from './declaration.js';
import { claimPart, type KindDeclaration } from './kind.js';

/** What a policy can open, by the API's name of the type. */
export const SHARED_KIND: Readonly<Record<RbacPolicy['objectType'], Kind>> = {
  network: 'network',
  security_group: 'securitygroup',
  address_scope: 'addressscope',
  subnetpool: 'subnetpool',
  address_group: 'addressgroup',
};

/**
 * Written in the stream of the object that it opens (`withObject`), since whom an object is open to is a part of it. Those of earlier releases have a stream of their own. Hosts: none;
 * only decisions read it.
 */
export const rbacpolicy: KindDeclaration<'rbacpolicy'> = {
  stream: (facts) =>
    facts.withObject
      ? `${SHARED_KIND[facts.objectType]}-${facts.objectId}`
      : `rbacpolicy-${'id' in facts ? facts.id : facts.rbacPolicyId}`,
  someOwn: true,
  claims: ({ objectId, action, targetProject }) => [`policy/${objectId}/${action}/${claimPart(targetProject)}/`],
  relations: {},
  /** Its object may be of several kinds, so this is not a relation. */
  terms: ({ objectId, action }) => [`object/${objectId}`, `action/${action}`],
  scope: NOWHERE,
  access: {},
  table: 'rbac_policies',
};
