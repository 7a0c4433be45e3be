/** Paths of the API that do not have the shape of a resource: quotas, routers of an agent, topologies made on request. Listed in endpoints/index.ts. */
import type { Decide } from '@plumbline/domain';
import type { AgentRow } from '@plumbline/event-store';
import type { Outcome } from '../errors/errors.filter.js';
import type { Caller } from '@plumbline/identity/login';
import type { Repository } from 'typeorm';
import type { Doctor } from '../doctor/doctor.js';
import type { Instances } from '../instances/instances.js';
import type { Reasons } from '../reasons/reasons.js';
import type { Traces } from '../trace/traces.js';
import type { ReadModel } from './read-model.js';
import type { Surroundings } from './resource.js';

export type ApiRequest = Readonly<{
  method: string;
  /** Path without query, decoded segment by segment later. */
  path: string;
  search: URLSearchParams;
  /** `http://host:port`, as the client named it. */
  origin: string;
  /** Body as it came; undefined when there was none. */
  raw: unknown;
  /** The If-Match header. */
  ifMatch?: string | undefined;
  /** The Idempotency-Key header. */
  idempotencyKey?: string | undefined;
  caller: Caller;
  /** Aborted when the client has closed its connection and hears no answer. */
  signal: AbortSignal;
}>;
/** `outcome` becomes a status code in errors.filter.ts. A body that is a string is JSON text already. */
export type ApiAnswer = Readonly<{ outcome: Outcome; body?: unknown }>;

export type Tools = Readonly<{
  read: ReadModel;
  agents: Repository<AgentRow>;
  /** What owners give their instances to know. */
  instances: Instances;
  doctor: Doctor;
  /** Why things are as they are. */
  reasons: Reasons;
  /** The ways of packets. */
  traces: Traces;
  around: Surroundings;
  /** Most items of one answer. */
  listLimit: number;
  /** Decides on behalf of the caller, within quotas, and stores. */
  execute<T>(decide: Decide<T>, caller: Caller): Promise<T>;
}>;

/** `ids`: the texts in place of the `:` segments of the path, in order, decoded and not checked. */
export type Handler = (request: ApiRequest, ids: readonly string[], tools: Tools) => Promise<ApiAnswer>;

export type Endpoint = Readonly<{
  /** Below the API's prefix: `['quotas', ':project']`; a segment with a colon stands for any text. */
  path: readonly string[];
  about: string;
  /** By whom: 'admin', or any caller with a project (the handler looks further). */
  who: 'admin' | 'any';
  methods: Readonly<Partial<Record<'GET' | 'POST' | 'PUT' | 'DELETE', Handler>>>;
}>;

export const ok = (body: unknown): ApiAnswer => ({ outcome: 'ok', body });
