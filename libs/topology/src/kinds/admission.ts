import { NO_CLAIMS, NO_TERMS, NOWHERE } from './declaration.js';
import type { KindDeclaration } from './kind.js';

/** Hosts: none; only decisions read it. */
export const admission: KindDeclaration<'admission'> = {
  stream: 'own',
  claims: NO_CLAIMS,
  relations: {},
  terms: NO_TERMS,
  scope: NOWHERE,
  access: {},
  table: 'admissions',
};
