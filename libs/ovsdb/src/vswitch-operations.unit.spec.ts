import { describe, expect, it } from '@jest/globals';
import { addPort, removePort, setColumns, setKeys } from './index.js';

describe('operations on a switch', () => {
  it('adds a port with its interface to a bridge that must exist', () => {
    const port = { tag: 5, external_ids: { 'iface-id': "it's" } };
    const patch = { type: 'patch', options: { peer: 'phy-br-ex' } };
    expect(addPort({ bridge: 'br-int', name: 'int-br-ex', port, interface: patch })).toEqual([
      {
        op: 'insert',
        table: 'Interface',
        'uuid-name': 'ifint_2d_br_2d_ex',
        row: { name: 'int-br-ex', type: 'patch', options: ['map', [['peer', 'phy-br-ex']]] },
      },
      {
        op: 'insert',
        table: 'Port',
        'uuid-name': 'point_2d_br_2d_ex',
        row: {
          name: 'int-br-ex',
          interfaces: ['named-uuid', 'ifint_2d_br_2d_ex'],
          tag: 5,
          external_ids: ['map', [['iface-id', "it's"]]],
        },
      },
      {
        op: 'wait',
        timeout: 0,
        table: 'Bridge',
        where: [['name', '==', 'br-int']],
        columns: ['name'],
        until: '==',
        rows: [{ name: 'br-int' }],
      },
      {
        op: 'mutate',
        table: 'Bridge',
        where: [['name', '==', 'br-int']],
        mutations: [['ports', 'insert', ['set', [['named-uuid', 'point_2d_br_2d_ex']]]]],
      },
    ]);
  });

  it('unsets with null, replaces keys, and removes what was seen', () => {
    expect(setColumns('Port', 'p', { tag: null, trunks: [1, 2] })[1]).toMatchObject({
      row: { tag: ['set', []], trunks: ['set', [1, 2]] },
    });
    expect(setKeys('Port', 'p', 'external_ids', { a: '1' })[1]).toMatchObject({
      mutations: [
        ['external_ids', 'delete', ['set', ['a']]],
        ['external_ids', 'insert', ['map', [['a', '1']]]],
      ],
    });
    expect(removePort('br-int', 'u')).toMatchObject([{ mutations: [['ports', 'delete', ['set', [['uuid', 'u']]]]] }]);
  });
});
