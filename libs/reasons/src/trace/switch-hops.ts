/** What a switch said it does with a packet, as hops. */
import {
  type AnswerOf,
  keyOf,
  own,
  type Port,
  type Network,
  type SwitchEntry,
  type TracedPacket,
} from '@plumbline/contracts';
import { overBridge } from './bridge-hops.js';
import { letBy } from './judged.js';
import { endOfFlows, isJudged, portText, whyByFlow } from './reasons.js';
import type { Ended, Trail } from './trail.js';

/** A packet on its way through the switches of one network. */
export type Frame = Readonly<{
  network: Network;
  host: string;
  entry: SwitchEntry;
  sender: Port | null;
  sourceMac: string;
  destinationMac: string;
  packet: TracedPacket;
  /** Null: it is outside. */
  receiver: Port | null;
}>;

/** What a switch said, as hops, with the bridges of instances before and behind it; an end where it did not take it in, or a bridge does not let it on. */
export function switched(
  trail: Trail,
  { network, packet, sender, receiver }: Frame,
  host: string,
  entry: SwitchEntry,
  told: AnswerOf<'switching'>,
): Ended | null {
  if (told.device === null) {
    const what =
      entry.at === 'port'
        ? `nothing is plugged in on ${host} for ${sender ? portText(sender) : 'it'}`
        : `${host} has no ${entry.at === 'tunnel' ? `tunnel to ${entry.remoteIp}` : `uplink on ${entry.bridge}`}`;
    trail.hop('port', host, packet, what, { object: sender && keyOf(sender) });
    return trail.dropped(
      { reason: entry.at === 'port' ? 'unplugged' : `no-${entry.at}`, why: what },
      sender ?? network,
    );
  }
  const out = sender && entry.at === 'port' ? overBridge(trail, sender, 'egress', packet, host, told) : null;
  if (out) return out;
  const vlan = own(trail.objects.get('placement', network.id)?.hosts ?? {}, host)?.localVlanId ?? null;
  for (const { bridge, table, match, priority, actions, of, position } of told.flows)
    trail.hop(
      'flow',
      host,
      packet,
      of === 'none'
        ? `table=${table}: no flow matches`
        : `table=${table}, priority=${priority}${match === '' ? '' : `,${match}`} actions=${actions.join(',')}`,
      { place: bridge, of, position, vlan },
    );
  const isHere = receiver !== null && told.outputs.some(({ portId }) => portId === receiver.id);
  const byFlows = ({ id }: Port): boolean =>
    told.flows.some(isJudged) && !told.bridges.some(({ portId }) => portId === id);
  if (sender && entry.at === 'port' && byFlows(sender)) letBy(trail, sender, 'egress', packet, host);
  if (isHere && byFlows(receiver)) letBy(trail, receiver, 'ingress', packet, host);
  return isHere ? overBridge(trail, receiver, 'ingress', packet, host, told) : null;
}

export function lostIn(
  trail: Trail,
  told: AnswerOf<'switching'>,
  host: string,
  { network, sender, receiver }: Frame,
): Ended {
  const ports = { sender, receiver, answers: trail.answers };
  const { port, ...why } = whyByFlow(endOfFlows(told.flows), host, network, ports);
  const [remark] = told.remarks;
  return trail.dropped(
    remark === undefined ? why : { ...why, why: `${why.why} (the switch: ${remark})` },
    port ?? network,
  );
}
