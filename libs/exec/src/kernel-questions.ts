/**
 * Questions to the kernel, and what it is told, without a program for each: kernel parameters, checksum offload, frames. The helper answers each with one child
 * for any number of parameters, devices or frames (helper/kernel.pl states the bodies). Which call asks what is the contract of Runner.
 */
import { getSystemErrorMessage } from './errno.js';
import { type CommandFailed, notEntered, SysctlFailed } from './errors.js';
import { answerKind, decodeErrnos, decodeTexts, fieldAt } from './frames.js';
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
  type NetnsSettings,
  type OutgoingFrame,
  type RunOptions,
  type SysctlOptions,
} from './runner.js';

/** Types of request, as helper/kernel.pl numbers them. */
const questionType = { write: 2, read: 3, offload: 5, offloads: 6, ask: 8, logged: 11, each: 13 } as const;

/** Types of what is set in each namespace, as there. */
const settingType = { sysctl: '2', txChecksum: '5', frame: '7' } as const;
type Setting = Readonly<{
  netns: string | undefined;
  type: keyof typeof settingType;
  key: string;
  name: string;
  value: string;
}>;

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

  async setEach(all: readonly NetnsSettings[]): Promise<(SysctlFailed | CommandFailed | null)[]> {
    const settings = all.map(({ netns, sysctls = {}, txChecksum = {} }): Setting[] => [
      ...Object.entries(sysctls).map(
        ([key, value]) => ({ netns, type: 'sysctl', key, name: sysctlPath(key), value }) as const,
      ),
      ...Object.entries(txChecksum).map(
        ([key, on]) => ({ netns, type: 'txChecksum', key, name: key, value: on ? '1' : '0' }) as const,
      ),
    ]);
    const outcomes = await this.inEach('set-each', settings.flat());
    return all.map(({ netns }, index) => {
      const mine = settings[index]?.map((setting) => ({ setting, ...outcomes.shift() })) ?? [];
      const outside = mine.find(({ entered = 0 }) => entered !== 0);
      if (outside) return notEntered(['set-each'], netns, outside.entered ?? 0);
      const failed = mine.flatMap(({ setting: { key, value }, errno = 0 }) =>
        errno === 0 ? [] : [{ key, value, error: getSystemErrorMessage(errno) }],
      );
      return failed.length === 0 ? null : new SysctlFailed(failed, netns);
    });
  }

  async sendFrames(frames: readonly OutgoingFrame[]): Promise<void> {
    const settings = frames.map(({ netns, device, frame }): Setting => {
      const value = Buffer.from(frame).toString('hex');
      return { netns, type: 'frame', key: device, name: device, value };
    });
    const outcomes = await this.inEach('send-frames', settings);
    const failed = settings.flatMap(({ key, value }, index) => {
      const { entered = 0, errno = 0 } = outcomes[index] ?? {};
      return entered + errno === 0 ? [] : [{ key, value, error: getSystemErrorMessage(entered || errno) }];
    });
    if (failed.length > 0) throw new SysctlFailed(failed, undefined);
  }

  /** One answer for each, in order: errno of entering the namespace, and of setting it. */
  private async inEach(verb: string, settings: readonly Setting[]): Promise<{ entered: number; errno: number }[]> {
    if (settings.length === 0) return [];
    const path = (netns: string | undefined): string =>
      netns === undefined ? '' : netnsPath(netns, this.helper.netnsDir);
    const fields = settings.flatMap(({ netns, type, name, value }) => [path(netns), settingType[type], name, value]);
    const errnos = decodeErrnos(await this.ask([verb], questionType.each, [settings.length, ...fields], {}));
    return settings.map((_setting, index) => ({ entered: errnos[2 * index] ?? 0, errno: errnos[2 * index + 1] ?? 0 }));
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
