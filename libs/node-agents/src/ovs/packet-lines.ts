/** A line in the agent's log for each packet that the switch, or a bridge, tells of: what security groups did to it, and which logs of the API asked for that. */
import { logsOf, type Told } from '@plumbline/ovs-core';
import { frameHeaders } from '@plumbline/ovs-driver';
import type { Logger } from '@plumbline/telemetry';
import { type HostView, objectIn, objectsOf } from '@plumbline/topology';

/** `said`: null when nothing of ours told of it; `view`: as of now, null before there is any. Those, and packets of a port that is gone, are no line. */
export function packetLine(said: Told | null, frame: Buffer, view: HostView | null, logger: Logger): void {
  const port = said && view && objectIn(view, 'port', said.portId);
  if (!port) return;
  const { verdict, direction } = said;
  const logs = logsOf(objectsOf(view, 'packetlog'), port).filter(({ event }) => event === 'ALL' || event === verdict);
  const line = {
    ...{ step: 'packet', verdict, direction, port: port.id, project: port.projectId },
    ...{ securityGroups: port.securityGroupIds, packetLogs: logs.map(({ id }) => id), ...frameHeaders(frame) },
  };
  logger.info(line, 'a packet that a log asked for');
}
