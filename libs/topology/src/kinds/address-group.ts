import { NO_CLAIMS, NO_TERMS } from './declaration.js';
import type { KindDeclaration } from './kind.js';
import { toPortsHosts } from './security-group.js';

/** Hosts: those of the rules that name it. */
export const addressgroup: KindDeclaration<'addressgroup'> = {
  stream: 'own',
  claims: NO_CLAIMS,
  relations: {},
  terms: NO_TERMS,
  scope: [[{ from: 'securitygrouprule', by: 'addressgroup' }, 'securitygroup', ...toPortsHosts]],
  access: { byPolicy: true },
  table: 'address_groups',
  /** 4,096 prefixes, which is the most that the API takes, of the longest form. */
  mostBytes: 256 * 1024,
};
