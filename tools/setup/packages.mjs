/**
 * Debian packages that the lab and the tests need.
 *
 * Only their programs are needed. Their services must not start, neither now (a policy-rc.d that answers 101, see invoke-rc.d(8)) nor at the
 * next boot (disabled after the installation), and postgresql must not make a cluster of its own (create_main_cluster, see pg_createcluster(8)):
 * another Open vSwitch, NATS or PostgreSQL of this machine stays as it is.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ask, runVisible } from './child.mjs';
import { withBorrowedFiles } from './borrowed-file.mjs';
import { isDebian, isRoot, SetupError } from './machine.mjs';

/** Package, a program of it, and the services it would start. */
const WANTED = [
  { name: 'openvswitch-switch', programs: ['/usr/sbin/ovs-vswitchd'], services: ['openvswitch-switch'] },
  { name: 'iptables', programs: ['/usr/sbin/iptables-save'], services: [] },
  { name: 'iproute2', programs: ['/usr/sbin/ip', '/sbin/ip', '/bin/ip'], services: [] },
  { name: 'conntrack', programs: ['/usr/sbin/conntrack'], services: [] },
  { name: 'ethtool', programs: ['/usr/sbin/ethtool', '/sbin/ethtool'], services: [] },
  { name: 'radvd', programs: ['/usr/sbin/radvd'], services: ['radvd'] },
  { name: 'dnsmasq-base', programs: ['/usr/sbin/dnsmasq'], services: [] },
  { name: 'dnsmasq-utils', programs: ['/usr/bin/dhcp_release'], services: [] },
  // The instances of the lab ask for their addresses by it.
  { name: 'udhcpc', programs: ['/usr/sbin/udhcpc', '/sbin/udhcpc'], services: [] },
  // The proxy of metadata.
  { name: 'haproxy', programs: ['/usr/sbin/haproxy'], services: ['haproxy'] },
  { name: 'iputils-arping', programs: ['/usr/bin/arping'], services: [] },
  { name: 'iputils-ping', programs: ['/usr/bin/ping', '/bin/ping'], services: [] },
  { name: 'nats-server', programs: ['/usr/sbin/nats-server', '/usr/bin/nats-server'], services: ['nats-server'] },
  { name: 'postgresql', programs: ['/usr/lib/postgresql'], services: ['postgresql'] },
];
/** What the lab needs besides that for guests that are virtual machines. The folders are those of libvirt-daemon-system, which would also start services. */
const WANTED_BY_GUESTS = [
  { name: 'qemu-system-x86', programs: ['/usr/bin/qemu-system-x86_64'], services: [] },
  {
    name: 'libvirt-daemon',
    programs: ['/usr/sbin/libvirtd'],
    services: [],
    folders: ['/var/lib/libvirt', '/var/cache/libvirt', '/var/log/libvirt'],
  },
  {
    name: 'libvirt-daemon-driver-qemu',
    programs: ['/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so'],
    services: [],
  },
  { name: 'libvirt-clients', programs: ['/usr/bin/virsh'], services: [] },
];
/**
 * What the tests need besides that: more clients of DHCP; a container engine for docker-compose.yml, with base images made from a Debian root; clients of the Networking API, with
 * a compiler for the one that needs it; a real Keystone; and what the documents tell a reader to type.
 */
const WANTED_BY_TESTS = [
  {
    name: 'docker.io',
    programs: ['/usr/sbin/dockerd', '/usr/bin/dockerd'],
    services: ['docker', 'docker.socket', 'containerd'],
  },
  {
    name: 'docker-compose',
    programs: ['/usr/bin/docker-compose', '/usr/libexec/docker/cli-plugins/docker-compose'],
    services: [],
  },
  // PLUMB_FIREWALL=hybrid.
  { name: 'ipset', programs: ['/usr/sbin/ipset', '/sbin/ipset'], services: [] },
  // Somebody else's rules in tables of ours.
  { name: 'nftables', programs: ['/usr/sbin/nft'], services: ['nftables'] },
  // A virtual address that moves between instances.
  { name: 'keepalived', programs: ['/usr/sbin/keepalived'], services: ['keepalived'] },
  // Runs in a guest of a test alone: `off` is the file by which it never runs at a boot of this machine.
  {
    name: 'cloud-init',
    programs: ['/usr/bin/cloud-init'],
    services: ['cloud-init-local', 'cloud-init', 'cloud-config', 'cloud-final'],
    off: '/etc/cloud/cloud-init.disabled',
  },
  // Clients of DHCP.
  { name: 'isc-dhcp-client', programs: ['/usr/sbin/dhclient', '/sbin/dhclient'], services: [] },
  { name: 'dhcpcd-base', programs: ['/usr/sbin/dhcpcd', '/sbin/dhcpcd'], services: [] },
  // Listens to router advertisements.
  { name: 'ndisc6', programs: ['/usr/bin/rdisc6', '/bin/rdisc6'], services: [] },
  { name: 'curl', programs: ['/usr/bin/curl'], services: [] },
  { name: 'git', programs: ['/usr/bin/git'], services: [] },
  { name: 'openssl', programs: ['/usr/bin/openssl'], services: [] },
  // sysctl(8), which printed scripts call, and ps(1).
  { name: 'procps', programs: ['/usr/sbin/sysctl', '/sbin/sysctl'], services: [] },
  { name: 'python3-openstackclient', programs: ['/usr/bin/openstack'], services: [] },
  { name: 'python3-openstacksdk', programs: ['/usr/lib/python3/dist-packages/openstack'], services: [] },
  { name: 'python3-neutronclient', programs: ['/usr/bin/neutron'], services: [] },
  { name: 'golang-go', programs: ['/usr/bin/go'], services: [] },
  {
    name: 'golang-github-gophercloud-gophercloud-dev',
    programs: ['/usr/share/gocode/src/github.com/gophercloud/gophercloud'],
    services: [],
  },
  // Where its own files are depends on its version.
  { name: 'ruby-fog-openstack', programs: ['/var/lib/dpkg/info/ruby-fog-openstack.list'], services: [] },
  // Asks nothing and makes no database when not interactive (debconf's own defaults).
  { name: 'keystone', programs: ['/usr/bin/keystone-manage'], services: ['keystone'] },
  { name: 'debootstrap', programs: ['/usr/sbin/debootstrap'], services: [] },
  { name: 'slirp4netns', programs: ['/usr/bin/slirp4netns'], services: [] },
];
/** Whether guests are made here: what they are made of is this machine's and x86-64. */
export const canMakeGuests = process.arch === 'x64';
const FOR = {
  lab: WANTED,
  guests: [...WANTED, ...WANTED_BY_GUESTS],
  test: [...WANTED, ...(canMakeGuests ? WANTED_BY_GUESTS : []), ...WANTED_BY_TESTS],
};

