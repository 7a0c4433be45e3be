/** Quotas (Networking API reference, "Quotas extension" and "Quotas details"): limits by project, administrators set them, a project reads its own. */
import {
  type Limits,
  notAuthorized,
  QUOTA_RESOURCES,
  resetQuota,
  setQuota,
  usageOf,
  type Usage,
} from '@plumbline/domain';
import type { Caller } from '@plumbline/identity/login';
import { bool, integer, isStorable, shown } from '../types/attribute-types.js';
import { parseJson } from '../../json-body.js';
import { badRequest, noSuchPath } from '../../errors/edge-error.js';
import { type Endpoint, type Handler, ok, type Tools } from '../endpoint.js';
import { isAdmin } from '../policy.js';

const LONGEST_PROJECT = 255;
const limit = integer(-1, 2 ** 31 - 1);
/** In an update beside the limits: whether a limit below what is used is refused. */
const SWITCHES = ['check_limit', 'force'];

function projectOf([id = '']: readonly string[]): string {
  if (id === '' || id.length > LONGEST_PROJECT || !isStorable(id)) throw noSuchPath();
  return id;
}

function mayRead(caller: Caller, projectId: string): void {
  if (!isAdmin(caller) && caller.projectId !== projectId) throw notAuthorized('get_quota');
}

const usage = (projectId: string, caller: Caller, { execute, around }: Tools): Promise<Usage> =>
  execute(usageOf(projectId, around.quotas), caller);

const limits = async (projectId: string, caller: Caller, tools: Tools): Promise<Limits> => {
  const entries = Object.entries(await usage(projectId, caller, tools));
  return Object.fromEntries(entries.map(([resource, { limit: most }]) => [resource, most]));
};

const show: Handler = async ({ caller }, ids, tools) => {
  const projectId = projectOf(ids);
  if (projectId === 'tenant') return ok({ tenant: { tenant_id: caller.projectId } });
  if (projectId === 'project') return ok({ project: { project_id: caller.projectId } });
  mayRead(caller, projectId);
  return ok({ quota: await limits(projectId, caller, tools) });
};

const showDefault: Handler = async ({ caller }, ids, { around }) => {
  mayRead(caller, projectOf(ids));
  const names = Object.keys(QUOTA_RESOURCES);
  return ok({ quota: Object.fromEntries(names.map((name) => [name, around.quotas[name] ?? -1])) });
};

/** `reserved` is always 0: what is decided is counted, nothing is set aside. */
const details: Handler = async ({ caller }, ids, tools) => {
  const projectId = projectOf(ids);
  mayRead(caller, projectId);
  const entries = Object.entries(await usage(projectId, caller, tools));
  return ok({ quota: Object.fromEntries(entries.map(([resource, each]) => [resource, { ...each, reserved: 0 }])) });
};

/** Projects that have limits of their own. */
const list: Handler = async ({ caller }, _ids, tools) => {
  const projects = await tools.read.quotaProjects();
  const quotas = projects.map(async (id) => ({
    ...(await limits(id, caller, tools)),
    tenant_id: id,
    project_id: id,
  }));
  return ok({ quotas: await Promise.all(quotas) });
};

const update: Handler = async ({ caller, raw }, ids, tools) => {
  const projectId = projectOf(ids);
  const { wanted, check } = parse(parseJson(raw));
  await tools.execute(setQuota(projectId, wanted, check), caller);
  return ok({ quota: await limits(projectId, caller, tools) });
};

function parse(body: unknown): { wanted: Limits; check: boolean } {
  const quota = isObject(body) ? body['quota'] : undefined;
  if (!isObject(quota)) throw badRequest("Unable to find 'quota' in request body");
  const strange = Object.keys(quota).filter((name) => !isQuota(name) && !IGNORED.includes(name));
  if (strange.length > 0) throw badRequest(`Unrecognized attribute(s) '${shown(strange.sort().join(', '))}'`);
  const named = Object.entries(quota).filter(([name]) => isQuota(name));
  const wanted = Object.fromEntries(named.map(([name, value]) => [name, limit.parse(value, name) as number]));
  const { check_limit: asked, force } = quota;
  const checks = asked !== undefined && bool.parse(asked, 'check_limit') === true;
  const forced = force !== undefined && bool.parse(force, 'force') === true;
  return { wanted, check: checks && !forced };
}

const isQuota = (name: string): boolean => Object.hasOwn(QUOTA_RESOURCES, name);
const IGNORED = ['tenant_id', 'project_id', ...SWITCHES];
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

const reset: Handler = async ({ caller }, ids, { execute }) => {
  await execute(resetQuota(projectOf(ids)), caller);
  return { outcome: 'no-content' };
};

export const quotaEndpoints: readonly Endpoint[] = [
  { path: ['quotas'], about: 'Limits of the projects that have their own.', who: 'admin', methods: { GET: list } },
  { path: ['quotas', ':project'], about: 'Limits of a project.', who: 'any', methods: { GET: show } },
  {
    path: ['quotas', ':project'],
    about: 'Sets limits of a project, or takes its own away.',
    who: 'admin',
    methods: { PUT: update, DELETE: reset },
  },
  { path: ['quotas', ':project', 'default'], about: 'Default limits.', who: 'any', methods: { GET: showDefault } },
  { path: ['quotas', ':project', 'details'], about: 'Limits and usage.', who: 'any', methods: { GET: details } },
];
