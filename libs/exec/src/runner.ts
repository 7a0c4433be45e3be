// The port through which drivers reach the node: commands, kernel parameters, checksum offload, link-layer frames, and a
// look at what there is in network namespaces.
//
// Goals: a driver is written once and runs on the fast path (Spawner), the slow path (ExecaRunner), or prints what it
// would do (PrintingRunner); a value can never become syntax, because a command is a list of arguments and a sysctl
// a path and a value, and no shell is involved.
// Road not taken: `ip netns exec NAME` in every argv. It costs one more process for each call, and the printed form would
// not show which namespace a command belongs to.

import type { CommandFailed, SysctlFailed } from './errors.js';
import type { NetworkQuestion, SeenNetwork } from './network.js';

/** How a command is run. Times in milliseconds. */
export interface RunOptions {
  /** Written to the command's standard input, which is then closed. Without it the input is empty. */
  readonly stdin?: string;
  /** The command and its process group are killed after this time. Default 30,000; 0 means never. */
  readonly timeoutMs?: number;
  /** The network namespace to run in: a name below the runner's namespace directory, or an absolute path. */
  readonly netns?: string;
  /** Exit codes that are not failures. Default: 0 only. */
  readonly okCodes?: readonly number[];
  /** Added to the runner's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** True for a command that changes nothing. Only a printing runner uses this: it really runs these commands. */
  readonly reads?: boolean;
  /**
   * Gets what the command prints as it comes, cut anywhere; what it got is not in the result. A runner may give it nothing, and all in the
   * result. Where it throws, the command is ended and the run rejects with that.
   */
  readonly onStdout?: (text: string) => void;
}

/** Result of a command. The texts are decoded as UTF-8 and not trimmed. */
export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** Where sysctls are read or written. */
export interface SysctlOptions {
  /** As in RunOptions. */
  readonly netns?: string;
}

/** What is set in one namespace: kernel parameters, as for sysctl(8), then transmit checksum offload by device. */
export interface NetnsSettings {
  /** As in RunOptions. */
  readonly netns: string;
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly txChecksum?: Readonly<Record<string, boolean>>;
}

/** A link-layer frame, header included, and where it leaves; no checksum is added. */
export interface OutgoingFrame {
  /** As in RunOptions. */
  readonly netns?: string;
  readonly device: string;
  readonly frame: Uint8Array;
}

/** A frame that is sent from a device, and what counts as its answer. */
export interface FrameQuestion {
  /** As in RunOptions. */
  readonly netns?: string;
  readonly device: string;
  /** Header included; no checksum is added. */
  readonly frame: Uint8Array;
  /** Hex digits from a frame's first byte on, `.` for any digit; a frame is the answer when it begins like one of them. */
  readonly answers: readonly string[];
}

/** The first answer, null when there was none; `error`: why the question could not be sent, else null. */
export interface FrameAnswer {
  readonly frame: Uint8Array | null;
  readonly error: string | null;
}

/** How long to wait for answers, and how often to send each question in that time, evenly; at least once. */
export interface AskOptions {
  readonly forMs: number;
  readonly times: number;
}

