import { describe, expect, it } from '@jest/globals';
import { EVENTS, Kind, known, Recorded } from '@plumbline/contracts';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DECLARATIONS } from './kinds/index.js';
import { isWritten } from './model.js';
import { objectOfStream, streamOf } from './streams.js';

const folder = join(import.meta.dirname, '..', '..', 'contracts', 'samples');
const samples = readdirSync(folder)
  .filter((file) => /\.v\d+\.json$/.test(file))
  .map((file) => Recorded.parse(JSON.parse(readFileSync(join(folder, file), 'utf8'))));

describe('streams', () => {
  it('every released event is still written to the stream it was written to', () => {
    expect(samples).toHaveLength(Object.keys(EVENTS).length);
    for (const { event, stream } of samples)
      expect([event.type, streamOf(known(event)!)]).toEqual([event.type, stream]);
  });

  it('an event of unknown type freezes the object that its stream is named for, and no other', () => {
    const own = (Object.keys(DECLARATIONS) as Kind[]).filter((kind) => {
      const declaration = DECLARATIONS[kind];
      return isWritten(declaration as never) && (declaration as { stream: unknown }).stream === 'own';
    });
    expect(own.map((kind) => objectOfStream(`${kind}-a-b`))).toEqual(own.map((kind) => `${kind}/a-b`));
    expect(['subnet-a', 'portforwarding-a', 'widget-a', 'network', '-a'].map(objectOfStream)).toEqual(
      Array(5).fill(null),
    );
  });
});
