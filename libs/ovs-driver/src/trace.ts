/**
 * What the flow tables do with one packet, by the switch's own `ofproto/trace` (ovs-vswitchd(8)), asked over its control socket: 3 ms instead of a process. Nothing is sent,
 * learned or committed. A trace does not know connections: what conntrack would say is given with the packet, and said again at each recirculation (`--ct-next`).
 */
import { askSwitch } from './control-socket.js';

/** `sport` and `dport`: of ICMP its type and code; of a protocol without ports 0. */
export type SwitchPacket = Readonly<{
  protocol: number;
  srcMac: string;
  dstMac: string;
  src: string;
  dst: string;
  sport: number;
  dport: number;
}>;
export type Addressed = Pick<SwitchPacket, 'src' | 'dst' | 'sport' | 'dport'>;

export type Entered = Readonly<{
  bridge: string;
  /** A port of it. */
  port: string;
  /** Tag of the frame. */
  vlanId?: number | null;
  /** The tunnel that it came by. */
  tunnel?: Readonly<{ vni: number; remoteIp: string; localIp: string }>;
  /** The packet that opened the connection that this one answers; absent: this is the first. */
  opened?: Addressed;
}>;

/** What the switch calls a protocol, and the fields with its ports (ICMP: type and code). */
const NAMES = new Map<number, readonly [name: string, sport: string, dport: string]>([
  [1, ['icmp', 'icmp_type', 'icmp_code']],
  [6, ['tcp', 'tcp_src', 'tcp_dst']],
  [17, ['udp', 'udp_src', 'udp_dst']],
  [58, ['icmp6', 'icmpv6_type', 'icmpv6_code']],
  [132, ['sctp', 'sctp_src', 'sctp_dst']],
]);
/** Recirculations of one packet that are told what the connection is; those of a flood may be more, and are told the default, which is a new one. */
const MOST_RECIRCULATIONS = 16;

/** A name with other characters than these would be read as something else. */
const PORT = /^[A-Za-z0-9_.:@+-]+$/;

export function flowText(packet: SwitchPacket, { port, vlanId = null, tunnel, opened }: Entered): string {
  if (!PORT.test(port))
    throw new Error(`the switch cannot be asked about a port of this name: ${JSON.stringify(port)}`);
  const { protocol, srcMac, dstMac, src, dst, sport, dport } = packet;
  const first = opened ?? packet;
  const six = src.includes(':');
  const [address, ct] = six ? ['ipv6', 'ct_ipv6'] : ['nw', 'ct_nw'];
  const [name, sportField, dportField] = NAMES.get(protocol) ?? [];
  const any = `${six ? 'ipv6' : 'ip'},nw_proto=${protocol}`;
  return [
    `in_port=${port}`,
    ...(vlanId === null ? [] : [`dl_vlan=${vlanId}`]),
    ...(tunnel ? [`tun_id=${tunnel.vni}`, ...tunnelEnds(tunnel)] : []),
    name === undefined ? any : `${name}${six && protocol !== 58 ? '6' : ''}`,
    `dl_src=${srcMac},dl_dst=${dstMac},nw_ttl=64`,
    `${address}_src=${src},${address}_dst=${dst}`,
    ...(name === undefined ? [] : [`${sportField}=${sport},${dportField}=${dport}`]),
    `ct_state=${stateOf(opened)},${ct}_src=${first.src},${ct}_dst=${first.dst},ct_nw_proto=${protocol}`,
    ...(name === undefined ? [] : [`ct_tp_src=${first.sport},ct_tp_dst=${first.dport}`]),
  ].join(',');
}

const tunnelEnds = ({ remoteIp, localIp }: NonNullable<Entered['tunnel']>): string[] => {
  const field = remoteIp.includes(':') ? 'tun_ipv6' : 'tun';
  return [`${field}_src=${remoteIp}`, `${field}_dst=${localIp}`];
};
const stateOf = (opened: Addressed | undefined): string => (opened ? 'trk|est|rpl' : 'trk|new');

/** The switch's own words. `socket`: its control socket (`controlSocketIn`). Throws SwitchAway, and Error with the switch's words when it cannot trace such a packet. */
export async function traceText(
  socket: string,
  packet: SwitchPacket,
  entered: Entered,
  signal?: AbortSignal,
): Promise<string> {
  const flow = flowText(packet, entered);
  const next = entered.opened
    ? Array.from({ length: MOST_RECIRCULATIONS }, () => [
        '--ct-next',
        stateOf(entered.opened).replaceAll('|', ','),
      ]).flat()
    : [];
  const text = await askSwitch(socket, 'ofproto/trace', ['--names', ...next, entered.bridge, flow], signal);
  if (!text.startsWith('Flow: ')) throw new Error(`the switch cannot trace ${flow}: ${text.slice(0, 500)}`);
  return text;
}
