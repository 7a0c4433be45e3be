import { NO_CLAIMS, NO_TERMS, NOWHERE } from './declaration.js';
import type { KindDeclaration } from './kind.js';

/** Hosts: none, until an agent enforces rules that name it. */
export const addressgroup: KindDeclaration<'addressgroup'> = {
  stream: 'own',
  claims: NO_CLAIMS,
  relations: {},
  terms: NO_TERMS,
  scope: NOWHERE,
  access: { byPolicy: true },
  table: 'address_groups',
  /** 4,096 prefixes, which is the most that the API takes, of the longest form. */
  mostBytes: 256 * 1024,
};
