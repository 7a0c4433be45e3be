/** A frame that the switch takes as if one of its ports had sent it: OFPT_PACKET_OUT of OpenFlow 1.4 (7.3.6) to the bridge's own tables. */
import type { OpenFlowMessage } from './packet-in.js';

const PACKET_OUT = 13;
const NO_BUFFER = 0xffff_ffff;
/** The tables decide, from the first on. */
const TO_TABLES = 0xffff_fff9;
const OUTPUT = 0;
const ACTION_BYTES = 16;
const HEAD_BYTES = 16;

export function packetOut(ofport: number, frame: Uint8Array): OpenFlowMessage {
  const head = Buffer.alloc(HEAD_BYTES + ACTION_BYTES);
  head.writeUInt32BE(NO_BUFFER, 0);
  head.writeUInt32BE(ofport, 4);
  head.writeUInt16BE(ACTION_BYTES, 8);
  head.writeUInt16BE(OUTPUT, HEAD_BYTES);
  head.writeUInt16BE(ACTION_BYTES, HEAD_BYTES + 2);
  head.writeUInt32BE(TO_TABLES, HEAD_BYTES + 4);
  return { type: PACKET_OUT, body: Buffer.concat([head, frame]) };
}
