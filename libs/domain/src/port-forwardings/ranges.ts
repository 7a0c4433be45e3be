/** Port ranges of port forwardings: which are valid, and which conflict. Ranges are inclusive. */
import type { PortForwarding, PortRange } from '@plumbline/contracts';
import { badForwarding, protocolCollides, rangesCollide } from './errors.js';

export const rangeText = ({ first, last }: PortRange): string => `${first}:${last}`;
export const rangesOverlap = (a: PortRange, b: PortRange): boolean => a.first <= b.last && b.first <= a.last;
const sizeOf = ({ first, last }: PortRange): number => last - first + 1;

/** Protocol and ports of a port forwarding. */
export type Ports = Pick<PortForwarding, 'protocol' | 'externalPorts' | 'internalPorts'>;
/** Its inside address. */
export type Inside = Pick<PortForwarding, 'internalPortId' | 'internalIpAddress'>;

/** As many inside ports as outside ports, or one inside port for all; a protocol without ports has none on either side. */
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

/** Refuses outside ports, or inside ports, that another port forwarding of the same outside address uses. */
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
