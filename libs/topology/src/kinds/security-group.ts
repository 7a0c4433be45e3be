import { NOWHERE } from './declaration.js';
import { claimPart, type KindDeclaration } from './kind.js';

/** Hosts: none, until an agent enforces it. */
export const securitygroup: KindDeclaration<'securitygroup'> = {
  stream: 'own',
  claims: ({ isDefault, projectId }) => (isDefault ? [`default-group/${claimPart(projectId)}`] : []),
  relations: {},
  terms: ({ isDefault, projectId }) => (isDefault ? [`default/${projectId}`] : []),
  scope: NOWHERE,
  access: { byPolicy: true },
  table: 'security_groups',
};
