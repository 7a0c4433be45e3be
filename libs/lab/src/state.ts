/**
 * The state file of a lab, and the lock that lets one command at a time change it.
 *
 * Written before each action that leaves something on the host, so that the next command, after a Ctrl-C, a crash or a reboot, knows what to look for. It contains
 * database passwords, so only root can read it.
 */
import { linkSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { errorCode, readJson, readText, removeEmptyFolder, removeFile, stateFile, writeWhole } from './files.js';
import { identify, isRunning } from './process-identity.js';

/** An instance of the lab, as plugged in. */
export const InstanceState = z.object({
  name: z.string(),
  host: z.string(),
  portId: z.string(),
  mac: z.string(),
  ip: z.string(),
  prefix: z.number().int(),
  gateway: z.string(),
  mtuBytes: z.number().int(),
  /** Plugged through a bridge of its own, as `binding:vif_details` says (`ovs_hybrid_plug`). */
  hybrid: z.boolean().optional(),
  /** It asks for its address; else the address is set from outside, as in a lab that an older release made. */
  byDhcp: z.boolean().optional(),
  /** A virtual machine under libvirt; else a network namespace. */
  guest: z.boolean().optional(),
});
export type InstanceState = z.infer<typeof InstanceState>;

export const LabState = z.object({
  format: z.literal(1),
  /** Random; all processes of the lab have it in their environment as PLUMB_LAB_ID. */
  labId: z.string(),
  bootId: z.string(),
  /** `building`: it was never whole. `mending`: it was, and is put back from its log. */
  stage: z.enum(['building', 'mending', 'ready']),
  hostLink: z.object({ name: z.string(), host: z.string(), lab: z.string() }).nullable(),
  apiUrl: z.string().nullable(),
  /** The address at which the host reaches it. */
  natsUrl: z.string().nullable(),
  /** Whether NATS_URL named the server: a lab that is mended needs it named again, with the login. */
  natsNamed: z.boolean().default(false),
  /** Users of the lab with their passwords, the administrator first. */
  logins: z
    .array(z.object({ userName: z.string(), projectName: z.string(), password: z.string() }))
    .nullable()
    .default(null),
  database: z.object({ migrationUrl: z.string(), serviceUrl: z.string() }).nullable(),
  /** Whether the instances that it is made with are virtual machines. */
  guests: z.boolean().default(false),
  instances: z.array(InstanceState),
  floatingIp: z.string().nullable(),
});
export type LabState = z.infer<typeof LabState>;

/** The lab of this state folder, or null. */
export function readLabState(stateDir: string): LabState | null {
  const json = readJson(stateFile(stateDir));
  return json === null ? null : LabState.parse(json);
}

/** Keeps the state in memory and writes every change to disk. */
export class StateKeeper {
  constructor(
    private readonly stateDir: string,
    private current: LabState,
  ) {
    this.set({});
  }

  get state(): LabState {
    return this.current;
  }

  /** Returns after the change is on disk. */
  set(change: Partial<LabState>): void {
    this.current = { ...this.current, ...change };
    writeWhole(stateFile(this.stateDir), JSON.stringify(this.current, null, 2));
  }
}

/** The state of a lab whose processes and namespaces are gone, and whose database and nodes' folders are kept. */
export const toMend = (state: LabState): LabState => ({
  ...state,
  bootId: bootId(),
  stage: state.stage === 'building' ? 'building' : 'mending',
});

/** The state of a lab before anything of it is made. */
export function newLabState(labId: string): LabState {
  return {
    format: 1,
    labId,
    bootId: bootId(),
    stage: 'building',
    hostLink: null,
    apiUrl: null,
    natsUrl: null,
    natsNamed: false,
    logins: null,
    database: null,
    guests: false,
    instances: [],
    floatingIp: null,
  };
}

/** The kernel's boot id: another one after every boot. */
export function bootId(): string {
  return readText('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
}

/** Runs `work` while no other `up` or `down` works on this state folder. A lock whose owner died is taken over. */
export async function withLock<T>(stateDir: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const file = path.join(stateDir, 'lock');
  takeLock(file);
  try {
    return await work();
  } finally {
    removeFile(file);
    removeEmptyFolder(stateDir);
  }
}

function takeLock(file: string): void {
  // Written to another file first and then linked: no process ever reads a lock without its owner.
  const own = `${file}.${process.pid}`;
  writeWhole(own, JSON.stringify(identify(process.pid)));
  try {
    linkOrTakeOver(own, file);
  } finally {
    removeFile(own);
  }
}

function linkOrTakeOver(own: string, file: string): void {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      linkSync(own, file);
      return;
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
    const owner = lockOwner(file);
    if (owner !== null && isRunning(owner)) {
      throw new Error(`another "plumb lab" command (process ${owner.pid}) works on this lab: wait for it, or end it`);
    }
    removeFile(file);
  }
  throw new Error(`cannot take the lock ${file}`);
}

function lockOwner(file: string): { pid: number; startTime: string } | null {
  const parsed = z.object({ pid: z.number(), startTime: z.string() }).safeParse(safeJson(readText(file) ?? ''));
  return parsed.success ? parsed.data : null;
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
