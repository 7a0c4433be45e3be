/**
 * What the flow tables of br-int do with one packet, by the switch's own `ofproto/trace` (ovs-vswitchd(8)), asked over its control socket: 3 ms instead of a process.
 *
 * A trace does not know connections: what conntrack would say is given with the packet, which is the first of its connection. Nothing is learned or committed.
 */
import { createConnection } from 'node:net';

/** `sport` and `dport`: of ICMP its type and code; of a protocol without ports 0. */
export type TracedPacket = Readonly<{
  protocol: number;
  srcMac: string;
  dstMac: string;
  src: string;
  dst: string;
  sport: number;
  dport: number;
}>;

/** What the switch calls a protocol, and the fields with its ports (ICMP: type and code). */
const NAMES = new Map<number, readonly [name: string, sport: string, dport: string]>([
  [1, ['icmp', 'icmp_type', 'icmp_code']],
  [6, ['tcp', 'tcp_src', 'tcp_dst']],
  [17, ['udp', 'udp_src', 'udp_dst']],
  [58, ['icmp6', 'icmpv6_type', 'icmpv6_code']],
  [132, ['sctp', 'sctp_src', 'sctp_dst']],
]);

/** `from`: a port of br-int; `vlanId`: the local VLAN of a frame that comes from the edge. */
function flowText(packet: TracedPacket, from: string, vlanId: number | null): string {
  const { protocol, srcMac, dstMac, src, dst, sport, dport } = packet;
  const six = src.includes(':');
  const [address, ct] = six ? ['ipv6', 'ct_ipv6'] : ['nw', 'ct_nw'];
  const [name, sportField, dportField] = NAMES.get(protocol) ?? [];
  const any = `${six ? 'ipv6' : 'ip'},nw_proto=${protocol}`;
  return [
    `in_port=${from}`,
    ...(vlanId === null ? [] : [`dl_vlan=${vlanId}`]),
    name === undefined ? any : `${name}${six && protocol !== 58 ? '6' : ''}`,
    `dl_src=${srcMac},dl_dst=${dstMac},nw_ttl=64`,
    `${address}_src=${src},${address}_dst=${dst}`,
    ...(name === undefined ? [] : [`${sportField}=${sport},${dportField}=${dport}`]),
    `ct_state=trk|new,${ct}_src=${src},${ct}_dst=${dst},ct_nw_proto=${protocol}`,
    ...(name === undefined ? [] : [`ct_tp_src=${sport},ct_tp_dst=${dport}`]),
  ].join(',');
}

/** The switch does not answer: it is away, or not there again yet. */
export class SwitchAway extends Error {
  override readonly name = 'SwitchAway';
}

/** The ports of br-int that get the packet, and the switch's own words. `dir`: the switch's directory. Throws SwitchAway. */
export async function traceOn(
  dir: string,
  packet: TracedPacket,
  from: string,
  vlanId: number | null = null,
): Promise<Readonly<{ ports: ReadonlySet<string>; text: string }>> {
  const flow = flowText(packet, from, vlanId);
  const text = await asked(`${dir}/ovs-vswitchd.ctl`, 'ofproto/trace', ['--names', 'br-int', flow]);
  if (!text.startsWith('Flow: ')) throw new Error(`the switch cannot trace ${flow}: ${text}`);
  return { ports: new Set([...text.matchAll(/^ +output:"?([^"\s]+)"?$/gm)].map(([, port = '']) => port)), text };
}

/** One call of the switch's control socket: JSON-RPC, an answer each. */
function asked(socketPath: string, method: string, params: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path: socketPath });
    let text = '';
    socket.setEncoding('utf8');
    socket.on('error', (error) => reject(new SwitchAway(error.message)));
    socket.on('data', (chunk: string) => {
      text += chunk;
      // An answer is one object; a part of it is no JSON.
      if (!text.trimEnd().endsWith('}')) return;
      let answer: { result: unknown; error: unknown };
      try {
        answer = JSON.parse(text) as typeof answer;
      } catch {
        return;
      }
      socket.destroy();
      if (answer.error === null) resolve(String(answer.result));
      else reject(new Error(String(answer.error)));
    });
    socket.on('close', () => reject(new SwitchAway('it closed its control socket')));
    socket.write(JSON.stringify({ id: 0, method, params }));
  });
}
