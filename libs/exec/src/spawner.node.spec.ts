import { getEventListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { answerKind } from './frames.js';
import { HelperProcess } from './helper-process.js';
import { CommandFailed, Spawner, run } from './index.js';

let spawner: Spawner;
afterEach(() => spawner.close());

describe('the helper process', () => {
  it('runs 200 commands at once, at most the given number beside each other', async () => {
    spawner = new Spawner({ maxConcurrent: 12 });
    const outputs = await Promise.all(Array.from({ length: 200 }, (_, n) => spawner.run(['echo', `${n}`])));
    expect(outputs.map((output) => output.stdout)).toEqual(Array.from({ length: 200 }, (_, n) => `${n}\n`));
  });

  it('lets a quick command pass a slow one', async () => {
    spawner = new Spawner();
    const slow = spawner.run(['sleep', '600'], { timeoutMs: 0 });
    const rejected = expect(slow).rejects.toMatchObject({ reason: 'closed' });
    expect((await spawner.run(['echo', 'quick'])).stdout).toBe('quick\n');
    await spawner.close();
    await rejected;
  });

  it('sees a command end without a signal, also one that closed its outputs before', async () => {
    const blocked = 'use POSIX; sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGCHLD)) or die; exec @ARGV';
    spawner = new Spawner({ under: ['perl', '-e', blocked, '--'] });
    const start = performance.now();
    await spawner.run(['sh', '-c', 'exec >&- 2>&-; sleep 0.2'], { timeoutMs: 10_000 });
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it('killed: what ran is reported as lost and is dead, the next request has a new helper', async () => {
    spawner = new Spawner({ maxConcurrent: 2 });
    const shell = 'read pid rest </proc/self/stat; echo $pid > "$1"; exec sleep 600';
    const file = `/tmp/plumb-spawner-${process.pid}`;
    const lost = spawner.run(['sh', '-c', shell, 'sh', file], { timeoutMs: 0 });
    const error = lost.catch((reason: unknown) => reason);
    await until(() => existsSync(file));
    const pid = (await run(['cat', file])).stdout.trim();
    await run(['rm', file]);
    const first = spawner.helperPid ?? 0;
    process.kill(first, 'SIGKILL');
    expect(await error).toBeInstanceOf(CommandFailed);
    expect(await error).toMatchObject({ reason: 'lost' });
    expect(((await error) as Error).message).toContain('whether the command did its work is not known');
    await until(() => pid !== '' && !existsSync(`/proc/${pid}`));
    expect((await spawner.run(['echo', 'again'])).stdout).toBe('again\n');
    expect(spawner.helperPid).not.toBe(first);
  });

  it('dead, with its pipes still open: what is asked from then on has a new helper and is not lost with the old one', async () => {
    spawner = new Spawner({ under: ['sh', '-c', 'sleep 0.5 & exec "$@"', 'sh'] });
    await spawner.run(['true']);
    const first = spawner.helperPid ?? 0;
    process.kill(first, 'SIGKILL');
    await until(() => !existsSync(`/proc/${first}`));
    expect((await spawner.run(['sh', '-c', 'sleep 0.7; echo again'])).stdout).toBe('again\n');
    expect(spawner.helperPid).not.toBe(first);
  });

  it('closed: it is gone, and says so to who asks', async () => {
    spawner = new Spawner();
    await spawner.run(['true']);
    const pid = spawner.helperPid ?? 0;
    await spawner.close();
    await spawner.close();
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    await expect(spawner.run(['true'])).rejects.toThrow('the spawner was closed');
  });

  it('stopped: who asked is answered all the same, and close ends it', async () => {
    spawner = new Spawner({ killGraceMs: 50 });
    await spawner.run(['true']);
    const pid = spawner.helperPid ?? 0;
    process.kill(pid, 'SIGSTOP');
    const asked = spawner.run(['true'], { timeoutMs: 50 });
    await expect(asked).rejects.toMatchObject({ reason: 'timeout' });
    await expect(asked).rejects.toThrow('still not gone');
    process.kill(pid, 'SIGCONT');
    expect((await spawner.run(['echo', 'on'])).stdout).toBe('on\n');
    process.kill(pid, 'SIGSTOP');
    await spawner.close();
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });

  it('on an architecture whose system calls it does not know: says at its start which one, and which it knows', async () => {
    // uname(2) then names the 32-bit architecture of this machine (personality(2), PER_LINUX32).
    const under = ['setarch', 'linux32', '--'];
    const machine = (await run([...under, 'uname', '-m'])).stdout.trim();
    expect(machine).not.toBe((await run(['uname', '-m'])).stdout.trim());
    spawner = new Spawner({ under });
    for (const asked of [spawner.start(), spawner.readSysctls(['kernel/ostype'])]) {
      const error: unknown = await asked.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(CommandFailed);
      expect(error).toMatchObject({ reason: 'not-started' });
      expect((error as Error).message).toContain(
        `no command can be started on this node: the numbers of the system calls setns, prctl, pidfd_open and getsockopt are not known for ` +
          `the architecture ${machine}, only for aarch64 and x86_64`,
      );
      expect((error as Error).message).not.toContain('whether the command did its work');
    }
  });

  it('started before it is needed: it is there, and nothing is said', async () => {
    spawner = new Spawner();
    await spawner.start();
    const pid = spawner.helperPid ?? 0;
    await spawner.run(['true']);
    expect(spawner.helperPid).toBe(pid);
  });

  it('follows a command that goes on: what it prints comes at once, until it is told to stop or ends', async () => {
    spawner = new Spawner();
    const stop = new AbortController();
    let heard = '';
    const script = 'echo one; while read -r line; do :; done; echo two; exec sleep 1000';
    const following = spawner.follow(['sh', '-c', script], (text) => (heard += text), { signal: stop.signal });
    await until(() => heard === 'one\ntwo\n');
    expect((await spawner.run(['echo', 'beside'])).stdout).toBe('beside\n');
    stop.abort();
    await following;
    const { signal } = new AbortController();
    await expect(
      spawner.follow(['sh', '-c', 'echo why >&2; exit 3'], () => undefined, { signal }),
    ).rejects.toMatchObject({
      reason: 'exit',
      code: 3,
      stderr: 'why\n',
    });
  });

  it('passes on what a command prints while it runs, if that is asked for, and tells its end as always', async () => {
    spawner = new Spawner();
    let heard = '';
    const onStdout = (text: string): void => void (heard += text);
    const running = spawner.run(['sh', '-c', 'echo one; cat; echo two é'], { onStdout, stdin: 'in between\n' });
    expect(await running).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(heard).toBe('one\nin between\ntwo é\n');
    heard = '';
    const slow = spawner.run(['sh', '-c', 'echo begun; sleep 1000'], { onStdout, timeoutMs: 2_000 });
    slow.catch(() => undefined);
    await until(() => heard === 'begun\n');
    await expect(slow).rejects.toMatchObject({ reason: 'timeout' });
    const failing = spawner.run(['sh', '-c', 'echo why >&2; exit 3'], { onStdout });
    await expect(failing).rejects.toMatchObject({ reason: 'exit', code: 3, stderr: 'why\n' });
  });

  it('rejects with what whoever hears it threw, ends the command, and goes on', async () => {
    spawner = new Spawner();
    const throws = (): void => {
      throw new Error('not a flow');
    };
    const began = Date.now();
    const script = 'echo $; exec sleep 1000';
    await expect(spawner.run(['sh', '-c', script], { onStdout: throws })).rejects.toThrow('not a flow');
    const { signal } = new AbortController();
    await expect(spawner.follow(['sh', '-c', script], throws, { signal })).rejects.toThrow('not a flow');
    expect(Date.now() - began).toBeLessThan(20_000);
    expect((await spawner.run(['echo', 'still here'])).stdout).toBe('still here\n');
  });

  it('listens to a signal only as long as what it is for goes on', async () => {
    spawner = new Spawner();
    const { signal } = new AbortController();
    for (let n = 0; n < 3; n += 1)
      await expect(spawner.follow(['false'], () => undefined, { signal })).rejects.toThrow('code 1');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    const lost = expect(spawner.follow(['sleep', '1000'], () => undefined, { signal })).rejects.toThrow('was closed');
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await spawner.close();
    await lost;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('refuses a request of a type that it does not know, and goes on', async () => {
    spawner = new Spawner();
    const helper = new HelperProcess();
    try {
      const answer = await helper.ask({ argv: ['nonsense'], type: 99, fields: [], options: {} });
      expect([answer.kind, answer.value, `${answer.stderr}`]).toEqual([
        answerKind.notStarted,
        22,
        expect.stringContaining('request type 99'),
      ]);
      const pid = helper.pid;
      const run = { argv: ['echo'], type: 1, fields: [2, 'echo', 'on', 0, ''], options: {} };
      expect(`${(await helper.ask(run)).stdout}`).toBe('on\n');
      expect(helper.pid).toBe(pid);
    } finally {
      await helper.close();
    }
  });

  it('is cheaper a call than execa', async () => {
    spawner = new Spawner();
    const timed = async (once: () => Promise<unknown>): Promise<number> => {
      for (let n = 0; n < 5; n += 1) await once();
      const start = process.hrtime.bigint();
      for (let n = 0; n < 60; n += 1) await once();
      return Number(process.hrtime.bigint() - start) / 60e6;
    };
    const viaHelperMs = await timed(() => spawner.run(['true']));
    const viaExecaMs = await timed(() => run(['true']));
    console.log(`a call: ${viaHelperMs.toFixed(2)} ms by the helper, ${viaExecaMs.toFixed(2)} ms by execa`);
    expect(viaHelperMs).toBeLessThan(viaExecaMs);
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
