/**
 * A command in a guest, by QEMU's guest agent: `guest-exec-main.js <domain> <command> [arguments]`, on the guest's node. Prints what the command printed, when it has
 * ended, and ends with its exit code; with 255 when the guest's agent does not answer. It has no terminal and no standard input: `virsh console` has.
 *
 * guest-exec and guest-exec-status: https://qemu-project.gitlab.io/qemu/interop/qemu-ga-ref.html
 */
import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';

const pollMs = 50;
const agentTimeoutSeconds = 10;
const Started = z.object({ return: z.object({ pid: z.number() }) });
const Status = z.object({
  return: z.object({
    exited: z.boolean(),
    exitcode: z.number().optional(),
    signal: z.number().optional(),
    'out-data': z.base64().default(''),
    'err-data': z.base64().default(''),
  }),
});

function ask(domain: string, execute: string, args: Record<string, unknown>): unknown {
  const argv = ['--connect', 'qemu:///system', 'qemu-agent-command', '--timeout', String(agentTimeoutSeconds)];
  const question = JSON.stringify({ execute, arguments: args });
  const { status, stdout, stderr } = spawnSync('virsh', [...argv, domain, question], { encoding: 'utf8' });
  if (status === 0) return JSON.parse(stdout);
  console.error(`${domain} does not do "${execute}": ${stderr.trim()}`);
  process.exit(255);
}

const [domain, command, ...args] = process.argv.slice(2);
if (domain === undefined || command === undefined)
  throw new Error('usage: guest-exec-main.js <domain> <command> [arguments]');
const { pid } = Started.parse(ask(domain, 'guest-exec', { path: command, arg: args, 'capture-output': true })).return;
for (;;) {
  const now = Status.parse(ask(domain, 'guest-exec-status', { pid })).return;
  if (now.exited) {
    process.stdout.write(Buffer.from(now['out-data'], 'base64'));
    process.stderr.write(Buffer.from(now['err-data'], 'base64'));
    process.exitCode = now.exitcode ?? 128 + (now.signal ?? 0);
    break;
  }
  await delay(pollMs);
}
