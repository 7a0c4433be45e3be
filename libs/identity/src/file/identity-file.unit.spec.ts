import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  addUser,
  cloudsYaml,
  emptyIdentityFile,
  ensureTokenKey,
  hashPassword,
  implied,
  isPasswordHash,
  readIdentityFile,
  readIdentityFileOrEmpty,
  readTokenKey,
  removeUser,
  setPassword,
  strongest,
  verifyPassword,
  weaker,
  writeIdentityFile,
} from '../index.js';

const NOW = '2026-01-02T03:04:05.000Z';
const LATER = '2026-01-03T03:04:05.000Z';

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(path.join(tmpdir(), `plumb-identity-${process.pid}-`));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('a password', () => {
  it('matches its own hash and no other', async () => {
    const hash = await hashPassword('open sesame');
    expect(hash).toMatch(/^\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await verifyPassword('open sesame', hash)).toBe(true);
    for (const other of ['', 'open sesam', 'open sesame ', 'Open sesame'])
      expect(await verifyPassword(other, hash)).toBe(false);
    expect(await hashPassword('open sesame')).not.toBe(hash);
  });

  it('is the same in two spellings of one letter', async () => {
    expect(await verifyPassword('cafe\u0301', await hashPassword('caf\u00e9'))).toBe(true);
  });

  it('of an unknown user is wrong', async () => {
    expect(await verifyPassword('', undefined)).toBe(false);
  });

  it('is checked by hashes of another cost (RFC 7914, section 12), within reason', async () => {
    const rfc = Buffer.from(
      'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
      'hex',
    );
    const phc = `$scrypt$ln=10,r=8,p=16$${Buffer.from('NaCl').toString('base64').replace(/=+$/, '')}`;
    const hash = `${phc}$${rfc.toString('base64').replace(/=+$/, '')}`;
    expect(await verifyPassword('password', hash)).toBe(true);
    expect(await verifyPassword('Password', hash)).toBe(false);
    expect(isPasswordHash(`$scrypt$ln=30,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`)).toBe(false);
    expect(isPasswordHash('$2b$12$abcdefghijklmnopqrstuv')).toBe(false);
  });
});

describe('roles', () => {
  it('imply the weaker ones', () => {
    expect(implied('admin')).toEqual(['admin', 'member', 'reader']);
    expect(implied('reader')).toEqual(['reader']);
    expect(strongest(['reader', 'admin', 'member'])).toBe('admin');
    expect(strongest([])).toBeUndefined();
    expect(weaker('admin', 'reader')).toBe('reader');
  });
});

describe('an identity file', () => {
  it('is written for its owner alone and read back as it was', async () => {
    const password = await hashPassword('x');
    inFolder((folder) => {
      const file = path.join(folder, 'deeper', 'identity.json');
      const content = addUser(readIdentityFileOrEmpty(file), {
        name: 'ann',
        project: 'garden',
        role: 'member',
        passwordHash: password,
        now: NOW,
      });
      writeIdentityFile(file, content);
      expect(readIdentityFile(file)).toEqual(content);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(content.users[0]).toMatchObject({ name: 'ann', roles: [{ project: 'garden', role: 'member' }] });
    });
  });

  it('is edited: another project, another role, another password, a user less', async () => {
    const passwordHash = await hashPassword('x');
    const given = { name: 'ann', project: 'garden', role: 'member', passwordHash, now: NOW } as const;
    const one = addUser(emptyIdentityFile(), given);
    const two = addUser(one, { ...given, project: 'house', role: 'reader', passwordHash: undefined, now: LATER });
    expect(two.users[0]).toMatchObject({
      id: one.users[0]?.id,
      passwordSetAt: NOW,
      roles: [
        { project: 'garden', role: 'member' },
        { project: 'house', role: 'reader' },
      ],
    });
    expect(addUser(two, { ...given, role: 'admin' }).users[0]?.roles).toContainEqual({
      project: 'garden',
      role: 'admin',
    });
    expect(setPassword(two, 'ann', passwordHash, LATER).users[0]?.passwordSetAt).toBe(LATER);
    expect(removeUser(two, 'ann', 'house').users[0]?.roles).toEqual([{ project: 'garden', role: 'member' }]);
    expect(removeUser(two, 'ann')).toMatchObject({ users: [], projects: [{ name: 'garden' }, { name: 'house' }] });
    expect(() => removeUser(two, 'bob')).toThrow("no user 'bob' here; there are: ann");
    expect(() => addUser(two, { ...given, name: 'bob', passwordHash: undefined })).toThrow('needs a password');
  });

  it('with faults is refused, all of them named', () => {
    inFolder((folder) => {
      const file = path.join(folder, 'identity.json');
      const user = { id: 'u1', name: 'ann', password: 'plain text', passwordSetAt: NOW, roles: [] };
      writeFileSync(file, JSON.stringify({ format: 1, projects: [], users: [user], colour: 'red' }));
      expect(() => readIdentityFile(file)).toThrow(/identity\.json.*users\.0\.password: is no scrypt hash.*colour/);
      const good = { ...user, password: `$scrypt$ln=15,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}` };
      const twice = [{ ...good, roles: [{ project: 'x', role: 'admin' }] }, good];
      writeFileSync(file, JSON.stringify({ format: 1, projects: [], users: twice }));
      expect(() => readIdentityFile(file)).toThrow(/two users have the id 'u1'.*project 'x', which is not in the file/);
      writeFileSync(file, '{"format": 1');
      expect(() => readIdentityFile(file)).toThrow('is not JSON');
    });
  });
});

describe('a token key', () => {
  it('is made once, for its owner alone', () => {
    inFolder((folder) => {
      const file = path.join(folder, 'token.key');
      expect(ensureTokenKey(file)).toBe(true);
      const key = readTokenKey(file);
      expect(key).toHaveLength(32);
      expect(ensureTokenKey(file)).toBe(false);
      expect(readTokenKey(file)).toEqual(key);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      writeFileSync(file, 'short');
      expect(() => readTokenKey(file)).toThrow('holds no key of 32 bytes');
    });
  });
});

describe('clouds.yaml', () => {
  it('names the way in, with strings that YAML reads as they are', () => {
    const cloud = { name: 'c', authUrl: 'http://h/v3', userName: 'ann', projectName: '2: x', password: 'a"b\\c' };
    expect(cloudsYaml([cloud])).toContain('      password: "a\\"b\\\\c"\n      project_name: "2: x"\n');
    expect(cloudsYaml([{ ...cloud, password: undefined }])).not.toContain('password');
  });
});
