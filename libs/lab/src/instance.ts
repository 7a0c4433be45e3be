/**
 * An instance: a network namespace on a node, plugged into br-int exactly as libvirt plugs a guest (`<virtualport type='openvswitch'>`): a port with
 * `external_ids:iface-id=<port id>` and `attached-mac`. The agent learns of it by nothing else. Where the port asks for it (`hybrid`), a Linux bridge is between, as
 * os-vif makes it.
 *
 * Its veth is created in its namespace, because moving a device costs 20 ms, and an internal port disappears with ovs-vswitchd. A small web server answers on
 * port 80.
 */
import { run } from '@plumbline/exec';
import { ipBatch, finishChecksums } from './wires.js';
import type { Place } from './place.js';
import type { LabSpec } from './spec.js';
import type { InstanceState } from './state.js';
import { ensureUnit, labEnvironment } from './supervision.js';

const bridgeTimeoutSeconds = 20;

/** The device outside, named as Nova and the reference name it: 14 characters. */
export const tapName = (portId: string): string => `tap${portId.slice(0, 11)}`;

/** argv prefix that runs a command inside the instance. */
export const insideInstance = (place: Place, name: string): string[] => [...place.enter, 'ip', 'netns', 'exec', name];

/** Makes the namespace with its interface, plugs it in, starts its web server. The agent connects the port afterwards. */
export async function plugInstance(spec: LabSpec, labId: string, place: Place, instance: InstanceState): Promise<void> {
  const tap = tapName(instance.portId);
  const { name, hybrid = false } = instance;
  const short = instance.portId.slice(0, 11);
  const plugged = hybrid ? `qvo${short}` : tap;
  await ipBatch(place, [
    `netns add ${name}`,
    `link add ${tap} type veth peer name eth0 netns ${name}`,
    `link set ${tap} mtu ${instance.mtuBytes} up`,
    ...(hybrid ? ownBridge(short, instance.mtuBytes) : []),
  ]);
  await run([...place.enter, 'ip', '-n', name, '-batch', '-'], {
    stdin: [
      'link set lo up',
      `link set eth0 address ${instance.mac} mtu ${instance.mtuBytes} up`,
      `address add ${instance.ip}/${instance.prefix} dev eth0`,
      `route add default via ${instance.gateway} dev eth0`,
      '',
    ].join('\n'),
  });
  const prefix = insideInstance(place, name).slice(place.enter.length);
  await finishChecksums(place, prefix, 'eth0');
  await run([
    ...[...place.enter, 'ovs-vsctl', `--timeout=${bridgeTimeoutSeconds}`, 'wait-until', 'Bridge', 'br-int', '--'],
    ...['--may-exist', 'add-port', 'br-int', plugged, '--', 'set', 'Interface', plugged],
    ...[`external_ids:iface-id=${instance.portId}`, `external_ids:attached-mac="${instance.mac}"`],
    ...['external_ids:iface-status=active', `external_ids:vm-id=${name}`],
  ]);
  await serveHttp(spec, labId, place, name, prefix);
}

/** The device outside in a bridge that a pair joins to br-int. The bridge learns no address: both its ports get everything. */
const ownBridge = (short: string, mtuBytes: number): string[] => [
  `link add qbr${short} type bridge stp_state 0 forward_delay 0 ageing_time 0 mcast_snooping 0`,
  `link add qvb${short} type veth peer name qvo${short}`,
  ...['qvb', 'tap'].map((device) => `link set ${device}${short} master qbr${short}`),
  ...['qvb', 'qvo', 'qbr'].map((device) => `link set ${device}${short} mtu ${mtuBytes} up`),
];

/** The web server of an instance or of `outside`: TCP transfers are tested with it. */
export async function serveHttp(
  spec: LabSpec,
  labId: string,
  place: Place,
  name: string,
  prefix: readonly string[],
): Promise<void> {
  await ensureUnit(spec.stateDir, {
    name: `web-${name}`,
    order: 40,
    argv: [...place.enter, ...prefix, place.paths.node, guestScript(place), 'serve', name, '80'],
    env: labEnvironment(labId),
    restart: true,
    afterStart: [],
    stopSignal: 'SIGTERM',
  });
}

/** What instances run, seen from their place. */
export const guestScript = (place: Place): string => `${place.paths.project}/libs/lab/dist/guest-main.js`;