/** Runs commands and sets kernel parameters. Independent calls may run at the same time and end in any order. */
export interface Runner {
  /** Runs one command. Rejects with CommandFailed unless it ends with one of `okCodes` in time. */
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Reads parameters; one that does not exist is absent from the answer. The final newline is not part of a value. */
  readSysctls(keys: readonly string[], options?: SysctlOptions): Promise<ReadonlyMap<string, string>>;
  /**
   * Writes parameters in the order given. All are tried; rejects with SysctlFailed, naming those refused, if any was.
   * Keys are as for sysctl(8): `net/ipv4/ip_forward` or `net.ipv4.ip_forward`; use slashes where a device name may
   * contain a dot.
   */
  writeSysctls(values: Readonly<Record<string, string>>, options?: SysctlOptions): Promise<void>;
  /** Whether the kernel leaves transmit checksums to each device (ethtool(8) `tx`); one that does not exist is absent. */
  readTxChecksum(devices: readonly string[], options?: SysctlOptions): Promise<ReadonlyMap<string, boolean>>;
  /** Sets the same for each device. All are tried; rejects with SysctlFailed, naming those refused, if any was. */
  setTxChecksum(devices: readonly string[], on: boolean, options?: SysctlOptions): Promise<void>;
  /**
   * Sets what belongs to many namespaces, one after the other in the order given. All is tried; resolves with null or the failure of each: SysctlFailed names what was
   * refused, CommandFailed with reason `netns` says that the namespace could not be entered.
   */
  setEach(all: readonly NetnsSettings[]): Promise<readonly (SysctlFailed | CommandFailed | null)[]>;
  /** Sends frames, one after the other. All are tried; rejects with SysctlFailed, naming the devices that sent none, if any was refused. */
  sendFrames(frames: readonly OutgoingFrame[]): Promise<void>;
  /**
   * Sends each question and returns the answers in order; only frames of the same ethertype and from another sender count. All questions are sent at the same
   * time, whatever their namespaces: it takes at most `forMs`, less when all are answered.
   */
  askFrames(questions: readonly FrameQuestion[], options: AskOptions): Promise<readonly FrameAnswer[]>;
  /**
   * What there is in these namespaces, one after the other; in order, each by itself: one that cannot be entered (reason `netns`) or read is a failure in its place.
   * Without `netnses`: in the namespace that the runner works in, one answer. Changes nothing.
   */
  look(question: NetworkQuestion, netnses?: readonly string[]): Promise<readonly (SeenNetwork | CommandFailed)[]>;
}

/** Which packets: of this group of NFLOG, and how many bytes of each. */
export type LoggedOptions = Readonly<{ group: number; bytes: number }>;

/** A packet that a rule with NFLOG told of: the rule's prefix, and the packet's first bytes, with its Ethernet header. */
export type LoggedPacket = Readonly<{ prefix: string; frame: Buffer }>;

/** Where iproute2 binds namespaces; see ip-netns(8). */
export const defaultNetnsDir = '/run/netns';

/** The default of RunOptions.timeoutMs. */
export const defaultTimeoutMs = 30_000;

/** The path of a namespace: absolute paths as they are, names below `dir`. Refuses names that are not one file name. */
export function netnsPath(netns: string, dir: string = defaultNetnsDir): string {
  if (netns.startsWith('/') && !netns.includes('\0')) return netns;
  if (!/^[^/\0\n]{1,255}$/.test(netns) || netns === '.' || netns === '..') {
    throw new TypeError(`${JSON.stringify(netns)} cannot name a network namespace`);
  }
  return `${dir}/${netns}`;
}

/**
 * The file of a kernel parameter, by sysctl(8)'s rule: the first separator says which form it is, and in the dotted
 * form a slash stands for a dot. Refuses anything that could leave /proc/sys.
 */
export function sysctlPath(key: string): string {
  const dotted = /^[^/]*\./.test(key);
  const path = dotted ? key.replace(/[./]/g, (separator) => (separator === '.' ? '/' : '.')) : key;
  const parts = path.split('/');
  if (/[\0\n]/.test(path) || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new TypeError(`${JSON.stringify(key)} cannot name a kernel parameter`);
  }
  return `/proc/sys/${path}`;
}

/** Refuses what execve(2) cannot carry: no argument at all, or a NUL byte in one. */
export function checkArgv(argv: readonly string[]): void {
  if (argv.length === 0 || argv[0] === '') throw new TypeError('a command needs at least its name');
  const bad = argv.find((argument) => argument.includes('\0'));
  if (bad !== undefined) throw new TypeError(`an argument of ${argv[0]} contains a NUL byte: ${JSON.stringify(bad)}`);
}
