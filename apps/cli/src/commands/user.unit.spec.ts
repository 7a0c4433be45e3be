import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readIdentityFile, readTokenKey, verifyPassword } from '@plumbline/identity';
import { Command } from 'commander';
import { addUserCommands } from './user.js';

let folder: string;
let said: string[];
const file = () => path.join(folder, 'users', 'identity.json');
const user = (name: string) => readIdentityFile(file()).users.find((each) => each.name === name);

async function plumb(...words: string[]): Promise<string> {
  const program = new Command('plumb').exitOverride().configureOutput({ writeErr: () => {} });
  addUserCommands(program);
  for (const command of program.commands.flatMap((each) => each.commands))
    command.exitOverride().configureOutput({ writeErr: () => {} });
  said = [];
  await program.parseAsync(['user', ...words, '--file', file()], { from: 'user' });
  return said.join('\n');
}
function secret(text: string): string {
  const name = path.join(folder, 'password');
  writeFileSync(name, text);
  return name;
}

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), `plumb-user-${process.pid}-`));
  jest.spyOn(console, 'log').mockImplementation((line: string) => void said.push(line));
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

describe('plumb user', () => {
  test('add makes file and key, and says what to set', async () => {
    const text = await plumb('add', 'ann', '--project', 'garden', '--password-file', secret('tulips\n'));
    expect(text).toContain(`PLUMB_IDENTITY_FILE=${file()}`);
    expect(text).toContain('PLUMB_AUTH=builtin');
    expect(text).toMatch(/clouds:\n {2}plumbline:\n {4}auth:\n {6}auth_url: http:\/\/127\.0\.0\.1:9696\/v3\n/);
    expect(text).not.toContain('tulips');
    expect(user('ann')).toMatchObject({ roles: [{ project: 'garden', role: 'member' }] });
    expect(await verifyPassword('tulips', user('ann')?.password)).toBe(true);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(readTokenKey(path.join(folder, 'users', 'token.key'))).toHaveLength(32);
  });

  test('add gives an existing user a role and asks for no password', async () => {
    await plumb('add', 'ann', '--password-file', secret('tulips'));
    const before = user('ann');
    await plumb('add', 'ann', '--project', 'house', '--role', 'admin');
    expect(user('ann')).toEqual({ ...before, roles: [...(before?.roles ?? []), { project: 'house', role: 'admin' }] });
    expect(await plumb('list')).toMatch(/^ann: member in ann, admin in house\nproject ann: [0-9a-f]{32}\n/);
  });

  test('passwd and remove', async () => {
    await plumb('add', 'ann', '--password-file', secret('tulips'));
    await plumb('passwd', 'ann', '--password-file', secret('roses'));
    expect(await verifyPassword('roses', user('ann')?.password)).toBe(true);
    await plumb('remove', 'ann');
    expect(user('ann')).toBeUndefined();
  });

  test('says what is wrong', async () => {
    await expect(plumb('list')).rejects.toThrow('"plumb user add" makes it');
    await expect(plumb('add', 'ann', '--role', 'king', '--password-file', secret('x'))).rejects.toThrow(
      'a role is one of reader, member, admin',
    );
    await expect(plumb('add', 'ann', '--password-file', secret('\n'))).rejects.toThrow('an empty password');
    await plumb('add', 'ann', '--password-file', secret('tulips'));
    await expect(plumb('passwd', 'bob', '--password-file', secret('x'))).rejects.toThrow("no user 'bob' here");
  });
});
