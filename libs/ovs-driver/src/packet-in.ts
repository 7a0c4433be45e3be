/**
 * Packets that the switch gives a copy of to this agent: the messages that ask for them on an OpenFlow 1.4 connection, and how one is read.
 *
 * Asked for are copies for one controller number alone (NXT_SET_CONTROLLER_ID), so nobody else's controller gets ours and we get nobody else's, in the form that has
 * `userdata` (NXT_PACKET_IN2; openflow/nicira-ext.h of Open vSwitch). A connection to the management socket gets none until it has set a length (OFPT_SET_CONFIG).
 */
import { LOG_CONTROLLER, LOGGED_BYTES } from '@plumbline/ovs-core';

const SET_CONFIG = 9;
const EXPERIMENTER = 4;
const NICIRA = 0x2320;
const SET_PACKET_IN_FORMAT = 16;
const SET_CONTROLLER_ID = 20;
const PACKET_IN2 = 30;
const FORM_WITH_USERDATA = 2;
const PROPERTY = { packet: 0, userdata: 7 } as const;

/** A packet's first bytes, and what the flow that copied it says of it. */
export type CopiedPacket = Readonly<{ frame: Buffer; userdata: Buffer }>;

export type OpenFlowMessage = Readonly<{ type: number; body: Buffer }>;

/** To be sent, in this order, on a connection that is to get copies. */
export const askForCopies: readonly OpenFlowMessage[] = [
  { type: SET_CONFIG, body: Buffer.from([0, 0, LOGGED_BYTES >> 8, LOGGED_BYTES & 255]) },
  nicira(SET_CONTROLLER_ID, Buffer.from([0, 0, 0, 0, 0, 0, LOG_CONTROLLER >> 8, LOG_CONTROLLER & 255])),
  nicira(SET_PACKET_IN_FORMAT, Buffer.from([0, 0, 0, FORM_WITH_USERDATA])),
];

/** Null for any other message, and for one that is cut off. */
export function readCopy({ type, body }: OpenFlowMessage): CopiedPacket | null {
  if (type !== EXPERIMENTER || body.length < 8) return null;
  if (body.readUInt32BE(0) !== NICIRA || body.readUInt32BE(4) !== PACKET_IN2) return null;
  const found = new Map<number, Buffer>();
  for (let at = 8; at + 4 <= body.length;) {
    const length = body.readUInt16BE(at + 2);
    if (length < 4 || at + length > body.length) return null;
    found.set(body.readUInt16BE(at), body.subarray(at + 4, at + length));
    at += (length + 7) & ~7;
  }
  const frame = found.get(PROPERTY.packet);
  return frame ? { frame, userdata: found.get(PROPERTY.userdata) ?? Buffer.alloc(0) } : null;
}

function nicira(subtype: number, rest: Buffer): OpenFlowMessage {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(NICIRA, 0);
  head.writeUInt32BE(subtype, 4);
  return { type: EXPERIMENTER, body: Buffer.concat([head, rest]) };
}
