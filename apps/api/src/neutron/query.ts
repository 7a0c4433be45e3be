/** Parses the query of a list: filters, fields, sorting, pages. A name that the resource does not declare is refused. */
import { badRequest as badResource } from '@plumbline/domain';
import { isStorable, isUuid, shown } from './types/attribute-types.js';
import { badRequest } from '../errors/edge-error.js';
import { Attribute } from './attribute.js';
import { Resource } from './resource.js';

export type Filter = Readonly<{ attribute: Attribute; values: readonly unknown[] }>;
export type Sort = Readonly<{ attribute: Attribute; descending: boolean }>;
/** `tags`: all of them; `tags-any`: one of them at least; `not-`: the contrary of each. */
export type TagFilter = Readonly<{ tags: readonly string[]; any: boolean; not: boolean }>;
export type ListQuery = Readonly<{
  filters: readonly Filter[];
  tags: readonly TagFilter[];
  fields: ReadonlySet<string> | null;
  /** Ends with the id, so that the order is total. */
  sorts: readonly Sort[];
  /** Null: all. */
  limit: number | null;
  marker: string | null;
  pageReverse: boolean;
}>;

const PAGING = ['limit', 'marker', 'page_reverse', 'sort_key', 'sort_dir', 'fields'];
const TAG_FILTERS = ['tags', 'tags-any', 'not-tags', 'not-tags-any'];
const MOST_VALUES = 1000;

export function parseQuery(resource: Resource, search: URLSearchParams): ListQuery {
  const fields = search.getAll('fields').filter((field) => field !== '');
  return {
    filters: parseFilters(resource, search),
    tags: resource.tagged ? parseTags(search) : [],
    fields: fields.length > 0 ? new Set(fields) : null,
    sorts: parseSorts(resource, search),
    limit: parseLimit(search.getAll('limit').at(-1)),
    marker: parseMarker(resource, search.getAll('marker').at(-1)),
    pageReverse: /^(true|1)$/i.test(search.getAll('page_reverse').at(-1) ?? ''),
  };
}

/** Fields asked for, of a single object. */
export function parseFields(search: URLSearchParams): ReadonlySet<string> | null {
  const fields = search.getAll('fields').filter((field) => field !== '');
  return fields.length > 0 ? new Set(fields) : null;
}

function parseFilters(resource: Resource, search: URLSearchParams): Filter[] {
  const ours = resource.tagged ? [...PAGING, ...TAG_FILTERS] : PAGING;
  const names = [...new Set(search.keys())].filter((name) => !ours.includes(name));
  const byName = new Map(resource.attributes.map((attribute) => [attribute.name, attribute]));
  const strange = names.filter((name) => !byName.get(name)?.filter);
  if (strange.length > 0)
    throw badRequest(`[${strange.map((name) => `'${shown(name)}'`).join(', ')}] is invalid attribute for filtering`);
  return names.map((name) => {
    const attribute = byName.get(name) as Attribute;
    const texts = [...new Set(search.getAll(name))];
    if (texts.length > MOST_VALUES) throw badRequest(`More than ${MOST_VALUES} values for filter ${name}`);
    const unstorable = texts.find((text) => !isStorable(text));
    if (unstorable !== undefined)
      throw badRequest(`Invalid filter for ${name}: '${shown(unstorable)}' holds characters that cannot be stored`);
    // What is asked twice changes nothing and costs time.
    return { attribute, values: [...new Set(texts.map((text) => attribute.type.filter?.(text, name)))] };
  });
}

function parseTags(search: URLSearchParams): TagFilter[] {
  return TAG_FILTERS.flatMap((name) => {
    const tags = [...new Set(search.getAll(name).flatMap((text) => text.split(',').filter((tag) => tag !== '')))];
    if (tags.length > MOST_VALUES) throw badRequest(`More than ${MOST_VALUES} values for filter ${name}`);
    const unstorable = tags.find((text) => !isStorable(text));
    if (unstorable !== undefined)
      throw badRequest(`Invalid filter for ${name}: '${shown(unstorable)}' holds characters that cannot be stored`);
    return tags.length > 0 ? [{ tags, any: name.endsWith('-any'), not: name.startsWith('not-') }] : [];
  });
}

