/**
 * Debian packages whose files the lab's guests are made of. They are unpacked into the clone and not installed: a kernel that is installed would be what this machine
 * boots next, and a guest agent would wait here for a hypervisor.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ask, runVisible } from './child.mjs';
import { projectDir, SetupError } from './machine.mjs';

const folder = path.join(projectDir, '.plumb/guest/packages');
/** Folder, package, and what is unpacked of it. The kernel's package has its version in its name: another one depends on the newest. */
const UNPACKED = [
  {
    name: 'linux-image',
    find: () => newestKernel(),
    files: ['./boot/vmlinuz*', './lib/modules/*/virtio*.ko', './lib/modules/*failover.ko'],
  },
  { name: 'busybox', find: () => 'busybox', files: ['./bin/busybox'] },
  { name: 'qemu-guest-agent', find: () => 'qemu-guest-agent', files: ['./usr/sbin/qemu-ga'] },
];

/** Fetches and unpacks those that are not there. Throws a SetupError that says what failed. */
export async function unpackGuestPackages() {
  const missing = UNPACKED.filter(({ name }) => !existsSync(path.join(folder, name)));
  if (missing.length === 0) return;
  mkdirSync(folder, { recursive: true });
  console.log(`apt fetches, to unpack and not to install them: ${missing.map(({ name }) => name).join(' ')}`);
  const unpackAll = () => missing.every(unpack);
  if (unpackAll()) return;
  await runVisible('apt-get', ['-o', 'DPkg::Lock::Timeout=300', '-qq', 'update']);
  if (!unpackAll()) throw new SetupError('apt cannot fetch what guests of the lab are made of: see above.');
}

/** Answers whether it is there. */
function unpack({ name, find, files }) {
  const whole = path.join(folder, name);
  if (existsSync(whole)) return true;
  const begun = mkdtempSync(path.join(folder, '.begun-'));
  try {
    if (tell('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', 'download', find()], begun) !== 0) return false;
    const [archive] = readdirSync(begun);
    mkdirSync(path.join(begun, 'files'));
    const script = 'dpkg-deb --fsys-tarfile "$0" | tar --extract --directory files --wildcards "$@"';
    if (tell('sh', ['-c', script, archive, ...files], begun) !== 0) return false;
    renameSync(path.join(begun, 'files'), whole);
    return true;
  } finally {
    rmSync(begun, { recursive: true, force: true });
  }
}

/** Runs a command whose complaints are shown. Answers its exit code. */
const tell = (command, args, cwd) => ask(command, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] }).code;

/** The kernel that the newest cloud kernel's package depends on. */
function newestKernel() {
  const { stdout } = ask('apt-cache', ['depends', '--important', 'linux-image-cloud-amd64']);
  return /Depends: (linux-image-\d\S+)/.exec(stdout)?.[1] ?? 'linux-image-cloud-amd64';
}
