/** Ports of forwardings: what may lead where, and what collides. Ranges are inclusive. */
import type { PortForwarding, PortRange } from '@plumbline/contracts';
import { badForwarding, protocolCollides, rangesCollide } from './errors.js';

export const rangeText = ({ first, last }: PortRange): string => `${first}:${last}`;
export const rangesOverlap = (a: PortRange, b: PortRange): boolean => a.first <= b.last && b.first <= a.last;
const sizeOf = ({ first, last }: PortRange): number => last - first + 1;

/** What a forwarding says of ports. */
export type Ports = Pick<PortForwarding, 'protocol' | 'externalPorts' | 'internalPorts'>;
/** Where it leads. */
export type Inside = Pick<PortForwarding, 'internalPortId' | 'internalIpAddress'>;

/** A port for a port, or all of a range to one port; a protocol without ports has none on either side. */
export function checkPorts({ protocol, externalPorts, internalPorts }: Ports): void {
  if (protocol === 'icmp' || protocol === 'icmp6') {
    if (externalPorts || internalPorts) throw badForwarding(`Protocol ${protocol} has no ports to forward`);
    return;
  }
  if (!externalPorts) throw badForwarding('Either external_port or external_port_range must be specified');
  if (!internalPorts) throw badForwarding('Either internal_port or internal_port_range must be specified');
  if (sizeOf(internalPorts) > 1 && sizeOf(internalPorts) !== sizeOf(externalPorts))
    throw badForwarding(
      'Invalid ranges of internal and/or external ports. The relation between internal and external ports must be N-N or 1-N',
    );
}

/** Refuses what another forwarding of the same outside address has: its outside ports, or the same inside ones. */
export function refuseCollision(wanted: Ports & Inside, others: readonly PortForwarding[]): void {
  const rivals = others.filter(({ protocol }) => protocol === wanted.protocol);
  const inside = rivals.filter(
    ({ internalPortId, internalIpAddress }) =>
      internalPortId === wanted.internalPortId && internalIpAddress === wanted.internalIpAddress,
  );
  refuseOverlap('internal_port_range', 'internalPorts', wanted, inside);
  refuseOverlap('external_port_range', 'externalPorts', wanted, rivals);
}

function refuseOverlap(
  attribute: string,
  side: 'externalPorts' | 'internalPorts',
  wanted: Ports,
  rivals: readonly PortForwarding[],
): void {
  for (const rival of rivals) {
    const [theirs, ours] = [rival[side], wanted[side]];
    if (!theirs || !ours) throw protocolCollides(wanted.protocol, rival.id);
    if (rangesOverlap(theirs, ours)) throw rangesCollide(attribute, rangeText(theirs), rangeText(ours));
  }
}
