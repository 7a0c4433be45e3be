/** An instance that is a virtual machine: a libvirt domain on its node, plugged by libvirt itself, or into a bridge of its own where its port asks for that. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '@plumbline/exec';
import { domainXml } from './domain.js';
import { guestImage, makeGuestImage } from './guest-image.js';
import { startHypervisor, virsh } from './hypervisor.js';
import { addToBridge, ownBridge, ownBridgeName, pairName, tapName, waitForBridge } from './plugging.js';
import { ipBatch } from './wires.js';
import { placeFolder, type Place } from './place.js';
import type { LabSpec } from './spec.js';
import type { InstanceState } from './state.js';
import { labEnvironment } from './supervision.js';
import { datapathType } from './switch.js';

/** An emulated guest boots in seconds, on a machine with much else to do in many. */
const bootTimeoutMs = 120_000;

/** argv prefix that runs a command in the guest. */
export const insideGuest = (place: Place, name: string): string[] => [
  ...place.enter,
  place.paths.node,
  `${place.paths.project}/libs/lab/dist/guest-exec-main.js`,
  name,
];

/** Defines the domain and starts it. */
export async function startGuest(spec: LabSpec, labId: string, place: Place, instance: InstanceState): Promise<void> {
  const { name, portId, mac, mtuBytes, hybrid = false } = instance;
  await Promise.all([makeGuestImage(spec.projectDir), startHypervisor(spec, labId, place), waitForBridge(place)]);
  if (hybrid) {
    await ipBatch(place, ownBridge(instance));
    await addToBridge(place, pairName(portId), instance);
  }
  const { PLUMB_LAB_ID = labId, PLUMB_TEST_RUN } = labEnvironment(labId);
  const xml = domainXml({
    ...{ name, portId, mac, mtuBytes, device: tapName(portId) },
    kernel: `${place.paths.project}/${guestImage.kernel}`,
    initrd: `${place.paths.project}/${guestImage.initrd}`,
    bridge: hybrid ? ownBridgeName(portId) : null,
    offloads: datapathType() === 'system',
    // By which what a lab has left is found.
    environment: { PLUMB_LAB_ID, ...(PLUMB_TEST_RUN && { PLUMB_TEST_RUN }) },
  });
  const definition = `libvirt/${name}.xml`;
  writeFileSync(path.join(placeFolder(spec, place.name), definition), xml);
  await virsh(place, ['define', `${place.paths.var}/${definition}`]);
  await virsh(place, ['start', name]);
}

/** Waits until the guest has the address of its port, which it asks for by DHCP. Throws when it does not get it. */
export async function waitForGuest(place: Place, { name, ip, prefix }: InstanceState): Promise<void> {
  const argv = [...insideGuest(place, name), 'ip', '-o', '-4', 'address', 'show', 'dev', 'eth0'];
  for (const until = Date.now() + bootTimeoutMs; ; await delay(100)) {
    const { stdout, stderr } = await run(argv, { okCodes: [0, 1, 255] });
    if (stdout.includes(` ${ip}/${prefix} `)) return;
    if (Date.now() > until)
      throw new Error(`guest ${name} does not get ${ip} by DHCP (${bootTimeoutMs / 1000} s): ${stdout}${stderr}`);
  }
}
