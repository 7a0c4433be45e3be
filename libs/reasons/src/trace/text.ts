/** A trace in lines for a terminal. Pure. */
import type { HopTold, PacketTold, Trace, WayTold } from './told.js';

const VERDICTS = { arrives: 'ARRIVES', dropped: 'IS DROPPED', unknown: 'NOT KNOWN' } as const;
/** Characters of a flow or rule that are shown. */
const MOST_WHAT = 220;

export function linesOfTrace({ from, to, there, back, unknown }: Trace): string[] {
  return [
    `${from.asked} -> ${to.asked}: ${packetText(there.packet)}`,
    ...wayLines('there', there),
    ...(back ? ['', ...wayLines('back', back)] : []),
    ...(unknown.length > 0 ? [''] : []),
    ...unknown.map((each) => `not known: ${each}`),
  ];
}

function wayLines(name: string, { hops, verdict, why }: WayTold): string[] {
  return [`${name}: ${VERDICTS[verdict]}: ${why}`, ...hops.flatMap((hop, at) => hopLines(hop, hops[at - 1]))];
}

/** Where it is, is said once for the hops that are there. */
function hopLines(hop: HopTold, last: HopTold | undefined): string[] {
  const { host, place, kind, what, of, before, packet, position, event, object } = hop;
  const where = [host, place].filter(Boolean).join(', ');
  const isNew = where !== [last?.host, last?.place].filter(Boolean).join(', ');
  const marks = [
    ...(of === 'foreign' ? ['FOREIGN'] : of === 'learned' ? ['learned'] : []),
    ...(before ? [`${packetText(before)} becomes ${packetText(packet)}`] : []),
    ...(object !== null && kind !== 'flow' ? [object] : []),
  ];
  const text = what.length > MOST_WHAT ? `${what.slice(0, MOST_WHAT)}…` : what;
  return [
    ...(isNew && where !== '' ? [`  ${where}`] : []),
    `    ${kind} ${text}${marks.length > 0 ? ` (${marks.join('; ')})` : ''}`,
    ...(event
      ? [
          `      event ${event.position} ${event.type} of ${event.object ?? 'something'}, ${event.time}, ${byWhom(event)}`,
        ]
      : []),
    ...(!event && position !== null && position > 0 ? [`      event ${position}`] : []),
    ...(!event && position === 0 ? ["      set by the node's own configuration"] : []),
  ];
}

function byWhom({ user, project, request }: NonNullable<HopTold['event']>): string {
  if (user === null) return 'by somebody outside your project';
  const who =
    user === 'plumbline' ? 'by the control plane' : `by user ${user}${project ? ` of project ${project}` : ''}`;
  return request ? `${who} (${request.id})` : who;
}

const ended = (address: string, port: number): string =>
  port === 0 ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
const packetText = ({ protocol, source, destination, sport, dport }: PacketTold): string =>
  `${protocol} ${ended(source, sport)} > ${ended(destination, dport)}`;