const POLICY = {
  path: '/usr/sbin/policy-rc.d',
  mode: 0o755,
  text: (_before, marker) => `#!/bin/sh\n${marker}\nexit 101\n`,
};
const NO_CLUSTER = {
  path: '/etc/postgresql-common/createcluster.conf',
  mode: 0o644,
  text: (before, marker) =>
    `${marker}\ncreate_main_cluster = false\n${before.replace(/^\s*create_main_cluster\b.*$/gm, '')}`,
};
const APT = ['-o', 'DPkg::Lock::Timeout=300', '--no-install-recommends', '--yes'];
const quiet = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };

/** The packages for a purpose ('lab', 'guests' or 'test') that this machine lacks. It looks for programs, so one that was installed in another way counts too. */
export function missingPackages(purpose = 'lab') {
  return FOR[purpose].filter(({ programs }) => !programs.some((program) => existsSync(program)));
}

/** Makes folders that a service's package would make, and Plumbline's own service shows others at. */
export function makeFolders(purpose) {
  for (const folder of FOR[purpose].flatMap(({ folders = [] }) => folders)) mkdirSync(folder, { recursive: true });
}

/** Installs what is missing, after printing what apt will do; does nothing if nothing is. Throws a SetupError that says what to do by hand. */
export async function installPackages(purpose) {
  const missing = missingPackages(purpose);
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name);
  if (!isDebian())
    throw new SetupError(`Not a Debian system: install these packages' programs yourself: ${names.join(' ')}.`);
  if (!isRoot())
    throw new SetupError(`Missing packages; as root: apt-get install --no-install-recommends ${names.join(' ')}`);

  const plan = await plannedInstall(names);
  console.log(`apt will install: ${plan.join(' ')}`);
  console.log(
    'Their services stay off: Plumbline starts what it needs by itself, in namespaces and folders of its own.',
  );
  for (const { off } of missing) if (off) keepOffByFile(off);
  await withBorrowedFiles([POLICY], async () => {
    // postgresql-common first: its configuration must be there before postgresql's own installation reads it.
    if (names.includes('postgresql')) {
      await apt('postgresql-common');
      await withBorrowedFiles([NO_CLUSTER], () => apt(...names));
    } else {
      await apt(...names);
    }
  });
  missing.flatMap(({ services }) => services).forEach(keepOffAtBoot);
  const still = missingPackages(purpose).map(({ name }) => name);
  if (still.length > 0)
    throw new SetupError(`apt reported success, but these programs are not there: ${still.join(' ')}`);
}

async function plannedInstall(names) {
  const simulate = () => ask('apt-get', [...APT, '--simulate', 'install', ...names], { env: quiet });
  let answer = simulate();
  if (answer.code !== 0) {
    console.log('apt knows no such packages yet: apt-get update');
    await runVisible('apt-get', ['-o', 'DPkg::Lock::Timeout=300', '-qq', 'update'], { env: quiet });
    answer = simulate();
  }
  if (answer.code !== 0)
    throw new SetupError(`apt cannot install ${names.join(' ')}: try apt-get install by hand to see why.`);
  return [...answer.stdout.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name);
}

async function apt(...names) {
  const code = await runVisible('apt-get', [...APT, '-qq', 'install', ...names], {
    env: quiet,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (code !== 0) throw new SetupError(`apt-get install ${names.join(' ')} ended with code ${code}.`);
}

function keepOffByFile(file) {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, '', { flag: 'a' });
}

function keepOffAtBoot(service) {
  if (ask('systemctl', ['disable', '--quiet', service]).code === 0) return;
  // No systemd here (a container, a chroot): remove what a later one, or sysvinit, would start.
  ask('deb-systemd-helper', ['disable', service.includes('.') ? service : `${service}.service`], {
    env: { ...quiet, DPKG_MAINTSCRIPT_PACKAGE: service },
  });
  ask('update-rc.d', [service, 'disable']);
}
