/**
 * A small guest, made from Debian's packages: a kernel with its virtio drivers, busybox, perl, and QEMU's guest agent. It asks for its address by DHCP and for its
 * metadata, serves TCP and UDP (libs/lab/guest/image/etc/services.pl), and does what `virsh qemu-agent-command` says.
 *
 * All of it is in an initramfs that is not compressed: an emulated processor takes longer to expand it than QEMU takes to load it.
 *
 *     <project>/.plumb/guest/packages   unpacked, not installed, by `npm run lab -- --guests` and `npm test` (tools/setup/unpacked.mjs)
 *     <project>/.plumb/guest/vmlinuz, initrd
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { run } from '@plumbline/exec';

const perl = '/usr/bin/perl';
/** Loaded in this order. */
const modules = [
  'virtio_ring',
  'virtio',
  'virtio_pci_legacy_dev',
  'virtio_pci_modern_dev',
  'virtio_pci',
  'failover',
  'net_failover',
  'virtio_net',
  'virtio_console',
];
const folders = [
  'bin',
  'dev',
  'etc',
  'lib/modules',
  'proc',
  'run',
  'sbin',
  'sys',
  'tmp',
  'usr/bin',
  'usr/sbin',
  'var/run',
];

/** The kernel and the initramfs, below the project's folder. */
export const guestImage = { kernel: '.plumb/guest/vmlinuz', initrd: '.plumb/guest/initrd' } as const;

/** Makes the image anew. Takes a tenth of a second. Throws when the packages are not unpacked. */
export async function makeGuestImage(projectDir: string): Promise<void> {
  const guest = path.join(projectDir, '.plumb/guest');
  const unpacked = (name: string) => path.join(guest, 'packages', name);
  const kernel = unpacked('linux-image');
  if (!['linux-image', 'busybox', 'qemu-guest-agent'].every((name) => existsSync(unpacked(name))))
    throw new Error(`guests need packages that are not unpacked in ${guest}: "npm run lab -- --guests" fetches them`);
  const work = mkdtempSync(path.join(guest, 'making-'));
  try {
    const root = path.join(work, 'root');
    for (const folder of folders) mkdirSync(path.join(root, folder), { recursive: true });
    const source = path.join(projectDir, 'libs/lab/guest');
    cpSync(path.join(source, 'image'), root, { recursive: true });
    cpSync(path.join(source, 'lease.sh'), path.join(root, 'etc/lease.sh'));
    const busybox = path.join(unpacked('busybox'), 'bin/busybox');
    cpSync(busybox, path.join(root, 'bin/busybox'));
    cpSync(busybox, path.join(root, 'init'));
    const agent = path.join(unpacked('qemu-guest-agent'), 'usr/sbin/qemu-ga');
    cpSync(agent, path.join(root, 'usr/sbin/qemu-ga'));
    cpSync(perl, path.join(root, perl));
    const strict = (await run([perl, '-Mstrict', '-e', 'print $INC{"strict.pm"}'])).stdout;
    for (const file of [strict, ...(await librariesOf([busybox, agent, perl]))])
      cpSync(file, path.join(root, file), { dereference: true });
    copyModules(kernel, path.join(root, 'lib/modules'));
    const initrd = path.join(work, 'initrd');
    await run(['sh', '-c', 'cd "$1" && "$2" find . | "$2" cpio -o -H newc >"$3"', 'sh', root, busybox, initrd]);
    const [vmlinuz] = readdirSync(path.join(kernel, 'boot')).filter((name) => name.startsWith('vmlinuz'));
    cpSync(path.join(kernel, 'boot', vmlinuz ?? 'vmlinuz'), path.join(work, 'vmlinuz'));
    for (const file of [initrd, path.join(work, 'vmlinuz')]) {
      chmodSync(file, 0o644);
      renameSync(file, path.join(guest, path.basename(file)));
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Shared libraries that ld.so(8) loads for these programs, itself included. */
async function librariesOf(programs: readonly string[]): Promise<Set<string>> {
  const { stdout } = await run(['ldd', ...programs]);
  return new Set([...stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map(([, file = '']) => file));
}

function copyModules(kernel: string, into: string): void {
  const drivers = readdirSync(path.join(kernel, 'lib/modules'), { recursive: true, encoding: 'utf8' });
  for (const name of modules) {
    const found = drivers.find((file) => path.basename(file) === `${name}.ko`);
    if (found === undefined) throw new Error(`the guest's kernel has no module ${name}.ko below ${kernel}`);
    cpSync(path.join(kernel, 'lib/modules', found), path.join(into, `${name}.ko`));
  }
  writeFileSync(path.join(into, 'order'), modules.map((name) => `${name}\n`).join(''));
}
