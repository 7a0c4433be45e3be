/** What packet is asked about: `tcp/80`, `udp/53`, `icmp`. Pure. */
import type { TracedPacket } from '@plumbline/contracts';
import { BadEnd } from './ends.js';

export type TraceTraffic = Readonly<{ protocol: TracedPacket['protocol']; port: number }>;

const LAST_PORT = 65_535;

/** Throws BadEnd. */
export function parseTraffic(text: string): TraceTraffic {
  const [, protocol, number] = /^(tcp|udp|icmp)(?:\/(\d{1,5}))?$/.exec(text.toLowerCase()) ?? [];
  const port = Number(number ?? 0);
  const hasPort = number !== undefined && port >= 1 && port <= LAST_PORT;
  if (protocol === 'icmp' && number === undefined) return { protocol, port: 0 };
  if ((protocol === 'tcp' || protocol === 'udp') && hasPort) return { protocol, port };
  throw new BadEnd(`'${text}' is no packet: it is tcp/PORT, udp/PORT or icmp`);
}

/** From which port it is thought to come: one that nobody listens on. */
const SENDERS_PORT = 50_000;

export const packetOf = ({ protocol, port }: TraceTraffic, source: string, destination: string): TracedPacket => ({
  ...{ protocol, source, destination, destinationPort: port },
  sourcePort: protocol === 'icmp' ? 0 : SENDERS_PORT,
});

/** What answers it. */
export const answerTo = ({
  protocol,
  source,
  destination,
  sourcePort,
  destinationPort,
}: TracedPacket): TracedPacket => ({
  ...{ protocol, source: destination, destination: source },
  ...{ sourcePort: destinationPort, destinationPort: sourcePort },
});
