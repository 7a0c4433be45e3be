/** Whatever JSON can hold, a declared type takes it or refuses it in words; it never fails in another way. */
import { describe, expect, it } from '@jest/globals';
import { DomainError } from '@plumbline/domain';
import fc from 'fast-check';
import { RESOURCES } from './catalogue.js';
import { EdgeError } from '../errors/edge-error.js';

const MOST_TEXT = 2000;
/** Names that mean something to JavaScript, as names of members that say something else. */
const members = fc.constantFrom(
  'toString',
  'valueOf',
  'constructor',
  '__proto__',
  'length',
  'map',
  'toJSON',
  'ip_address',
  'subnet_id',
  'network_id',
  'start',
  'opt_name',
);
const hostile = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.jsonValue(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('x'.repeat(100_000), '\0', '\ud800', 1e300, -1, 2 ** 53, 'a\nb'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(members, fc.string()), tie('value'), { maxKeys: 4 }),
  ),
})).value;

/** Undefined when it is taken, or refused as it should be. */
function wrong(act: () => unknown): unknown {
  try {
    act();
    return undefined;
  } catch (error) {
    const isRefusal = error instanceof DomainError || error instanceof EdgeError;
    if (isRefusal && error.message.length < MOST_TEXT) return undefined;
    return isRefusal ? `a message of ${error.message.length} characters` : error;
  }
}

describe.each(RESOURCES.map((resource) => [`${resource.partOf?.name ?? ''} ${resource.name}`, resource] as const))(
  '%s',
  (_name, { attributes }) => {
    it.each(attributes.map((attribute) => [attribute.name, attribute.type] as const))('%s', (name, type) => {
      fc.assert(
        fc.property(hostile, (value) =>
          expect(wrong(() => type.parse(JSON.parse(JSON.stringify(value)), name))).toBeUndefined(),
        ),
        { numRuns: 150 },
      );
      const { filter } = type;
      if (filter)
        fc.assert(
          fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (text) =>
            expect(wrong(() => filter(text, name))).toBeUndefined(),
          ),
          { numRuns: 60 },
        );
    });
  },
);
