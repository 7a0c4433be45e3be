/** A line in the agent's log for each packet that the switch tells of: what security groups did to it, and which logs of the API asked for that. */
import { logsOf, readLogged } from '@plumbline/ovs-core';
import { type CopiedPacket, frameHeaders } from '@plumbline/ovs-driver';
import type { Logger } from '@plumbline/telemetry';
import { type HostView, objectIn, objectsOf } from '@plumbline/topology';

/** `view`: as of now; null before there is any. A copy that no flow of ours made, or of a port that is gone, is no line. */
export function packetLine({ frame, userdata }: CopiedPacket, view: HostView | null, logger: Logger): void {
  const said = readLogged(userdata);
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
