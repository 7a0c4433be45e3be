import { NOWHERE } from './declaration.js';
import { claimPart, type KindDeclaration } from './kind.js';

/** Hosts: none; only decisions read it. */
export const rbacpolicy: KindDeclaration<'rbacpolicy'> = {
  stream: 'own',
  claims: ({ objectId, action, targetProject }) => [`policy/${objectId}/${action}/${claimPart(targetProject)}/`],
  relations: {},
  /** Its object may be of several kinds, so this is not a relation. */
  terms: ({ objectId }) => [`object/${objectId}`],
  scope: NOWHERE,
  access: {},
  table: 'rbac_policies',
};
