// The operations of a transaction (RFC 7047 section 5.2) as data.
import type { WireAtom, WireRow, WireValue } from './values.js';

/** `[column, function, value]`; all clauses of a where must hold. */
export type Condition = readonly [
  column: string,
  function_: '==' | '!=' | '<' | '<=' | '>' | '>=' | 'includes' | 'excludes',
  value: WireValue,
];
/** `[column, mutator, value]`. */
export type Mutation = readonly [
  column: string,
  mutator: '+=' | '-=' | '*=' | '/=' | '%=' | 'insert' | 'delete',
  value: WireValue,
];

/** One operation; a transaction does all of them or none. */
export type Operation =
  | { readonly op: 'insert'; readonly table: string; readonly row: WireRow; readonly 'uuid-name'?: string }
  | {
      readonly op: 'select';
      readonly table: string;
      readonly where: readonly Condition[];
      readonly columns?: readonly string[];
    }
  | { readonly op: 'update'; readonly table: string; readonly where: readonly Condition[]; readonly row: WireRow }
  | {
      readonly op: 'mutate';
      readonly table: string;
      readonly where: readonly Condition[];
      readonly mutations: readonly Mutation[];
    }
  | { readonly op: 'delete'; readonly table: string; readonly where: readonly Condition[] }
  | {
      readonly op: 'wait';
      readonly timeout: number;
      readonly table: string;
      readonly where: readonly Condition[];
      readonly columns: readonly string[];
      readonly until: '==' | '!=';
      readonly rows: readonly WireRow[];
    }
  | { readonly op: 'comment'; readonly comment: string }
  | { readonly op: 'abort' };

/** Result of one operation; its fields depend on the operation. */
export interface OperationResult {
  /** Of an insert: the new row. */
  readonly uuid?: readonly ['uuid', string];
  /** Of update, mutate, delete: the rows it matched. */
  readonly count?: number;
  /** Of a select. */
  readonly rows?: readonly WireRow[];
}

/** Matches the row of this name. */
export function named(name: string): readonly Condition[] {
  return [['name', '==', name]];
}

/** Fails the transaction unless a row of this name exists when the operation's turn comes. */
function mustExist(table: string, name: string): Operation {
  return {
    op: 'wait',
    timeout: 0,
    table,
    where: named(name),
    columns: ['name'],
    until: '==',
    rows: [{ name }],
  };
}

/** Sets columns of the row of this name; fails the transaction when there is none. */
export function updateNamed(table: string, name: string, row: WireRow): readonly Operation[] {
  return [mustExist(table, name), { op: 'update', table, where: named(name), row }];
}

/** Changes columns of the row of this name; fails the transaction when there is none. */
export function mutateNamed(table: string, name: string, mutations: readonly Mutation[]): readonly Operation[] {
  return [mustExist(table, name), { op: 'mutate', table, where: named(name), mutations }];
}

/** The mutations that put pairs into a map whether or not the keys are there: `insert` alone would keep old values. */
export function putPairs(column: string, pairs: Readonly<Record<string, string>>): readonly Mutation[] {
  const keys: readonly WireAtom[] = Object.keys(pairs);
  return [
    [column, 'delete', ['set', keys]],
    [column, 'insert', ['map', Object.entries(pairs)]],
  ];
}
