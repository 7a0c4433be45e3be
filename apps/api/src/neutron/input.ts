/**
 * The types of what a body says once it is parsed, worked out from a table of attributes: `path` names the field, `type` its value, `post`, `put` and
 * `default` whether it is there. body.ts makes the values by the same table.
 */
import type { Attribute } from './attribute.js';
import type { AttributeType } from './types/attribute-types.js';

/** Parsed input by `path`, of whatever resource. */
export type Input = Readonly<Record<string, unknown>>;

type Fields<A extends readonly Attribute[]> = Extract<A[number], { path: string }>;
type Posted<A extends readonly Attribute[]> = Extract<Fields<A>, { post: 'required' | 'allowed' }>;
/** Given in every create: asked for, or with a default. */
type Always<A extends readonly Attribute[]> = Extract<Posted<A>, { post: 'required' } | { default: unknown }>;

type Parsed<F> = F extends { type: AttributeType<infer T> } ? Exclude<T, undefined> : never;
/** What a client gave, or the default. */
type Value<F> = Parsed<F> | (F extends { default: infer D } ? D : never);

/** What `create` is given, for one object. */
export type CreateInput<A extends readonly Attribute[]> = Readonly<
  { projectId: string } & { [F in Always<A> as F['path']]: Value<F> } & {
    [F in Exclude<Posted<A>, Always<A>> as F['path']]?: Value<F>;
  }
>;

/** What `update` is given: what the client named and nothing else. */
export type UpdateInput<A extends readonly Attribute[]> = Readonly<{
  [F in Extract<Fields<A>, { put: true }> as F['path']]?: Parsed<F>;
}>;
