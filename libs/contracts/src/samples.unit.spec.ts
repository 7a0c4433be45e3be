/**
 * Released events live for ever (invariant 14): `samples/` holds one stored event of each type and version as it was written, and the fingerprint of each
 * schema. A fingerprint that differs is a released event that changed its shape: an optional field may be added, or a field may take
 * values that it did not take before (then take the new fingerprint in, reviewed, beside a sample that still parses); anything else is a new version with an upcaster.
 */
import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { EVENTS, known, Recorded } from './index.js';

const folder = join(import.meta.dirname, '..', 'samples');
const read = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), 'utf8'));
const samples = readdirSync(folder).filter((file) => /\.v\d+\.json$/.test(file));

function fingerprint(schema: z.ZodType): string {
  const text = JSON.stringify(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

describe('samples of released events', () => {
  it('there is one of every type', () => {
    expect(samples.sort()).toEqual(
      Object.keys(EVENTS)
        .map((type) => `${type}.v1.json`)
        .sort(),
    );
  });

  it.each(samples)('%s still reads as the event that it was', (file) => {
    const recorded = Recorded.parse(read(file));
    const event = known(recorded.event);
    expect(`${event?.type}.v${event?.version}.json`).toBe(file);
    const schema = EVENTS[event!.type];
    expect(schema.strict().parse(recorded.event)).toEqual(recorded.event);
  });

  it('no released schema changed', () => {
    const now = Object.fromEntries(Object.entries(EVENTS).map(([type, schema]) => [`${type}.v1`, fingerprint(schema)]));
    expect(now).toEqual(read('fingerprints.json'));
  });
});
