/**
 * Debian's cloud-init configures a guest from what its node tells: by the data source of OpenStack and by that of EC2. It runs in the guest's network namespace, as the
 * first process of its own, with a name of its own, on a copy of this machine's files that is thrown away.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { idOf, portCreated, Story } from '@plumbline/topology/testing';
import { MetadataNode, until } from './testing/index.js';

const MAC = 'fa:16:3e:00:01:d1';
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExamplePlumblineExamplePlumblineExample me@here';
const GIVEN = {
  ...{ projectId: 'garden', deviceId: 'vm-one', revision: idOf('5'), hostname: 'web.example.test' },
  publicKeys: { mine: KEY },
  userData: Buffer.from('#cloud-config\nwrite_files:\n- {path: /etc/given, content: by its owner}\n').toString(
    'base64',
  ),
};
const view = new Story()
  .network('a1', '10.1.0.0/24', { gatewayIp: '10.1.0.1' })
  .router('c1')
  .interface('c1', 'a1', '11111111-11', 'fa:16:3e:00:00:01', '10.1.0.1')
  .add(
    portCreated({
      portId: idOf('d1'),
      networkId: idOf('a1'),
      projectId: 'garden',
      deviceId: 'vm-one',
      deviceOwner: 'compute:nova',
      macAddress: MAC,
      fixedIps: [{ subnetId: idOf('ba1'), ipAddress: '10.1.0.5' }],
    }),
  )
  .view();

let node: MetadataNode;
beforeAll(async () => {
  node = await MetadataNode.make();
  await node.stopAgent();
  await node.startBuiltin(() => GIVEN);
  await node.converge(view);
  await node.wire(idOf('11111111-11'), 1);
  await node.node.plug('one', 1, '10.1.0.5/24', '10.1.0.1');
  await node.node.spawner.run(['ip', 'link', 'set', 'eth0', 'address', MAC], { netns: 'one' });
  await until('an answer', async () => (await node.ask('one', 'http://169.254.169.254/latest')).status === 200);
}, 120_000);
afterAll(() => node.remove());

/** Only what touches files: nothing here may look for disks. */
const CONFIG = `
disable_network_activation: true
users: [default]
disable_root: false
cloud_init_modules: [write-files, set_hostname, users-groups, ssh]
cloud_config_modules: []
cloud_final_modules: []
ssh_deletekeys: false
ssh_genkeytypes: []
datasource:
  OpenStack: {metadata_urls: ['http://169.254.169.254'], max_wait: 60, timeout: 10}
  Ec2: {metadata_urls: ['http://169.254.169.254'], max_wait: 60, timeout: 10, strict_id: false}
system_info:
  distro: debian
  default_user: {name: guest, lock_passwd: true, shell: /bin/sh}
  network: {renderers: [networkd]}
  paths: {cloud_dir: /var/lib/cloud/, templates_dir: /etc/cloud/templates/}
`;

/** Boots cloud-init with one data source; resolves with what it made of the guest, by name. */
async function boot(source: string): Promise<Readonly<Record<string, string>>> {
  const script = `
    set -e
    mount -t tmpfs tmpfs /mnt
    mkdir /mnt/up /mnt/work /mnt/root
    mount -t overlay -o lowerdir=/,upperdir=/mnt/up,workdir=/mnt/work overlay /mnt/root
    cd /mnt/root
    mount -t proc proc proc; mount -t sysfs sysfs sys; mount --bind /dev dev; mount -t tmpfs tmpfs run; mount -t tmpfs tmpfs tmp
    rm -rf etc/cloud/cloud.cfg.d etc/cloud/cloud-init.disabled var/lib/cloud etc/systemd/network root/.ssh
    mkdir -p etc/systemd/network run/cloud-init
    cat > etc/cloud/cloud.cfg
    echo "datasource_list: [ ${source} ]" >> etc/cloud/cloud.cfg
    chroot . cloud-init init > run/said 2>&1 || { cat run/said >&2; exit 1; }
    for each in hostname source network key given; do
      echo "=== $each"
      case $each in
        hostname) hostname;;
        source) chroot . cat /var/lib/cloud/instance/datasource;;
        network) cat etc/systemd/network/* 2>/dev/null || true;;
        key) cat home/guest/.ssh/authorized_keys;;
        given) cat etc/given;;
      esac
    done`;
  const alone = ['unshare', '--mount', '--uts', '--pid', '--fork', '--propagation', 'private', 'sh', '-c', script];
  // As the platform says it to a container: cloud-init looks at the environment of the first process.
  const env = { product_name: 'OpenStack Nova' };
  const { stdout } = await node.node.spawner.run(alone, { netns: 'one', env, stdin: CONFIG, timeoutMs: 180_000 });
  return Object.fromEntries(
    stdout
      .split('=== ')
      .slice(1)
      .map((part) => [part.split('\n')[0] ?? '', part.slice(part.indexOf('\n') + 1).trim()]),
  );
}

describe("Debian's cloud-init", () => {
  it.each(['OpenStack', 'Ec2'])(
    'with the data source of %s: host name, key, user data, and what it says of the network',
    async (source) => {
      const made = await boot(source);
      expect(made['source']).toContain(`DataSource${source}`);
      expect(made['hostname']).toMatch(/^web(\.example\.test)?$/);
      expect(made['key']).toContain(KEY);
      expect(made['given']).toBe('by its owner');
      // EC2's paths do not say the network.
      if (source === 'OpenStack') {
        const said = made['network']?.split('\n');
        for (const line of [`MACAddress=${MAC}`, 'Address=10.1.0.5/24', 'Gateway=10.1.0.1', 'MTUBytes=1450'])
          expect(said).toContain(line);
      }
    },
    240_000,
  );
});
