import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { applyChange, decodeValue, encodeValue, type ColumnType, type Value } from './values.js';

describe('values of RFC 7047', () => {
  it.each<[ColumnType, Value, unknown]>([
    ['string', 'x', 'x'],
    ['integer?', 5, 5],
    ['integer?', null, ['set', []]],
    ['integer*', [], ['set', []]],
    ['uuid*', ['u1'], ['set', [['uuid', 'u1']]]],
    ['map', { a: '1' }, ['map', [['a', '1']]]],
  ])('%s %j', (type, value, wire) => expect(encodeValue(type, value)).toEqual(wire));

  it('reads a set of one that stands bare', () => {
    expect(decodeValue('integer*', 7)).toEqual([7]);
    expect(decodeValue('uuid*', ['uuid', 'u'])).toEqual(['u']);
    expect(decodeValue('string?', ['set', []])).toBeNull();
    expect(decodeValue('map', ['map', []])).toEqual({});
  });

  const samples: readonly (readonly [ColumnType, fc.Arbitrary<Value>])[] = [
    ['string', fc.string()],
    ['integer?', fc.option(fc.integer())],
    ['integer*', fc.uniqueArray(fc.nat(20))],
    ['uuid*', fc.uniqueArray(fc.uuid())],
    ['map', fc.dictionary(fc.string(), fc.string())],
  ];
  it.each(samples)('%s: there and back is the same', (type, values) => {
    fc.assert(
      fc.property(values, (value) => {
        const once = decodeValue(type, encodeValue(type, value));
        expect(decodeValue(type, encodeValue(type, once))).toEqual(once);
        if (typeof value !== 'object' || value === null) expect(once).toEqual(value);
        else if (Array.isArray(value)) expect(new Set(once as string[])).toEqual(new Set(value));
        else expect(Object.entries(once as object).sort()).toEqual(Object.entries(value).sort());
      }),
    );
  });

  it('takes a difference of a set or map, and a new value of anything else', () => {
    expect(applyChange('integer*', [1, 2], ['set', [2, 3]])).toEqual([1, 3]);
    expect(applyChange('uuid*', [], ['uuid', 'u'])).toEqual(['u']);
    const pairs = [
      'map',
      [
        ['gone', 'x'],
        ['new', 'y'],
        ['other', '2'],
      ],
    ] as const;
    expect(applyChange('map', { gone: 'x', kept: 'k', other: '1' }, pairs)).toEqual({
      kept: 'k',
      new: 'y',
      other: '2',
    });
    expect(applyChange('integer?', 4, ['set', []])).toBeNull();
  });
});
