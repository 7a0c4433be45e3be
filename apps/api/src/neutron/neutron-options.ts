/** What the Networking API needs, and what an operator may set of it. */
import type pg from 'pg';
import type { Commands } from './commands.js';
import type { Doctor } from '../doctor/doctor.js';
import type { Instances } from '../instances/instances.js';
import type { Reasons } from '../reasons/reasons.js';
import type { Traces } from '../trace/traces.js';
import type { Settings } from './dispatcher.js';
import type { Api } from './route.js';
import type { TurnLimits } from './turns.js';

export const NEUTRON_OPTIONS = Symbol('NeutronOptions');

export type NeutronOptions = Settings &
  Readonly<{
    api: Api;
    commands: Commands;
    instances: Instances;
    doctor: Doctor;
    reasons: Reasons;
    traces: Traces;
    /** For lists: as many connections as `turns` gives away. */
    pool: pg.Pool;
    turns: TurnLimits;
    /** For what an index answers: rows by id, and the few rows of agents. */
    lookups: pg.Pool;
    /** As clients reach us, no slash at its end; undefined: as each request names us. */
    publicUrl: string | undefined;
  }>;
