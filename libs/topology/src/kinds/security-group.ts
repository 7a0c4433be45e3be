import type { AnyObject } from '@plumbline/contracts';
import type { Steps } from './declaration.js';
import { claimPart, type KindDeclaration } from './kind.js';

/** From a group to the hosts of its ports. */
export const toPortsHosts: Steps<AnyObject> = [{ from: 'port', by: 'securitygroup' }, 'host'];

/** Hosts: those of its ports. */
export const securitygroup: KindDeclaration<'securitygroup'> = {
  stream: 'own',
  claims: ({ isDefault, projectId }) => (isDefault ? [`default-group/${claimPart(projectId)}`] : []),
  relations: {},
  terms: ({ isDefault, projectId }) => (isDefault ? [`default/${projectId}`] : []),
  scope: [toPortsHosts],
  access: { byPolicy: true },
  table: 'security_groups',
};
