/** The sub-resource `tags` of every resource that has them (Networking API reference, "Standard attributes tag extension"). */
import { changeTags, Decide, tagNotFound, type TaggedKind } from '@plumbline/domain';
import { shown } from './types/attribute-types.js';
import { MOST_TAGS, tag, tagList } from './types/tag-types.js';
import { badRequest, invalidAttribute, methodNotAllowed } from '../errors/edge-error.js';
import type { ApiAnswer, ApiRequest } from './endpoint.js';
import { ok } from './endpoint.js';
import { parseJson } from '../json-body.js';

function tagsOf(body: unknown): readonly string[] {
  const fields = body as Readonly<Record<string, unknown>> | null;
  if (fields === null || typeof fields !== 'object' || Array.isArray(fields) || !Object.hasOwn(fields, 'tags'))
    throw badRequest('Invalid input for tags. Reason: the body is {"tags": [...]}.');
  return tagList.parse(fields['tags'], 'tags');
}

export type TagsOf = Readonly<{
  kind: TaggedKind;
  id: string;
  /** Tags as the caller sees them; throws when it does not see the object. */
  read(): Promise<readonly string[]>;
  /** Decides for whoever may update the object. */
  execute<T>(decide: Decide<T>): Promise<T>;
}>;

/** `/{id}/tags` and, with `one`, `/{id}/tags/{tag}`. */
export async function answerTags(request: ApiRequest, object: TagsOf, one: string | undefined): Promise<ApiAnswer> {
  const change = (to: (tags: readonly string[]) => readonly string[]) =>
    object.execute(changeTags(object.kind, object.id, to));
  const none: ApiAnswer = { outcome: 'no-content' };
  if (one === undefined) {
    if (request.method === 'GET') return ok({ tags: await object.read() });
    if (request.method === 'PUT') {
      const wanted = tagsOf(parseJson(request.raw));
      return ok({ tags: await change(() => wanted) });
    }
    if (request.method !== 'DELETE') throw methodNotAllowed();
    await change(() => []);
    return none;
  }
  if (request.method === 'GET') {
    if (!(await object.read()).includes(one)) throw tagNotFound(shown(one));
    return none;
  }
  const name = tag(one);
  if (request.method === 'PUT') {
    await change((tags) => {
      if (!tags.includes(name) && tags.length >= MOST_TAGS)
        throw invalidAttribute('tags', `more than ${MOST_TAGS} items`);
      return [...tags, name];
    });
    return { outcome: 'created' };
  }
  if (request.method !== 'DELETE') throw methodNotAllowed();
  await change((tags) => {
    if (!tags.includes(name)) throw tagNotFound(shown(name));
    return tags.filter((each) => each !== name);
  });
  return none;
}
