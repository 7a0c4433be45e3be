import { afterEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { run } from '@plumbline/exec';
import { findHostLink, removeHostLink } from './host-link-device.js';

const name = `plumb-x${process.pid}`;
const labId = randomUUID();

async function make(): Promise<void> {
  await run(['ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`]);
  await run(['ip', 'link', 'set', name, 'alias', `plumb ${labId} /nowhere`]);
}

describe('the link of a lab on the host', () => {
  afterEach(() => run(['ip', 'link', 'delete', name], { okCodes: [0, 1] }));

  test('that goes while it is being removed is removed', async () => {
    for (let n = 0; n < 15; n += 1) {
      await make();
      await Promise.all(Array.from({ length: 6 }, () => removeHostLink(name, labId)));
      expect(await findHostLink(name)).toBeNull();
    }
  });

  test('of another lab is left', async () => {
    await make();
    await removeHostLink(name, randomUUID());
    expect(await findHostLink(name)).toEqual({ owner: { labId, stateDir: '/nowhere' } });
  });
});
