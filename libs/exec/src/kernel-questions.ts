/**
 * Questions to the kernel, and what it is told, without a program for each: kernel parameters, checksum offload, frames. The helper answers each with one child
 * for any number of parameters, devices or frames (helper/kernel.pl states the bodies). Which call asks what is the contract of Runner.
 */
import { getSystemErrorMessage } from './errno.js';
import { SysctlFailed } from './errors.js';
import { answerKind, decodeErrnos, decodeTexts } from './frames.js';
import { failureOf } from './failure-of.js';
import { HelperProcess } from './helper-process.js';
import {
  defaultTimeoutMs,
  netnsPath,
  sysctlPath,
  type AskOptions,
  type FrameAnswer,
  type FrameQuestion,
  type LoggedOptions,
  type LoggedPacket,
  type RunOptions,
  type SysctlOptions,
} from './runner.js';

/** Types of request, as helper/kernel.pl numbers them. */
const questionType = { write: 2, read: 3, offload: 5, offloads: 6, frames: 7, ask: 8, logged: 11 } as const;

/** A string behind its length; null: it is not whole yet. */
function fieldAt(bytes: Buffer, at: number): Buffer | null {
  const end = bytes.length < at + 4 ? Infinity : at + 4 + bytes.readUInt32BE(at);
  return end > bytes.length ? null : bytes.subarray(at + 4, end);
}

export class KernelQuestions {
  constructor(private readonly helper: HelperProcess) {}

  readSysctls(keys: readonly string[], options: SysctlOptions): Promise<ReadonlyMap<string, string>> {
    return this.readAll(questionType.read, 'read-sysctls', keys, keys.map(sysctlPath), options);
  }

  writeSysctls(values: Readonly<Record<string, string>>, options: SysctlOptions): Promise<void> {
    const pairs = Object.entries(values).map(([key, value]) => ({ key, value, name: sysctlPath(key) }));
    return this.setAll(questionType.write, 'write-sysctls', pairs, options);
  }

  async readTxChecksum(devices: readonly string[], options: SysctlOptions): Promise<ReadonlyMap<string, boolean>> {
    const found = await this.readAll(questionType.offloads, 'read-tx-checksum', devices, devices, options);
    return new Map([...found].map(([device, value]) => [device, value === '1']));
  }

  setTxChecksum(devices: readonly string[], on: boolean, options: SysctlOptions): Promise<void> {
    const pairs = devices.map((device) => ({ key: device, value: on ? '1' : '0', name: device }));
    return this.setAll(questionType.offload, 'set-tx-checksum', pairs, options);
  }

  sendFrames(device: string, frames: readonly Uint8Array[], options: SysctlOptions): Promise<void> {
    const pairs = frames.map((frame) => ({ key: device, value: Buffer.from(frame).toString('hex'), name: device }));
    return this.setAll(questionType.frames, 'send-frames', pairs, options);
  }

  async askFrames(questions: readonly FrameQuestion[], { forMs, times }: AskOptions): Promise<readonly FrameAnswer[]> {
    if (questions.length === 0) return [];
    const fields = questions.flatMap(({ netns, device, frame, answers }) => {
      const bad = answers.find((pattern) => !/^[0-9a-f.]+$/.test(pattern));
      if (bad !== undefined) throw new TypeError(`${JSON.stringify(bad)} cannot be the start of a frame`);
      const path = netns === undefined ? '' : netnsPath(netns, this.helper.netnsDir);
      return [path, device, Buffer.from(frame).toString('hex'), answers.join('|')];
    });
    const argv = ['ask-frames', ...questions.map(({ netns, device }) => (netns ? `${netns}/${device}` : device))];
    const options = { timeoutMs: forMs + defaultTimeoutMs };
    const stdout = await this.ask(argv, questionType.ask, [forMs, times, questions.length, ...fields], options);
    return decodeTexts(stdout).map(({ errno, text }) => ({
      frame: text === '' ? null : Buffer.from(text, 'hex'),
      error: errno === 0 ? null : getSystemErrorMessage(errno),
    }));
  }

  /** Until `signal` is aborted. The helper sends prefix and frame of each packet, each behind its length. */
  async followLogged(
    { group, bytes }: LoggedOptions,
    onPacket: (packet: LoggedPacket) => void,
    { signal, netns }: { readonly signal: AbortSignal; readonly netns?: string },
  ): Promise<void> {
    const argv = ['follow-logged', String(group)];
    const options = { timeoutMs: 0, ...(netns !== undefined && { netns }) };
    let rest: Buffer = Buffer.alloc(0);
    const onMore = (more: Buffer): void => {
      rest = Buffer.concat([rest, more]);
      for (;;) {
        const prefix = fieldAt(rest, 0);
        const frame = prefix && fieldAt(rest, 4 + prefix.length);
        if (!frame) return;
        rest = rest.subarray(8 + prefix.length + frame.length);
        onPacket({ prefix: prefix.toString('latin1'), frame });
      }
    };
    const asked = { argv, type: questionType.logged, fields: [group, bytes], options, onMore, signal };
    const answer = await this.helper.ask(asked);
    if (!signal.aborted) throw failureOf(argv, options, answer, { stdout: '', stderr: answer.stderr.toString('utf8') });
  }

  private async readAll(
    type: number,
    verb: string,
    keys: readonly string[],
    names: readonly string[],
    options: SysctlOptions,
  ): Promise<ReadonlyMap<string, string>> {
    if (keys.length === 0) return new Map();
    const found = decodeTexts(await this.ask([verb, ...keys], type, [names.length, ...names], options));
    return new Map(
      keys.flatMap((key, index) => {
        const each = found[index];
        return each && each.errno === 0 ? [[key, each.text.replace(/\n$/, '')] as const] : [];
      }),
    );
  }

  private async setAll(
    type: number,
    verb: string,
    pairs: readonly { readonly key: string; readonly value: string; readonly name: string }[],
    options: SysctlOptions,
  ): Promise<void> {
    if (pairs.length === 0) return;
    const argv = [verb, ...pairs.map(({ key, value }) => `${key}=${value}`)];
    const fields = [pairs.length, ...pairs.flatMap(({ name, value }) => [name, value])];
    const errnos = decodeErrnos(await this.ask(argv, type, fields, options));
    const failed = pairs.flatMap(({ key, value }, index) => {
      const errno = errnos[index] ?? 0;
      return errno === 0 ? [] : [{ key, value, error: getSystemErrorMessage(errno) }];
    });
    if (failed.length > 0) throw new SysctlFailed(failed, options.netns);
  }

  private async ask(
    argv: readonly string[],
    type: number,
    fields: readonly (number | string)[],
    options: RunOptions,
  ): Promise<Buffer> {
    const answer = await this.helper.ask({ argv, type, fields, options });
    if (answer.kind !== answerKind.exited || answer.value !== 0) throw failureOf(argv, options, answer);
    return answer.stdout;
  }
}
