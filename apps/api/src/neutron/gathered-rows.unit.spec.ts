import { describe, expect, it } from '@jest/globals';
import { GatheredRows } from './gathered-rows.js';
import type { Row } from './attribute.js';
import type { Resource } from './resource.js';
import { RESOURCES } from './catalogue.js';

const [first, second] = RESOURCES as readonly [Resource, Resource];
const row = (id: string): Row => ({ id, doc: {} });

describe('rows by id', () => {
  it('asked for in one turn are one statement a resource; later ones are another', async () => {
    const asked: string[] = [];
    const rows = new GatheredRows(async (resource, ids) => {
      asked.push(`${resource.name}: ${ids.join(' ')}`);
      return ids.filter((id) => id !== 'gone').map(row);
    });
    const [a, b, c] = await Promise.all([
      rows.get(first, ['1', '2'], null),
      rows.get(first, ['2', 'gone'], null),
      rows.get(second, ['3'], null),
    ]);
    await rows.get(first, ['1'], null);
    expect(asked).toEqual([`${first.name}: 1 2 gone`, `${second.name}: 3`, `${first.name}: 1`]);
    expect([a.has('1'), b.has('2'), b.has('gone'), c.has('3')]).toEqual([true, true, false, true]);
  });

  it('that cannot be read fail for all that asked together, and not for the next', async () => {
    let down = true;
    const rows = new GatheredRows(async (_resource, ids) => {
      if (down) throw new Error('no database');
      return ids.map(row);
    });
    const answers = await Promise.allSettled([rows.get(first, ['1'], null), rows.get(first, ['2'], null)]);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    down = false;
    expect((await rows.get(first, ['1'], null)).has('1')).toBe(true);
  });
});
