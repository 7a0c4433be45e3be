import { NOWHERE } from './declaration.js';
import { claimPart, type KindDeclaration } from './kind.js';

/** Hosts: none; only decisions ask for it. */
export const rbacpolicy: KindDeclaration<'rbacpolicy'> = {
  stream: 'own',
  claims: ({ objectId, action, targetProject }) => [`policy/${objectId}/${action}/${claimPart(targetProject)}/`],
  relations: {},
  /** Its object is of one of several kinds, so it is no relation. */
  terms: ({ objectId }) => [`object/${objectId}`],
  scope: NOWHERE,
  access: {},
  table: 'rbac_policies',
};
