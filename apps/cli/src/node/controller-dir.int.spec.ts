/** The controller's logins: kept, closed to others, and a configuration that nats-server itself accepts. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { subjects } from '@plumbline/contracts';
import { run } from '@plumbline/exec';
import { addNode, rekeyNode, removeLogin } from './controller-dir.js';

const BOTH = ['compute', 'network'];
let folder: string;
let dir: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'plumb-logins-'));
  dir = path.join(folder, 'plumbline');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const read = (name: string): string => readFileSync(path.join(dir, name), 'utf8');
const mode = (name: string): string => (statSync(path.join(dir, name)).mode & 0o777).toString(8);

describe('a login of a node', () => {
  test('is made once: repeated, nothing changes', async () => {
    expect((await addNode(dir, 'net1', BOTH, { listen: '127.0.0.1:4222' })).made).toBe(true);
    const before = ['api.nk', 'net1.nk', 'logins.json', 'nats.conf'].map(read);
    expect((await addNode(dir, 'net1', BOTH)).made).toBe(false);
    expect(['api.nk', 'net1.nk', 'logins.json', 'nats.conf'].map(read)).toEqual(before);
  });

  test('leaves the others and the listening address as they are', async () => {
    await addNode(dir, 'net1', BOTH, { listen: '127.0.0.1:4223' });
    const seed = read('net1.nk');
    const added = await addNode(dir, 'cmp1', BOTH);
    expect(read('net1.nk')).toBe(seed);
    expect(added.listen).toBe('127.0.0.1:4223');
    expect(read('nats.conf')).toContain('listen: "127.0.0.1:4223"');
    expect(read('nats.conf').match(/nkey: U/g)).toHaveLength(3);
    expect(read('nats.conf')).toContain(added.block);
  });

  test('keeps seeds to root, whatever the umask, and lets nats-server read its configuration', async () => {
    const before = process.umask(0o077);
    try {
      await addNode(dir, 'net1', BOTH);
    } finally {
      process.umask(before);
    }
    expect(['api.nk', 'net1.nk', 'logins.json', 'nats.conf', '.'].map(mode)).toEqual([
      '600',
      '600',
      '600',
      '644',
      '755',
    ]);
    for (const seed of ['api.nk', 'net1.nk']) expect(read('nats.conf')).not.toContain(read(seed).trim());
  });

  test.each(['api', '', '.a', 'a..b', 'a.', 'a b', 'a/b', '../x', '*', '>', 'x'.repeat(254), ':'.repeat(64)])(
    'refuses the name %j, and writes nothing',
    async (name) => {
      await expect(addNode(dir, name, BOTH)).rejects.toThrow("cannot be a node's name");
      expect(() => statSync(dir)).toThrow('ENOENT');
    },
  );

  test.each(['constructor', 'toString'])('takes a name that JavaScript knows, %s, for a name', async (name) => {
    expect((await addNode(dir, name, BOTH)).made).toBe(true);
    expect(read('nats.conf')).toContain(`plumb.v1.feed.${name}"`);
  });

  test.each(['cmp3.example.org', '192.0.2.7', '2001:db8::7', 'CMP1', `${'x'.repeat(125)}.${'y'.repeat(127)}`])(
    'takes %s, whose seed has a file of its own',
    async (name) => {
      await addNode(dir, 'cmp1', BOTH);
      const { seedFile, made } = await addNode(dir, name, BOTH);
      expect(made).toBe(true);
      expect(await addNode(dir, name, BOTH)).toMatchObject({ made: false, seedFile });
      expect(readFileSync(seedFile, 'utf8')).not.toBe(read('cmp1.nk'));
      expect(read('nats.conf')).toContain(JSON.stringify(subjects.feed(name)));
    },
  );

  test('is replaced by another, and taken away, and those of others stay', async () => {
    for (const host of ['net1', 'cmp1']) await addNode(dir, host, BOTH);
    const [seed, other, conf] = ['net1.nk', 'cmp1.nk', 'nats.conf'].map(read);
    expect((await rekeyNode(dir, 'net1')).seedFile).toBe(path.join(dir, 'net1.nk'));
    expect(read('net1.nk')).not.toBe(seed);
    expect(read('cmp1.nk')).toBe(other);
    expect(read('nats.conf')).not.toBe(conf);
    expect(read('nats.conf').match(/nkey: U/g)).toHaveLength(3);
    expect((await removeLogin(dir, 'net1')).removed).toBe(true);
    expect(read('nats.conf').match(/nkey: U/g)).toHaveLength(2);
    expect(() => read('net1.nk')).toThrow('ENOENT');
    expect((await removeLogin(dir, 'net1')).removed).toBe(false);
    for (const none of ['net1', 'api']) await expect(rekeyNode(dir, none)).rejects.toThrow('has no login');
    expect((await addNode(dir, 'net1', BOTH)).made).toBe(true);
  });

  test('lets a node speak for the agents of its roles, and no others', async () => {
    const blockOf = async (roles: readonly string[]) => (await addNode(dir, 'cmp1', roles)).block;
    expect(await blockOf(['compute'])).toContain(subjects.report('cmp1', 'ovs'));
    expect(await blockOf(['compute'])).not.toContain('.l3"');
    expect(await blockOf(['network'])).toContain(subjects.report('cmp1', 'l3'));
    const seed = read('cmp1.nk');
    await addNode(dir, 'cmp1', ['compute']);
    expect(read('nats.conf')).not.toContain('.l3"');
    expect(read('cmp1.nk')).toBe(seed);
  });

  test('of a release without roles keeps its seed and its permissions until it is re-keyed', async () => {
    await addNode(dir, 'cmp1', ['compute']);
    const file = path.join(dir, 'logins.json');
    const { listen, logins } = JSON.parse(read('logins.json'));
    const older = Object.entries<{ publicKey: string }>(logins).map(([name, { publicKey }]) => [name, { publicKey }]);
    writeFileSync(file, JSON.stringify({ listen, logins: Object.fromEntries(older) }));
    const seed = read('cmp1.nk');
    for (let again = 0; again < 2; again += 1) {
      expect(await addNode(dir, 'cmp1', ['compute'])).toMatchObject({ made: false, everyAgent: true });
      expect(read('cmp1.nk')).toBe(seed);
      expect(read('nats.conf')).toContain(subjects.report('cmp1', 'l3'));
    }
    expect((await rekeyNode(dir, 'cmp1')).everyAgent).toBe(false);
    expect(read('cmp1.nk')).not.toBe(seed);
    expect(read('nats.conf')).not.toContain(subjects.report('cmp1', 'l3'));
    expect((await addNode(dir, 'cmp1', ['compute'])).everyAgent).toBe(false);
  });

  test('gives a configuration that nats-server accepts', async () => {
    await addNode(dir, '2001:db8::7', BOTH);
    await addNode(dir, 'cmp3.example.org', BOTH);
    const { configFile } = await addNode(dir, 'net1', BOTH, { listen: '127.0.0.1:4222' });
    const checked = await run(['nats-server', '--config', configFile, '-t']);
    expect(checked.stderr + checked.stdout).toContain('is valid');
  });
});
