/** Packet logs: which ports' hosts log what security groups do. A log goes with the group or the port that it names. */
import type { PacketLog } from '@plumbline/contracts';
import { changedFields } from '../changes.js';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import {
  invalidResourceType,
  nothingToLog,
  packetLogNotFound,
  portWithoutGroup,
  resourceNotFound,
  targetNotFound,
} from './errors.js';

export type NewPacketLog = Readonly<{
  projectId: string;
  name: string;
  description: string;
  enabled: boolean;
  resourceType: string;
  event: PacketLog['event'];
  securityGroupId: string | null;
  portId: string | null;
}>;
export type PacketLogChanges = Partial<Pick<NewPacketLog, 'name' | 'description' | 'enabled'>>;

export const createPacketLogs = (requests: readonly NewPacketLog[]): Decide<string[]> =>
  deciding((draft) =>
    requests.map(({ resourceType, ...facts }) => {
      const { securityGroupId, portId } = facts;
      if (resourceType !== 'security_group') throw invalidResourceType(resourceType);
      if (securityGroupId === null && portId === null) throw nothingToLog();
      mustBeThere(draft, securityGroupId, portId);
      const packetLogId = draft.context.newId();
      draft.record({ type: 'PacketLogCreated', version: 1, data: { packetLogId, resourceType, ...facts } });
      return packetLogId;
    }),
  );

export const updatePacketLog = (id: string, changes: PacketLogChanges): Decide<void> =>
  deciding((draft) => {
    const set = changedFields(existing(draft, id), changes);
    if (Object.keys(set).length === 0) return;
    draft.record({ type: 'PacketLogAttributesSet', version: 1, data: { packetLogId: id, set } });
  });

export const deletePacketLog = (id: string): Decide<void> =>
  deciding((draft) => {
    existing(draft, id);
    draft.record({ type: 'PacketLogDeleted', version: 1, data: { packetLogId: id } });
  });

/** Deletes the logs of a port or group that is deleted. That nobody makes another one meanwhile is a precondition. */
export function removePacketLogsOf(draft: Draft, kind: 'port' | 'securitygroup', id: string): void {
  for (const log of draft.find('packetlog', `${kind}/${id}`))
    draft.record({ type: 'PacketLogDeleted', version: 1, data: { packetLogId: log.id } });
  draft.expectNone(`logged/${id}/`);
}

function mustBeThere(draft: Draft, securityGroupId: string | null, portId: string | null): void {
  if (securityGroupId !== null) {
    if (!draft.visible('securitygroup', securityGroupId)) throw resourceNotFound(securityGroupId);
    draft.dependOn(`securitygroup/${securityGroupId}`);
  }
  if (portId === null) return;
  const port = draft.visible('port', portId);
  if (!port) throw targetNotFound(portId);
  draft.dependOn(`port/${portId}`);
  if (securityGroupId !== null && !port.securityGroupIds.includes(securityGroupId))
    throw portWithoutGroup(securityGroupId, portId);
}

function existing(draft: Draft, id: string): PacketLog {
  const log = draft.get('packetlog', id);
  if (!log) throw packetLogNotFound(id);
  return log;
}
