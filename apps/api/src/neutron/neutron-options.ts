/** What the Networking API stands on and what an operator may set of it. */
import type pg from 'pg';
import type { Commands, Settings } from './dispatcher.js';

export const NEUTRON_OPTIONS = Symbol('NeutronOptions');

export type NeutronOptions = Settings &
  Readonly<{
    commands: Commands;
    pool: pg.Pool;
    /** As `pool`, for rows by id alone. */
    lookups: pg.Pool;
    /** As clients reach us, no slash at its end; undefined: as each request names us. */
    publicUrl: string | undefined;
  }>;
