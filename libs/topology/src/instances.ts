/** Instances as the log knows them: a device id of a project, on ports. What owners give them to know is kept beside the log (contracts, instances.ts). */
import {
  instanceOf,
  known,
  type InstanceName,
  type ObjectKey,
  type Port,
  type Recorded,
  subjectOf,
} from '@plumbline/contracts';
import { evolve } from './evolve.js';
import type { Topology } from './topology.js';

type Objects = Pick<Topology, 'get' | 'find'>;

const isOf = (port: Port, { projectId, deviceId }: InstanceName): boolean => {
  const instance = instanceOf(port);
  return instance?.projectId === projectId && instance.deviceId === deviceId;
};

/** Ports of the instance. */
export const instancePorts = (objects: Objects, instance: InstanceName): readonly Port[] =>
  objects.find('port', `device/${instance.deviceId}`).filter((port) => isOf(port, instance));

/** Projects that have an instance of this device id, sorted. */
export const projectsOfDevice = (objects: Objects, deviceId: string): readonly string[] =>
  [...new Set(objects.find('port', `device/${deviceId}`).flatMap((port) => instanceOf(port)?.projectId ?? []))].sort();

/**
 * Hosts that serve the instance metadata, sorted: those of routers with an interface on a network of its ports, and of DHCP servers of such a network. The hosts that
 * its ports are bound to are not among them, unless they are one of these.
 */
export const hostsServing = (objects: Objects, instance: InstanceName): readonly string[] =>
  [
    ...new Set(
      instancePorts(objects, instance).flatMap(({ networkId }) => [...hostsServingNetwork(objects, networkId)]),
    ),
  ].sort();

/** Whether a host is one of `hostsServing`. What was found of a network is not looked up again, so ask while the objects stay as they are. */
export function servedOn(objects: Objects, host: string): (instance: InstanceName) => boolean {
  const networks = new Map<string, boolean>();
  const served = (networkId: string): boolean => {
    let found = networks.get(networkId);
    if (found === undefined)
      networks.set(networkId, (found = [...hostsServingNetwork(objects, networkId)].includes(host)));
    return found;
  };
  return (instance) => instancePorts(objects, instance).some(({ networkId }) => served(networkId));
}

function* hostsServingNetwork(objects: Objects, networkId: string): Iterable<string> {
  for (const port of objects.find('port', `router-ports/${networkId}`)) {
    const router = objects.get('router', port.deviceId);
    if (router?.host && Object.hasOwn(router.interfaces, port.id)) yield router.host;
  }
  for (const { binding } of objects.find('port', `serves/${networkId}`)) if (binding.host) yield binding.host;
}

/** An instance that had no port any more once the event at `position` had happened. */
export type Parted = Readonly<{ instance: InstanceName; position: number }>;

/** That a port left an instance, or came to one. */
type Step = Readonly<{ portId: string; left: InstanceName | null; come: InstanceName | null; position: number }>;

function stepsOf(topology: Topology, events: readonly Recorded[]): readonly Step[] {
  const now = new Map<ObjectKey, Port | undefined>();
  return events.flatMap((recorded): Step[] => {
    const event = known(recorded.event);
    const subject = event && subjectOf(event);
    if (subject?.kind !== 'port') return [];
    const { key, id } = subject;
    const before = now.has(key) ? now.get(key) : topology.get('port', id);
    const after = evolve(before, recorded) as Port | undefined;
    now.set(key, after);
    const left = before ? instanceOf(before) : null;
    if (left && after && isOf(after, left)) return [];
    const come = after ? instanceOf(after) : null;
    return left || come ? [{ portId: id, left, come, position: recorded.position }] : [];
  });
}

/**
 * Instances whose last port goes in these events, in order; also one that has a port again at their end. `topology`: before them. Throws as the fold of them
 * would. Ports are looked up only where one leaves an instance.
 */
export function lastPortsGone(topology: Topology, events: readonly Recorded[]): readonly Parted[] {
  const steps = stepsOf(topology, events);
  if (!steps.some(({ left }) => left)) return [];
  const ports = new Map<string, Set<string>>();
  const portsOf = (instance: InstanceName): Set<string> => {
    const name = JSON.stringify([instance.projectId, instance.deviceId]);
    let living = ports.get(name);
    if (!living) ports.set(name, (living = new Set(instancePorts(topology, instance).map(({ id }) => id))));
    return living;
  };
  const gone: Parted[] = [];
  for (const { portId, left, come, position } of steps) {
    if (come) portsOf(come).add(portId);
    if (!left) continue;
    const living = portsOf(left);
    living.delete(portId);
    if (living.size === 0) gone.push({ instance: left, position });
  }
  return gone;
}
