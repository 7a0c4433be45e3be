import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { machineIdentity } from './machine.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plumb-machine-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the identity of a machine', () => {
  it('is made once, by whichever agent is first, and stays', async () => {
    const stateDir = join(folder, 'state');
    const all = await Promise.all(Array.from({ length: 8 }, () => machineIdentity(stateDir)));
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    expect(all[0]).toMatchObject({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), fault: null });
    expect(readdirSync(stateDir)).toEqual(['node.id']);
    expect(statSync(join(stateDir, 'node.id')).mode & 0o777).toBe(0o600);
    expect((await machineIdentity(stateDir)).id).toBe(all[0]!.id);
  });

  it('differs between two machines', async () => {
    const [one, other] = await Promise.all(['a', 'b'].map((name) => machineIdentity(join(folder, name))));
    expect(one!.id).not.toBe(other!.id);
  });

  it.each(['', 'plumbline-node-1 \n', 'plumbline-node-1 00000000-0000-4000-8000-00000000000', '\0'.repeat(54)])(
    'is not made anew where the file is damaged (%j): the fault says what to do',
    async (text) => {
      writeFileSync(join(folder, 'node.id'), text);
      expect(await machineIdentity(folder)).toMatchObject({
        id: null,
        fault: expect.stringContaining('plumb node release'),
      });
    },
  );

  it('is not made where it could not be kept or read', async () => {
    mkdirSync(join(folder, 'node.id'));
    expect(await machineIdentity(folder)).toMatchObject({ id: null, fault: expect.stringContaining('cannot be read') });
    writeFileSync(join(folder, 'file'), '');
    expect(await machineIdentity(join(folder, 'file', 'state'))).toMatchObject({ id: null, fault: expect.any(String) });
  });
});
