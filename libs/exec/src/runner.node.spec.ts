import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CommandFailed, ExecaRunner, Spawner, SysctlFailed, type Runner } from './index.js';
import { makeNetns, type ScratchNetns } from './testing/index.js';

const nasty = [
  '',
  ' ',
  "it's",
  '"q"',
  '$(touch /nope)',
  '`x`',
  'a\nb',
  '; rm -rf /nope',
  '*',
  '\\',
  'é☃',
  '-n',
  '&&',
  '|',
];

describe.each([
  ['Spawner', (): Runner & { close(): Promise<void> } => new Spawner({ maxConcurrent: 8 })],
  ['ExecaRunner', () => Object.assign(new ExecaRunner(), { close: async () => undefined })],
])('%s', (_, make) => {
  let netns: ScratchNetns;
  let runner: Runner & { close(): Promise<void> };
  beforeAll(async () => {
    netns = await makeNetns('exec');
    runner = make();
  });
  afterAll(async () => {
    await runner.close();
    await netns.remove();
  });

  it('hands arguments over untouched', async () => {
    const { stdout } = await runner.run(['printf', '%s\\0', ...nasty]);
    expect(stdout.split('\0').slice(0, -1)).toEqual(nasty);
  });

  it('hands over and takes back a megabyte', async () => {
    const stdin = `${'0123456789abcde\n'.repeat(65_536)}é`;
    expect((await runner.run(['cat'], { stdin })).stdout).toBe(stdin);
  });

  it('gives a command without stdin an empty one, and survives one that does not read its input', async () => {
    expect((await runner.run(['cat'])).stdout).toBe('');
    expect((await runner.run(['true'], { stdin: 'x'.repeat(1_000_000) })).code).toBe(0);
  });

  it('adds to the environment', async () => {
    expect((await runner.run(['printenv', 'A', 'LC_ALL'], { env: { A: 'b c' } })).stdout).toBe('b c\nC\n');
  });

  it('tells a failure by code, and takes codes that are no failure', async () => {
    const error = await caught(runner.run(['ls', '/nope/nope']));
    expect(error).toMatchObject({ reason: 'exit', code: 2, argv: ['ls', '/nope/nope'] });
    expect(error.message).toContain("cannot access '/nope/nope'");
    expect((await runner.run(['false'], { okCodes: [0, 1] })).code).toBe(1);
  });

  it('tells what cannot be started, in a namespace too', async () => {
    expect(await caught(runner.run(['/nope/tool']))).toMatchObject({ reason: 'not-started', code: null });
    const inside = await caught(runner.run(['/nope/tool'], { netns: netns.name }));
    expect(inside).toMatchObject({ reason: 'not-started', netns: netns.name });
  });

  it('tells a namespace that is not there', async () => {
    const error = await caught(runner.run(['true'], { netns: 'exec-no-such' }));
    expect(error).toMatchObject({ reason: 'netns', netns: 'exec-no-such' });
    expect(error.message).toContain('in namespace exec-no-such');
  });

  it('runs inside the namespace', async () => {
    await runner.run(['ip', '-batch', '-'], {
      netns: netns.name,
      stdin: 'link add in-here type veth peer name in-peer\n',
    });
    expect((await runner.run(['ip', 'link'], { netns: netns.path })).stdout).toContain('in-here');
    expect((await runner.run(['ip', 'link'])).stdout).not.toContain('in-here');
    await runner.run(['ip', 'link', 'del', 'in-here'], { netns: netns.name });
  });

  it('quotes the refused line of a batch', async () => {
    const stdin = 'link set lo up\nlink set nowhere up\nlink set lo up\n';
    const error = await caught(runner.run(['ip', '-batch', '-'], { netns: netns.name, stdin }));
    expect(error).toMatchObject({ failedLine: 2, failedInput: 'link set nowhere up' });
    expect(error.message).toContain('refused line 2: link set nowhere up');
  });

  it('kills at the time limit', async () => {
    const error = await caught(runner.run(['sh', '-c', 'echo $$; exec sleep 600'], { timeoutMs: 200 }));
    expect(error).toMatchObject({ reason: 'timeout', code: null });
    expect(error.message).toContain('killed after 200 ms');
    expect(existsSync(`/proc/${error.stdout.trim()}`)).toBe(false);
  });

  it('writes and reads sysctls of the namespace, not of the host', async () => {
    const key = 'net/ipv4/ip_forward';
    const outside = (await runner.readSysctls([key])).get(key);
    for (const value of ['1', '0']) {
      await runner.writeSysctls({ [key]: value, 'net.ipv4.conf.lo.rp_filter': '2' }, { netns: netns.name });
      const inside = await runner.readSysctls([key, 'net/ipv4/conf/lo/rp_filter', 'net/nope'], { netns: netns.name });
      expect([...inside]).toEqual([
        [key, value],
        ['net/ipv4/conf/lo/rp_filter', '2'],
      ]);
      expect((await runner.readSysctls([key])).get(key)).toBe(outside);
    }
  });

  it('names the sysctls it could not write and writes the others', async () => {
    const key = 'net/ipv4/conf/lo/rp_filter';
    const writing = runner.writeSysctls({ 'net/ipv4/nope': '1', [key]: '1' }, { netns: netns.name });
    const error = await writing.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(SysctlFailed);
    expect((error as SysctlFailed).failed.map((failure) => failure.key)).toEqual(['net/ipv4/nope']);
    expect((await runner.readSysctls([key], { netns: netns.name })).get(key)).toBe('1');
  });

  it('refuses a NUL byte and an empty command', async () => {
    await expect(runner.run(['echo', 'a\0b'])).rejects.toThrow('contains a NUL byte');
    await expect(runner.run([])).rejects.toThrow('needs at least its name');
  });
});

async function caught(promise: Promise<unknown>): Promise<CommandFailed> {
  const reason: unknown = await promise.then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  );
  if (reason instanceof CommandFailed) return reason;
  throw reason;
}
