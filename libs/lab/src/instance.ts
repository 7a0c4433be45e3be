/**
 * An instance: a virtual machine (guest.ts), or a network namespace on a node, plugged into br-int exactly as libvirt plugs a guest (`<virtualport type='openvswitch'>`): a port with
 * `external_ids:iface-id=<port id>` and `attached-mac`. The agent learns of it by nothing else. Where the port asks for it (`hybrid`), a Linux bridge is between, as
 * os-vif makes it.
 *
 * Its veth is created in its namespace, because moving a device costs 20 ms, and an internal port disappears with ovs-vswitchd. A small web server answers on
 * port 80.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '@plumbline/exec';
import { insideGuest, startGuest, waitForGuest } from './guest.js';
import { addToBridge, ownBridge, ownBridgeName, pairName, tapName } from './plugging.js';
import { ipBatch, finishChecksums } from './wires.js';
import type { Place } from './place.js';
import type { LabSpec } from './spec.js';
import type { InstanceState } from './state.js';
import { ensureUnit, labEnvironment, lastLines } from './supervision.js';

const leaseTimeoutMs = 40_000;

/** argv prefix that runs a command inside the instance. */
export const insideInstance = (
  place: Place,
  { name, guest = false }: Pick<InstanceState, 'name' | 'guest'>,
): string[] => (guest ? insideGuest(place, name) : [...place.enter, 'ip', 'netns', 'exec', name]);

/** argv, in the instance, that fetches a URL and prints `{"bytes", "ms"}`. */
export const fetchArgv = (place: Place, { guest = false }: Pick<InstanceState, 'guest'>): string[] =>
  guest ? ['fetch'] : [place.paths.node, guestScript(place), 'fetch'];

/** Starts the guest, or makes the namespace with its interface and its web server; plugs it in. The agent connects the port afterwards; then `takeAddress`, if it is to ask for one. */
export async function plugInstance(spec: LabSpec, labId: string, place: Place, instance: InstanceState): Promise<void> {
  if (instance.guest === true) return startGuest(spec, labId, place, instance);
  const tap = tapName(instance.portId);
  const { name, hybrid = false, byDhcp = false } = instance;
  await ipBatch(place, [
    `netns add ${name}`,
    `link add ${tap} type veth peer name eth0 netns ${name}`,
    `link set ${tap} mtu ${instance.mtuBytes} up`,
    ...(hybrid ? [...ownBridge(instance), `link set ${tap} master ${ownBridgeName(instance.portId)}`] : []),
  ]);
  await run([...place.enter, 'ip', '-n', name, '-batch', '-'], {
    stdin: [
      'link set lo up',
      `link set eth0 address ${instance.mac} mtu ${instance.mtuBytes} up`,
      ...(byDhcp
        ? []
        : [
            `address add ${instance.ip}/${instance.prefix} dev eth0`,
            `route add default via ${instance.gateway} dev eth0`,
          ]),
      '',
    ].join('\n'),
  });
  const prefix = insideInstance(place, instance).slice(place.enter.length);
  await finishChecksums(place, prefix, 'eth0');
  await addToBridge(place, hybrid ? pairName(instance.portId) : tap, instance);
  await serveHttp(spec, labId, place, name, prefix);
}

/**
 * Has the instance ask for its address by DHCP, now and for as long as the lab runs, and waits until it has the one of its port. Its port should be wired: what it asks
 * before is lost, and it asks again a second later. Throws when it does not get it.
 */
export async function takeAddress(spec: LabSpec, labId: string, place: Place, instance: InstanceState): Promise<void> {
  if (instance.guest === true) return waitForGuest(place, instance);
  const { name, ip, prefix } = instance;
  const inside = insideInstance(place, instance);
  const unit = `dhcp-${name}`;
  // MTU (26) and routes (121) come to whoever asks for them.
  const asks = ['-O', '26', '-O', '121', '-t', '5', '-T', '1', '-A', '1'];
  await ensureUnit(spec.stateDir, {
    name: unit,
    order: 40,
    argv: [...inside, 'udhcpc', '-f', '-i', 'eth0', ...asks, '-s', `${place.paths.project}/libs/lab/guest/lease.sh`],
    env: labEnvironment(labId),
    restart: true,
    afterStart: [],
    stopSignal: 'SIGTERM',
  });
  const addresses = async (): Promise<string> =>
    (await run([...inside, 'ip', '-oneline', '-4', 'address', 'show', 'dev', 'eth0'])).stdout;
  for (const until = Date.now() + leaseTimeoutMs; ; await delay(50)) {
    const found = await addresses();
    if (found.includes(` ${ip}/${prefix} `)) return;
    if (Date.now() > until)
      throw new Error(
        `${name} does not get ${ip} by DHCP (${leaseTimeoutMs / 1000} s): ${lastLines(spec.stateDir, unit)}`,
      );
  }
}

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
