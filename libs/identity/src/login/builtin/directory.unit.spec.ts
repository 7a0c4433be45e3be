import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLogger } from '@plumbline/telemetry';
import { addUser, emptyIdentityFile, isPasswordHash, writeIdentityFile } from '../../index.js';
import { Directory } from './directory.js';

const logger = createLogger({ name: 'test', level: 'silent' });
/** Hashes of different costs, as an older and a newer release would leave them. */
const hashOf = (logCost: number) => `$scrypt$ln=${logCost},r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

function directoryOf(hashes: readonly string[]): Directory {
  const folder = mkdtempSync(path.join(tmpdir(), `plumb-directory-${process.pid}-`));
  try {
    const file = path.join(folder, 'identity.json');
    const users = hashes.map(
      (passwordHash, at) => ({ name: `user ${at}`, project: 'p', role: 'member', passwordHash }) as const,
    );
    const now = '2026-01-02T03:04:05.000Z';
    writeIdentityFile(
      file,
      users.reduce((content, user) => addUser(content, { ...user, now }), emptyIdentityFile()),
    );
    return new Directory(file, logger);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('the hash that a user who does not exist is checked against', () => {
  const hashes = [hashOf(14), hashOf(15), hashOf(15), hashOf(15)];
  const names = Array.from({ length: 400 }, (_, at) => `nobody ${at}`);

  it('is one of a real user and always the same, so that neither one name nor many tell by their time', () => {
    const directory = directoryOf(hashes);
    const decoys = names.map((name) => directory.decoyFor(name));
    expect(names.map((name) => directory.decoyFor(name))).toEqual(decoys);
    expect(decoys.every((each) => each !== undefined && isPasswordHash(each))).toBe(true);
    // A quarter of the users has the cheaper hash, and so has about a quarter of the names that nobody has.
    const cheap = decoys.filter((each) => each === hashOf(14)).length;
    expect(cheap).toBeGreaterThan(names.length / 8);
    expect(cheap).toBeLessThan(names.length / 2.5);
  });

  it('is none where there are no users', () => {
    expect(directoryOf([]).decoyFor('nobody')).toBeUndefined();
  });
});
