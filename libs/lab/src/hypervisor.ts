/**
 * libvirtd(8) on a node of the lab, and a guest under it.
 *
 * It runs in the node's namespaces, without systemd, with folders of its own over those of the machine: a libvirt of the host and those of other nodes stay as they
 * are. It ends without its guests, as anywhere; they end with the lab, because they are in its namespaces.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeHost } from '@plumbline/contracts';
import { run, type RunResult } from '@plumbline/exec';
import { placeFolder, type Place } from './place.js';
import type { LabSpec } from './spec.js';
import { ensureUnit, labEnvironment, lastLines } from './supervision.js';

/** libvirt has these paths compiled in. */
const folders = { etc: '/etc/libvirt', lib: '/var/lib/libvirt', cache: '/var/cache/libvirt', log: '/var/log/libvirt' };
const settings = {
  // There is no polkit to ask, and only root reaches the socket.
  'libvirtd.conf': ['auth_unix_rw = "none"', 'auth_unix_ro = "none"'],
  // No systemd, hence no machine slices and no virtlogd; QEMU sees the node's own devices.
  'qemu.conf': [
    'user = "root"',
    'group = "root"',
    'cgroup_controllers = []',
    'security_driver = "none"',
    'namespaces = []',
    'remember_owner = 0',
    'stdio_handler = "file"',
  ],
};
const itsUser = {
  '/etc/passwd': 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin',
  '/etc/group': 'libvirt-qemu:x:64055:',
};
const commandTimeoutMs = 60_000;
const answerTimeoutMs = 120_000;
const unitOf = (place: Place): string => `libvirtd-${encodeHost(place.name)}`;

/** argv of virsh(1) on a node. */
export const virshArgv = (place: Place, argv: readonly string[]): string[] => [
  ...place.enter,
  'virsh',
  '--connect',
  'qemu:///system',
  '--quiet',
  ...argv,
];
export const virsh = (place: Place, argv: readonly string[]): Promise<RunResult> =>
  run(virshArgv(place, argv), { timeoutMs: commandTimeoutMs });

/** Starts libvirtd on the node. Resolves when it answers. Idempotent. */
export async function startHypervisor(spec: LabSpec, labId: string, place: Place): Promise<void> {
  const outside = path.join(placeFolder(spec, place.name), 'libvirt');
  for (const folder of Object.keys(folders)) mkdirSync(path.join(outside, folder), { recursive: true });
  for (const [file, lines] of Object.entries(settings))
    writeFileSync(path.join(outside, 'etc', file), `${lines.join('\n')}\n`);
  for (const [folder, mounted] of Object.entries(folders)) await bind(place, folder, mounted);
  await run([...place.enter, 'mkdir', '-p', '/run/libvirt']);
  await knowItsUser(place, outside);
  await ensureUnit(spec.stateDir, {
    name: unitOf(place),
    order: 35,
    argv: [...place.enter, 'libvirtd'],
    env: labEnvironment(labId),
    restart: true,
    afterStart: [],
    stopSignal: 'SIGTERM',
  });
  await answers(spec, place);
}

/** Before it answers for the first time, libvirtd asks QEMU what it can: some seconds on an idle machine. */
async function answers(spec: LabSpec, place: Place): Promise<void> {
  for (const until = Date.now() + answerTimeoutMs; ; await delay(100)) {
    if ((await run(virshArgv(place, ['version']), { okCodes: [0, 1], timeoutMs: answerTimeoutMs })).code === 0) return;
    if (Date.now() > until)
      throw new Error(
        `libvirtd of ${place.name} does not answer (${answerTimeoutMs / 1000} s): ${lastLines(spec.stateDir, unitOf(place))}`,
      );
  }
}

/**
 * libvirtd does not start without the user that Debian compiled in and that its package libvirt-daemon-system makes, though qemu.conf names another one. The node
 * knows it; the machine may not.
 */
async function knowItsUser(place: Place, outside: string): Promise<void> {
  for (const [file, line] of Object.entries(itsUser)) {
    const known = readFileSync(file, 'utf8');
    if (known.split('\n').some((each) => each.startsWith('libvirt-qemu:'))) continue;
    const copy = path.basename(file);
    writeFileSync(path.join(outside, copy), `${known}${line}\n`);
    await bind(place, copy, file);
  }
}

/** Shows a file or folder of the node's own at a path of the machine. */
async function bind(place: Place, own: string, at: string): Promise<void> {
  const argv = ['sh', '-c', 'mountpoint -q "$2" || mount --bind "$1" "$2"', 'sh'];
  await run([...place.enter, ...argv, `${place.paths.var}/libvirt/${own}`, at]);
}
