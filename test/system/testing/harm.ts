/** Damage to a lab's nodes from outside Plumbline: what an operator, a reboot or a broken disk does. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { migrate } from '@plumbline/event-store';
import pg from 'pg';
import { placeFolder, tapName, type InstanceState } from '@plumbline/lab';
import type { TestLab } from './test-lab.js';

/**
 * Deletes the namespaces of routers and of DHCP of a node, with the programs in them, and with them their devices; the switch keeps the ports. A program that is
 * left would keep its namespace, without a name.
 */
export async function wipeNamespaces(lab: TestLab, host: string): Promise<void> {
  const names = (await lab.text(host, ['ip', 'netns', 'list'])).split('\n').map((line) => line.split(' ')[0] ?? '');
  for (const name of names.filter((each) => /^q(router|dhcp)-/.test(each))) {
    const pids = (await lab.text(host, ['ip', 'netns', 'pids', name])).split('\n').filter(Boolean);
    await lab.at(host, ['ip', 'netns', 'delete', name]);
    for (const pid of pids) kill(Number(pid));
  }
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Deletes all that Plumbline made on a node: the flows of the provider bridge, programs, namespaces, devices, bridges, patch ports. The operator's bridges stay.
 * Flows first: the agent adds them again in the converge that the lost bridges cause. If only they are lost, the resync on the timer finds that.
 */
export async function wipe(lab: TestLab, host: string): Promise<void> {
  await lab.at(host, ['ovs-ofctl', 'del-flows', 'br-ex']);
  await lab.at(host, ['ovs-ofctl', 'add-flow', 'br-ex', 'priority=0,actions=NORMAL']);
  await wipeNamespaces(lab, host);
  // As after a boot, and without what runs in no namespace of a router or of DHCP.
  const marks = new RegExp(`(^|\0)PLUMB_PROCESS=[^/]*-${host}-`);
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    if (marks.test(environmentOf(pid)) && environmentOf(pid).includes(`PLUMB_LAB_ID=${lab.state.labId}`))
      kill(Number(pid));
  await lab.at(host, ['rm', '-rf', '/run/plumbline/processes']);
  const vsctl = ['ovs-vsctl', '--', '--if-exists', 'del-br', 'br-int', '--', '--if-exists', 'del-br', 'br-tun'];
  await lab.at(host, [...vsctl, '--', '--if-exists', 'del-port', 'br-ex', 'phy-br-ex']);
}

/** Plugs an instance's interface in again after a bridge was lost, as a hypervisor does: the interface is not Plumbline's. */
export async function plugAgain(lab: TestLab, instance: InstanceState): Promise<void> {
  const tap = tapName(instance.portId);
  await lab.at(instance.host, [
    ...['ovs-vsctl', '--timeout=20', 'wait-until', 'Bridge', 'br-int', '--', '--may-exist', 'add-port', 'br-int', tap],
    ...['--', 'set', 'Interface', tap, `external_ids:iface-id=${instance.portId}`],
    ...[`external_ids:attached-mac="${instance.mac}"`, 'external_ids:iface-status=active'],
    `external_ids:vm-id=${instance.name}`,
  ]);
}

/** Makes a second database with the schema and an empty log. Resolves with the URL for the API's login. */
export async function emptyDatabase(lab: TestLab, name: string): Promise<string> {
  const { database } = lab.state;
  if (database === null) throw new Error('the lab has no database');
  const password = readFileSync(path.join(placeFolder(lab.spec, 'control'), 'postgres/pw'), 'utf8').trim();
  const root = new URL(database.migrationUrl);
  root.username = 'postgres';
  root.password = password;
  root.pathname = '/postgres';
  const client = new pg.Client({ connectionString: root.href });
  await client.connect();
  await client.query(`CREATE DATABASE ${name} OWNER ${new URL(database.migrationUrl).username}`);
  await client.end();
  const at = (url: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).href;
  await migrate(at(database.migrationUrl), { serviceRole: new URL(database.serviceUrl).username });
  return at(database.serviceUrl);
}
