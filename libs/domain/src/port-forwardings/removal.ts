/** Deletes port forwardings whose inside port or floating IP is deleted. */
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

/** Deletes every port forwarding to a port, or to one of its addresses. That none is left is a precondition: one that is created meanwhile is a conflict. */
export function removeForwardingsTo(draft: Draft, portId: string, fixedIpAddress?: string): void {
  for (const forwarding of draft.find('portforwarding', `port/${portId}`))
    if (fixedIpAddress === undefined || forwarding.internalIpAddress === fixedIpAddress)
      recordForwardingDeleted(draft, forwarding);
  draft.expectNone(
    fixedIpAddress === undefined ? `forwarded-to/${portId}/` : `forwarded-to/${portId}/${fixedIpAddress}/`,
  );
}
