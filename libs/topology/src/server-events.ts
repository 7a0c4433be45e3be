/**
 * What Nova must hear of its servers' ports once a command is stored (Compute API reference, "Create external events"). Which ports are a server's is judged where the
 * command is stored, by the ports as they are there.
 */
import type { AnyObject, FloatingIp, Port } from '@plumbline/contracts';
import type { Change } from './change.js';

export const SERVER_EVENT = {
  plugged: 'network-vif-plugged',
  unplugged: 'network-vif-unplugged',
  deleted: 'network-vif-deleted',
  changed: 'network-changed',
} as const;
export type ServerEventName = (typeof SERVER_EVENT)[keyof typeof SERVER_EVENT];
export type ServerEvent = Readonly<{ portId: string; name: ServerEventName }>;

/**
 * In the order in which Nova must hear them. A port that is bound anew is plugged no more until its node has reported it; what a node reports is no change of
 * objects. Of a port that goes, only that it is gone.
 */
export function serverEventsOf(changes: readonly Change[]): readonly ServerEvent[] {
  const events = changes.flatMap(({ before, after }): ServerEvent[] => {
    if (isKind('port', before)) return portEvents(before, after as Port | undefined);
    return addressed(before, after).map((portId) => ({ portId, name: SERVER_EVENT.changed }));
  });
  const gone = new Set(events.flatMap(({ portId, name }) => (name === SERVER_EVENT.deleted ? [portId] : [])));
  const said = new Set<string>();
  return events.filter(({ portId, name }) => {
    const twice = said.has(`${portId} ${name}`);
    said.add(`${portId} ${name}`);
    return !twice && (name === SERVER_EVENT.deleted || !gone.has(portId));
  });
}

function portEvents(before: Port, after: Port | undefined): ServerEvent[] {
  const portId = before.id;
  if (!after) return [{ portId, name: SERVER_EVENT.deleted }];
  const events: ServerEvent[] = [];
  if (before.deviceId === after.deviceId && before.setAt['binding'] !== after.setAt['binding'])
    events.push({ portId, name: SERVER_EVENT.unplugged });
  if (addressesOf(before) !== addressesOf(after)) events.push({ portId, name: SERVER_EVENT.changed });
  return events;
}

/** Ports that a floating IP left or came to. */
function addressed(before: AnyObject | undefined, after: AnyObject | undefined): string[] {
  const [was, is] = [before, after].map((each) => (isKind('floatingip', each) ? each.association : null));
  if (was?.portId === is?.portId && was?.fixedIpAddress === is?.fixedIpAddress) return [];
  return [was, is].flatMap((each) => (each ? [each.portId] : []));
}

const addressesOf = ({ macAddress, fixedIps }: Port): string =>
  JSON.stringify([macAddress, fixedIps.map(({ subnetId, ipAddress }) => `${subnetId} ${ipAddress}`).sort()]);

type OfKinds = { port: Port; floatingip: FloatingIp };
const isKind = <K extends keyof OfKinds>(kind: K, object: AnyObject | undefined): object is OfKinds[K] =>
  object?.kind === kind;
