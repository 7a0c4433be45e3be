/**
 * Places: mount namespaces, most of them with a network namespace too, that a keeper process (`sleep infinity`) keeps open.
 *
 * No place has a name under the host's /run/netns: making one there would leave a mount on the host for good. A place is entered by its keeper's process number.
 *
 * In each place the lab shows what its processes need under one folder that everybody can reach, whatever folder the clone lies in (root's home, or a home with
 * mode 0700, is closed to PostgreSQL's user, to `nobody`, and to a root without CAP_DAC_OVERRIDE):
 *
 *     <spot>/node        the Node.js that runs this (it may lie in a home too)
 *     <spot>/project     the clone, read only
 *     <spot>/var         the place's own files, <state>/places/<name>
 *
 * <spot> is a tmpfs over /mnt, /srv or /media: a folder that every Debian has; only the place sees the tmpfs. Road not taken: opening the clone's parent folders
 * with chmod, which would change the host's files.
 */
import { chmodSync, mkdirSync, readlinkSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeHost } from '@plumbline/contracts';
import { run } from '@plumbline/exec';
import type { LabSpec } from './spec.js';
import { ensureUnit, labEnvironment } from './supervision.js';

export interface Place {
  readonly name: string;
  readonly keeperPid: number;
  /** argv that enters it. */
  readonly enter: readonly string[];
  readonly paths: PlacePaths;
}

/** Where things are, seen from inside; `var` is `<state>/places/<name>` outside. */
export interface PlacePaths {
  readonly spot: string;
  readonly node: string;
  readonly project: string;
  readonly var: string;
}

export interface PlaceOptions {
  /** A network namespace of its own; else the host's. */
  readonly network: boolean;
  /** /run and /sys of its own: the place stands for a whole machine. */
  readonly machine: boolean;
}

const enterTimeoutMs = 5_000;

/** Makes the place, or throws. The keeper is a unit of the supervisor. */
export async function makePlace(spec: LabSpec, labId: string, name: string, options: PlaceOptions): Promise<Place> {
  const unshare = ['unshare', '--mount', '--propagation', 'private', ...(options.network ? ['--net'] : [])];
  const keeper = await ensureUnit(spec.stateDir, {
    name: keeperUnit(name),
    order: 0,
    argv: [...unshare, '--', 'sleep', 'infinity'],
    env: labEnvironment(labId),
    restart: false,
    afterStart: [],
    stopSignal: 'SIGKILL',
  });
  await unshared(keeper.pid);
  const place = placeOf(spec, name, keeper.pid, options.network);
  await showFiles(spec, place);
  if (options.machine) await makeMachine(place);
  if (options.network) await run([...place.enter, 'ip', 'link', 'set', 'lo', 'up']);
  return place;
}

/** The place of this name as its keeper's number tells it. */
export function placeOf(spec: LabSpec, name: string, keeperPid: number, network: boolean): Place {
  const spot = spotFor(spec);
  return {
    name,
    keeperPid,
    enter: ['nsenter', '--target', String(keeperPid), '--mount', ...(network ? ['--net'] : []), '--'],
    paths: { spot, node: `${spot}/node`, project: `${spot}/project`, var: `${spot}/var` },
  };
}

/** The supervisor's unit that keeps the place of this name open. */
export const keeperUnit = (name: string): string => `keeper-${encodeHost(name)}`;

/** The folder outside that a place sees as `<spot>/var`. */
export const placeFolder = (spec: LabSpec, name: string): string =>
  path.join(spec.stateDir, 'places', encodeHost(name));

/** A folder that every Debian has, and in which neither the clone nor the state nor Node.js lies. */
function spotFor(spec: LabSpec): string {
  const used = [spec.projectDir, spec.stateDir, process.execPath].map((each) => `${realpathSync(each)}/`);
  const free = ['/mnt', '/srv', '/media'].find((folder) => !used.some((each) => each.startsWith(`${folder}/`)));
  if (free === undefined)
    throw new Error('clone, state folder and Node.js take /mnt, /srv and /media: move one of them');
  return free;
}

async function unshared(pid: number): Promise<void> {
  const own = readlinkSync('/proc/self/ns/mnt');
  for (const until = Date.now() + enterTimeoutMs; Date.now() < until; await delay(2)) {
    // unshare(1) makes the namespace, then makes its mounts private, then executes sleep: once sleep runs, both are done.
    if (readlinkSync(`/proc/${pid}/ns/mnt`) !== own && readlinkSync(`/proc/${pid}/exe`).endsWith('/sleep')) return;
  }
  throw new Error('unshare(1) made no namespace: this kernel or container does not allow it');
}

async function showFiles(spec: LabSpec, place: Place): Promise<void> {
  const { spot, node, project } = place.paths;
  const outside = placeFolder(spec, place.name);
  mkdirSync(outside, { recursive: true, mode: 0o755 });
  chmodSync(outside, 0o755);
  const inside = (...argv: string[]) => run([...place.enter, ...argv]);
  await inside('mount', '-t', 'tmpfs', '-o', 'mode=755,size=1m', 'tmpfs', spot);
  await inside('mkdir', project, place.paths.var);
  await inside('touch', node);
  await inside('mount', '-o', 'bind,ro', spec.projectDir, project);
  await inside('mount', '-o', 'bind,ro', realpathSync(process.execPath), node);
  await inside('mount', '--bind', outside, place.paths.var);
}

async function makeMachine(place: Place): Promise<void> {
  const inside = (...argv: string[]) => run([...place.enter, ...argv]);
  await inside('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run');
  // Nothing else: after a boot /run is empty too, and whoever makes namespaces must make the folder for them.
  await inside('mkdir', '/run/openvswitch', '/run/lock');
  await inside('mount', '-t', 'sysfs', 'sysfs', '/sys');
}
