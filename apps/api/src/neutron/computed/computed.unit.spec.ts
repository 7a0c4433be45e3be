import { describe, expect, it } from '@jest/globals';
import type { Topology } from '@plumbline/topology';
import { RESOURCES } from '../catalogue.js';
import type { Resource } from '../resource.js';
import { tablesIn } from '../tables.js';
import {
  both,
  cases,
  columnOf,
  type Computed,
  either,
  firstOf,
  isNull,
  isOneOf,
  isSaid,
  jsonOf,
  type Memory,
  orNone,
  read,
  textOf,
  UNREAD,
  word,
} from './computed.js';
import { knownColumns } from './joins.js';

type Doc = Readonly<Record<string, unknown>>;
type Objects = Readonly<Record<string, Doc>>;

/** Objects by `kind/id`; of relations there are none. */
const topology = (objects: Objects = {}): Topology =>
  ({
    get: (kind: string, id: string) => objects[`${kind}/${id}`],
    find: () => [],
    versionOf: () => 3,
  }) as Partial<Topology> as Topology;

const doc = { host: '', size: 5, on: true, nothing: null, deep: { er: 'x' } };
const memory: Memory = {
  topology: topology(),
  row: (alias) => (alias === 'o' ? { id: 'id', doc } : alias === 'none' ? null : UNREAD),
};
const yes = isOneOf(word('a'), 'a', 'b');
const no = isOneOf(word('c'), 'a', 'b');
const unread = read(() => 'true');
const never = columnOf('none', 'status');

describe('a computed value, in memory', () => {
  it.each<[string, Computed, unknown]>([
    ['text', textOf('o', 'deep', 'er'), 'x'],
    ['a number as text', textOf('o', 'size'), '5'],
    ['a boolean as text', textOf('o', 'on'), 'true'],
    ['JSON null as text', textOf('o', 'nothing'), null],
    ['what is not there', textOf('o', 'deep', 'est', 'more'), null],
    ['JSON', jsonOf('o', 'deep'), { er: 'x' }],
    ['of no row', textOf('none', 'host'), null],
    ['of a row that must be read', textOf('other', 'host'), UNREAD],
    ['a column of no row', never, null],
    ['a column of a row that must be read', columnOf('other', 'status'), UNREAD],
    ['the first', firstOf(textOf('o', 'nothing'), textOf('o', 'size'), unread), '5'],
    ['the first, unread', firstOf(textOf('o', 'nothing'), unread, word('x')), UNREAD],
    ["'' is none", orNone(textOf('o', 'host')), null],
    ["'' is not said", isSaid(textOf('o', 'host')), false],
    ['null', isNull(jsonOf('o', 'nothing')), true],
    ['and', both(yes, yes), true],
    ['and: one that is false decides', both(unread, no), false],
    ['and: of no row is not true', both(unread, isOneOf(never, 'a')), false],
    ['and: unread', both(yes, unread), UNREAD],
    ['or: one that is true decides', either(unread, yes), true],
    ['or: unread', either(no, unread), UNREAD],
    ['or: none', either(no, isOneOf(never, 'a')), false],
    [
      'a case',
      cases(
        [
          [no, word('1')],
          [yes, word('2')],
          [unread, word('3')],
        ],
        word('4'),
      ),
      '2',
    ],
    [
      'a case that must be read',
      cases(
        [
          [unread, word('1')],
          [yes, word('2')],
        ],
        null,
      ),
      UNREAD,
    ],
    ['no case', cases([[no, word('1')]], null), null],
  ])('%s', (_name, { known }, wanted) => expect(known(memory)).toEqual(wanted));
});

const named = (key: string): Resource =>
  RESOURCES.find(({ name, partOf }) => (partOf ? `${partOf.name}/${name}` : name) === key) as Resource;
const known = (key: string, own: Doc, objects: Objects = {}) =>
  knownColumns(named(key), { id: 'own', doc: own }, topology(objects));
const port = (host: string, deviceOwner = '') => ({ deviceId: 'vm', deviceOwner, binding: { host } });
const associated = { association: { portId: 'p', routerId: 'r' } };

describe('an object made just now', () => {
  it.each<[string, string, Doc, Objects, object]>([
    ['a network', 'network', {}, {}, { subnets: { ids: [], scope4: null, scope6: null }, external_for_some: false }],
    ['a subnet', 'subnet', {}, {}, {}],
    ['a pool', 'subnetpool', {}, {}, { shared_with: [], revision_with_parts: 2 }],
    ['a port on no host', 'port', port(''), {}, { host: '', status: 'DOWN', uncarried: null, datapath_type: null }],
    ['a port of a floating IP', 'port', port('', 'network:floatingip'), {}, { host: '', status: 'N/A' }],
    ['a free floating IP', 'floatingip', { association: null }, {}, { status: 'DOWN', port: null, router_id: null }],
    [
      'a floating IP of a port on no host',
      'floatingip',
      associated,
      { 'port/p': port(''), 'router/r': { host: 'net1' } },
      { status: 'DOWN', port: port(''), router_id: 'r', port_status: 'DOWN', reason: null },
    ],
    ['a router that is down', 'router', { host: null, gateway: null, adminStateUp: false }, {}, { status: 'DOWN' }],
    ['a router on no host', 'router', { host: null, gateway: null }, {}, { status: 'ACTIVE', zone: null }],
  ])('%s: is answered without a read', (_name, key, own, objects, wanted) =>
    expect(known(key, own, objects)).toMatchObject(wanted),
  );

  it.each<[string, string, Doc, Objects]>([
    ['a port on a host', 'port', port('cmp1'), {}],
    ["a router's port", 'port', port('', 'network:router_interface'), { 'router/vm': { host: 'net1' } }],
    ['a floating IP of a port on a host', 'floatingip', associated, { 'port/p': port('cmp1') }],
    ['a router on a host', 'router', { host: 'net1', gateway: null }, {}],
    ['a security group', 'security_group', {}, {}],
  ])('%s: must be read', (_name, key, own, objects) => expect(known(key, own, objects)).toBeNull());
});

describe('a declaration', () => {
  it.each(RESOURCES.map((resource) => [`${resource.partOf?.name ?? ''} ${resource.name}`, resource] as const))(
    '%s: reads from the tables that it is given',
    (_name, { from, joins = [], columns = {}, attributes, visible }) => {
      const tables = tablesIn('elsewhere');
      const parts = [
        from?.(tables) ?? '',
        ...joins.map((join) => join.sql(tables)),
        ...Object.values(columns).map((column) => column.sql(tables)),
        ...attributes.map(({ sql }) => (typeof sql === 'function' ? sql(tables) : (sql ?? ''))),
        typeof visible === 'function' ? visible({ project: '$1', tables, rows: 'listed' }) : '',
        typeof visible === 'object' ? visible.seen({ project: '$1', tables, rows: 'listed' }) : '',
      ];
      expect(parts.filter((part) => part.includes('plumbline.'))).toEqual([]);
    },
  );
});
