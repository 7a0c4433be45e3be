/** What the Networking API needs, and what an operator may set of it. */
import type pg from 'pg';
import type { Commands } from './commands.js';
import type { Settings } from './dispatcher.js';
import type { Api } from './route.js';

export const NEUTRON_OPTIONS = Symbol('NeutronOptions');

export type NeutronOptions = Settings &
  Readonly<{
    api: Api;
    commands: Commands;
    pool: pg.Pool;
    /** As `pool`, for rows by id alone. */
    lookups: pg.Pool;
    /** As clients reach us, no slash at its end; undefined: as each request names us. */
    publicUrl: string | undefined;
  }>;
