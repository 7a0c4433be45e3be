/** The end of port forwardings. Used by what they stand on: inside ports, floating IPs. */
import type { PortForwarding } from '@plumbline/contracts';
import type { Draft } from '../draft.js';

export function recordForwardingDeleted(draft: Draft, forwarding: PortForwarding): void {
  const { id: portForwardingId, routerId, floatingIpId, externalIpAddress } = forwarding;
  draft.record({
    type: 'PortForwardingDeleted',
    version: 1,
    data: { portForwardingId, routerId, floatingIpId, externalIpAddress },
  });
}

/** Ends every forwarding to a port, or to one of its addresses; none may be there when the decision is stored, whoever makes one meanwhile. */
export function removeForwardingsTo(draft: Draft, portId: string, fixedIpAddress?: string): void {
  for (const forwarding of draft.find('portforwarding', `port/${portId}`))
    if (fixedIpAddress === undefined || forwarding.internalIpAddress === fixedIpAddress)
      recordForwardingDeleted(draft, forwarding);
  draft.expectNone(
    fixedIpAddress === undefined ? `forwarded-to/${portId}/` : `forwarded-to/${portId}/${fixedIpAddress}/`,
  );
}