function parseSorts(resource: Resource, search: URLSearchParams): Sort[] {
  const keys = search.getAll('sort_key').filter((key) => key !== '');
  const directions = search.getAll('sort_dir').filter((direction) => direction !== '');
  const sortable = new Map(resource.attributes.flatMap((a) => (a.sort ? [[a.name, a] as const] : [])));
  const absent = keys.filter((key) => !sortable.has(key));
  if (absent.length > 0)
    throw badRequest(`[${absent.map((key) => `'${shown(key)}'`).join(', ')}] is invalid attribute for sort_keys`);
  const wrong = directions.filter((direction) => direction !== 'asc' && direction !== 'desc');
  if (wrong.length > 0)
    throw badRequest(
      `[${wrong.map((each) => `'${shown(each)}'`).join(', ')}] is invalid value for sort_dirs, valid value is 'asc' and 'desc'`,
    );
  if (directions.length > 0 && directions.length !== keys.length)
    throw badRequest('The number of sort_keys and sort_dirs must be same');
  const sorts = keys
    .map((key, index) => ({ attribute: sortable.get(key) as Attribute, descending: directions[index] === 'desc' }))
    // A key that is repeated changes nothing and costs time.
    .filter((_sort, index) => keys.indexOf(keys[index] as string) === index);
  const byId = sorts.findIndex(({ attribute }) => attribute.name === 'id');
  if (byId >= 0) return sorts.slice(0, byId + 1);
  return [...sorts, { attribute: sortable.get('id') as Attribute, descending: false }];
}

function parseLimit(text: string | undefined): number | null {
  if (text === undefined || text === '') return null;
  const limit = Number(text);
  if (!/^\d{1,9}$/.test(text))
    throw badResource('limit', `Limit must be an integer 0 or greater and not '${shown(text)}'`);
  return limit === 0 ? null : limit;
}

function parseMarker(resource: Resource, marker: string | undefined): string | null {
  if (marker === undefined || marker === '') return null;
  if (!isUuid(marker)) throw resource.notFound(shown(marker));
  return marker.toLowerCase();
}

/** Limits the page to `most` items, also when the client did not ask for pages. */
export const inPages = (query: ListQuery, most: number): ListQuery => ({
  ...query,
  limit: Math.min(query.limit ?? most, most),
});

/** The client did not ask for pages and got the whole list: the answer needs no links. */
const isWhole = (asked: ListQuery, { limit }: ListQuery, rows: number): boolean =>
  asked.limit === null && rows < (limit ?? Infinity);

/** Links of an answer: none when the client did not ask for pages and got the whole list. */
export const linksOf = (
  request: Parameters<typeof pageLinks>[0],
  asked: ListQuery,
  query: ListQuery,
  ids: readonly string[],
): ReturnType<typeof pageLinks> => (isWhole(asked, query, ids.length) ? [] : pageLinks(request, query, ids));

/**
 * Links of a page, as the reference gives them: only with a limit; the next one even where the next page may be empty. An empty page leads back as well: without
 * a marker, to the end of the list from where it came.
 */
export function pageLinks(
  request: Readonly<{ origin: string; path: string; search: URLSearchParams }>,
  query: ListQuery,
  ids: readonly string[],
): { rel: 'next' | 'previous'; href: string }[] {
  if (query.limit === null) return [];
  const href = (marker: string | undefined, reverse: boolean) => {
    const search = new URLSearchParams(request.search);
    search.delete('marker');
    search.delete('page_reverse');
    if (marker !== undefined) search.append('marker', marker);
    if (reverse) search.append('page_reverse', 'True');
    return `${request.origin}${request.path}?${search.toString()}`;
  };
  const isShort = ids.length < query.limit;
  return [
    ...(isShort && !query.pageReverse ? [] : [{ rel: 'next' as const, href: href(ids.at(-1), false) }]),
    ...(isShort && query.pageReverse ? [] : [{ rel: 'previous' as const, href: href(ids[0], true) }]),
  ];
}
