/** What other objects of one kind say that name this object by its id: found by the index on `doc` in the database, and by the topology's own index in memory. */
import type { Kind } from '@plumbline/contracts';
import type { Topology } from '@plumbline/topology';
import type { Tables } from '../tables.js';
import { type Computed, UNREAD } from './computed.js';

type Doc = Readonly<Record<string, unknown>>;

export type Relation = Readonly<{
  /** `SELECT <what> FROM ... b WHERE ...`: conditions may follow. `id`: of the object that is named. */
  rows(what: string, tables: Tables, id?: string): string;
  objects(topology: Topology, id: string): readonly Doc[];
}>;

/** Objects of `kind` whose `field` is the id; `term` is what the topology's index calls it. */
export const naming = (kind: Kind, field: string, term: string): Relation => ({
  rows: (what, tables, id = 'o.id') =>
    `SELECT ${what} FROM ${tables.of(kind)} b WHERE b.doc @> jsonb_build_object('${field}', ${id})`,
  objects: (topology, id) => topology.find(kind, `${term}/${id}`),
});

const having = (members: Readonly<Record<string, string>>) => (doc: Doc) =>
  Object.entries(members).every(([name, value]) => doc[name] === value);
const sqlHaving = (members: Readonly<Record<string, string>>): string => `b.doc @> '${JSON.stringify(members)}'`;

/** Whether there is one with these members. */
export const exists = (relation: Relation, members: Readonly<Record<string, string>>): Computed => ({
  sql: (tables) => `EXISTS (${relation.rows('', tables)} AND ${sqlHaving(members)})`,
  known: ({ topology, row }) => {
    const own = row('o');
    return own === UNREAD || own === null ? own : relation.objects(topology, own.id).some(having(members));
  },
});

/** One field of those with these members, as a list in no order. */
export const listOf = (relation: Relation, field: string, members: Readonly<Record<string, string>>): Computed => ({
  sql: (tables) =>
    `(${relation.rows(`coalesce(jsonb_agg(b.doc -> '${field}'), '[]')`, tables)} AND ${sqlHaving(members)})`,
  known: ({ topology, row }) => {
    const own = row('o');
    if (own === UNREAD || own === null) return own;
    return relation
      .objects(topology, own.id)
      .filter(having(members))
      .map((doc) => doc[field]);
  },
});
