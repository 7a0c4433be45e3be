/** Which ports of br-int get the first packet of a connection, by the switch's own trace. */
import { BR_INT } from '@plumbline/ovs-core';
import { type SwitchPacket, traceText } from '../trace.js';

export { SwitchAway } from '../control-socket.js';
export type { SwitchPacket as TracedPacket } from '../trace.js';

/** The ports of br-int that get the packet, and the switch's own words. `dir`: the switch's directory. `vlanId`: of a frame that comes from the edge. Throws SwitchAway. */
export async function traceOn(
  dir: string,
  packet: SwitchPacket,
  from: string,
  vlanId: number | null = null,
): Promise<Readonly<{ ports: ReadonlySet<string>; text: string }>> {
  const text = await traceText(`${dir}/ovs-vswitchd.ctl`, packet, { bridge: BR_INT, port: from, vlanId });
  return { ports: new Set([...text.matchAll(/^ +output:"?([^"\s]+)"?$/gm)].map(([, port = '']) => port)), text };
}
