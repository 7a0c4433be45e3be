/**
 * A node's own Open vSwitch, and the two bridges its operator made before Plumbline came:
 *
 *     br-ex    eth1, the uplink of scenario D
 *     br-phy   eth2, and the tunnel address on the bridge itself
 *
 * br-phy is there for the userspace datapath, which sends VXLAN packets only through a bridge of its own that has the tunnel address. It does no harm with the
 * kernel's datapath, so the lab has it with both. A restarted ovs-vswitchd makes br-phy's device again, without its address; so the address is set after each
 * start, as a real node's ifupdown does.
 */
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { encodeHost } from '@plumbline/contracts';
import { run } from '@plumbline/exec';
import { placeFolder, type Place } from './place.js';
import { externalNetwork, tunnelNetwork, type LabSpec, type NodeSpec } from './spec.js';
import { ensureUnit, labEnvironment } from './supervision.js';

/** Which datapath this machine's Open vSwitch can use. The kernel's, when its module is loaded: loading it would change the host. */
export type DatapathType = 'netdev' | 'system';
export const datapathType = (): DatapathType => (existsSync('/sys/module/openvswitch') ? 'system' : 'netdev');

const schema = '/usr/share/openvswitch/vswitch.ovsschema';
const logging = ['-vconsole:info', '-vsyslog:off', '-vfile:off'];

/** Makes the database where there is none, or an empty file. It gets its name when it is whole: whoever is interrupted leaves no half of it behind. */
async function ensureDatabase(database: string): Promise<void> {
  if ((statSync(database, { throwIfNoEntry: false })?.size ?? 0) > 0) return;
  const begun = `${database}.begun`;
  rmSync(begun, { force: true });
  await run(['ovsdb-tool', 'create', begun, schema]);
  renameSync(begun, database);
}

/** Starts ovsdb-server and ovs-vswitchd in the node's place and makes its bridges. Idempotent. */
export async function startSwitch(spec: LabSpec, labId: string, node: NodeSpec, place: Place): Promise<void> {
  const folder = path.join(placeFolder(spec, node.host), 'openvswitch');
  mkdirSync(folder, { recursive: true });
  const database = path.join(folder, 'conf.db');
  await ensureDatabase(database);

  const unit = (name: string, order: number, argv: readonly string[], afterStart: string[][]) =>
    ensureUnit(spec.stateDir, {
      name: `${name}-${encodeHost(node.host)}`,
      order,
      argv: [...place.enter, ...argv],
      env: labEnvironment(labId),
      restart: true,
      afterStart,
      stopSignal: 'SIGTERM',
    });
  const inside = (...argv: string[]) => [...place.enter, ...argv];

  await unit(
    'ovsdb-server',
    10,
    [
      'ovsdb-server',
      `${place.paths.var}/openvswitch/conf.db`,
      '--remote=punix:/run/openvswitch/db.sock',
      '--pidfile',
      ...logging,
    ],
    [inside('ovs-vsctl', '--timeout=2', '--no-wait', 'init')],
  );
  await run(inside('ovs-vsctl', '--timeout=10', '--no-wait', ...operatorsBridges(node)));
  await unit(
    'ovs-vswitchd',
    11,
    ['ovs-vswitchd', 'unix:/run/openvswitch/db.sock', '--pidfile', ...logging],
    [
      inside('ip', 'address', 'replace', `${node.tunnelIp}/${tunnelNetwork.prefix}`, 'dev', 'br-phy'),
      inside('ip', 'link', 'set', 'br-phy', 'up'),
    ],
  );
}

function operatorsBridges(node: NodeSpec): string[] {
  // Quoted: a colon ends a bare word there.
  const quoted = JSON.stringify(node.host);
  const bridge = (name: string, uplink: string) =>
    [
      ['--', '--may-exist', 'add-br', name],
      ['--', 'set', 'Bridge', name, `datapath_type=${datapathType()}`],
      ['--', '--may-exist', 'add-port', name, uplink],
    ].flat();
  return [
    ...['set', 'Open_vSwitch', '.', `external_ids:system-id=${quoted}`, `external_ids:hostname=${quoted}`],
    ...bridge(externalNetwork.bridge, 'eth1'),
    ...bridge('br-phy', 'eth2'),
  ];
}
