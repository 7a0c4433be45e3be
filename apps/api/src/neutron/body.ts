/** Parses the body of a request into the input of `create` and `update`: the checks that all resources share, in the reference's order and words. */
import type { Caller } from '@plumbline/identity/login';
import { shown } from './types/attribute-types.js';
import { badRequest } from '../errors/edge-error.js';
import type { Input } from './input.js';
import { Attribute, isProject } from './attribute.js';
import { Resource } from './resource.js';

/** Most items of one bulk create. */
export const MOST_IN_BULK = 200;

/** A parsed body: the input, and the attributes it sets that not everybody may set. */
export type Parsed = Readonly<{ input: Input; set: readonly Attribute[] }>;

type Fields = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Fields =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** Body of a create: one item under the resource's name, or several under the collection's. */
export function parseCreate(resource: Resource, body: unknown, caller: Caller): { bulk: boolean; items: Parsed[] } {
  if (!isObject(body) || Object.keys(body).length === 0) throw badRequest('Resource body required');
  const { name, collection } = resource;
  if (!Object.hasOwn(body, collection)) return { bulk: false, items: [toCreate(resource, itemOf(body, name), caller)] };
  const items = body[collection];
  if (!Array.isArray(items) || items.length === 0) throw badRequest('Resources required');
  if (items.length > MOST_IN_BULK) throw badRequest(`More than ${MOST_IN_BULK} ${collection} in one request`);
  const parsed = items.map((item) =>
    toCreate(resource, isObject(item) && Object.hasOwn(item, name) ? itemOf(item, name) : object(item), caller),
  );
  return { bulk: true, items: parsed };
}

/** Body of an update: only what is named in it changes. */
export function parseUpdate(resource: Resource, body: unknown): Parsed {
  if (!isObject(body) || Object.keys(body).length === 0) throw badRequest('Resource body required');
  const fields = itemOf(body, resource.name);
  refuseUnknown(resource, fields);
  const input: Record<string, unknown> = {};
  const set: Attribute[] = [];
  for (const attribute of resource.attributes) {
    if (!Object.hasOwn(fields, attribute.name)) continue;
    if (!attribute.put) throw badRequest(`Cannot update read-only attribute ${attribute.name}`);
    put(input, attribute, attribute.type.parse(fields[attribute.name], attribute.name));
    if (attribute.write) set.push(attribute);
  }
  return { input, set };
}

function itemOf(body: Fields, name: string): Fields {
  if (!Object.hasOwn(body, name)) throw badRequest(`Unable to find '${name}' in request body`);
  return object(body[name]);
}

function object(item: unknown): Fields {
  if (!isObject(item)) throw badRequest('Resource body required');
  return item;
}

function toCreate(resource: Resource, fields: Fields, caller: Caller): Parsed {
  refuseUnknown(resource, fields);
  for (const { name, post } of resource.attributes) {
    const given = Object.hasOwn(fields, name);
    if (given && !post) throw badRequest(`Attribute '${name}' not allowed in POST`);
    if (!given && post === 'required')
      throw badRequest(`Failed to parse request. Required attribute '${name}' not specified`);
  }
  const input: Record<string, unknown> = { projectId: projectOf(resource, fields, caller) };
  const set: Attribute[] = [];
  for (const attribute of resource.attributes) {
    if (!attribute.post || isProject(attribute.name)) continue;
    if (Object.hasOwn(fields, attribute.name)) {
      const value = attribute.type.parse(fields[attribute.name], attribute.name);
      put(input, attribute, value);
      if (attribute.write && !isDefault(attribute, value)) set.push(attribute);
    } else if (attribute.default !== undefined) put(input, attribute, attribute.default);
  }
  return { input, set };
}

/** Naming the default needs no more rights than leaving the attribute out. */
const isDefault = (attribute: Attribute, value: unknown): boolean =>
  value === undefined || JSON.stringify(value) === JSON.stringify(attribute.default);

function put(input: Record<string, unknown>, { path }: Attribute, value: unknown): void {
  if (path !== undefined && value !== undefined) input[path] = value;
}

function projectOf(resource: Resource, fields: Fields, caller: Caller): string {
  const given = resource.attributes
    .filter(({ name }) => isProject(name) && Object.hasOwn(fields, name))
    .map(({ name, type }) => type.parse(fields[name], name) as string);
  if (new Set(given).size > 1) throw badRequest(`'project_id' and 'tenant_id' do not match`);
  return given[0] ?? caller.projectId;
}

function refuseUnknown(resource: Resource, fields: Fields): void {
  const known = new Set(resource.attributes.map(({ name }) => name));
  const strange = Object.keys(fields).filter((name) => !known.has(name));
  if (strange.length > 0) throw badRequest(`Unrecognized attribute(s) '${shown(strange.sort().join(', '))}'`);
}
