/**
 * Notices a restart of ovs-vswitchd at once: an OpenFlow connection to a bridge's management socket breaks when the process ends, and the socket
 * answers again only after the switch has attached its ports.
 *
 * Road not taken: `ovs-ofctl monitor` (one more process for each bridge), or polling for the canary flow every second. The database does not show a restart: a restarted
 * switch writes the values that are there already.
 */
import { createConnection, Socket } from 'node:net';
import { askForCopies, type CopiedPacket, type OpenFlowMessage, readCopy } from './packet-in.js';

/** OpenFlow 1.4 header: version, type, length, xid. */
const HEADER = 8;
const VERSION = 0x05;
const HELLO = 0;
const ECHO_REQUEST = 2;
const ECHO_REPLY = 3;

const FIRST_RETRY_MS = 20;
const LONGEST_RETRY_MS = 100;

export type SwitchWatchListener = (event: 'lost' | 'back') => void;

/** Watches one bridge. `start` when it exists; `close` when done. */
export class SwitchWatch {
  private socket: Socket | null = null;
  private retry: NodeJS.Timeout | undefined;
  private closed = false;
  private started = false;
  private down = false;

  constructor(
    private readonly path: string,
    private readonly listener: SwitchWatchListener,
    /** Gets each packet that a flow copies to us. */
    private readonly onCopy: (packet: CopiedPacket) => void = () => undefined,
  ) {}

  /** May be called again. */
  start(): void {
    if (this.started) return;
    this.started = true;
    this.connect(FIRST_RETRY_MS);
  }

  /** While there is no connection, nothing is sent, now or later. */
  send({ type, body }: OpenFlowMessage): void {
    if (this.socket?.readyState === 'open') this.socket.write(message(type, 0, body));
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    this.socket?.destroy();
  }

  private connect(retryMs: number): void {
    const socket = createConnection({ path: this.path });
    this.socket = socket;
    let pending = Buffer.alloc(0);
    let answered = false;
    socket.on('connect', () => {
      socket.write(message(HELLO, 0));
      for (const { type, body } of askForCopies) socket.write(message(type, 0, body));
    });
    socket.on('error', () => undefined); // 'close' follows
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      pending = this.read(socket, pending);
      if (answered) return;
      answered = true;
      if (this.down) this.tell('back');
    });
    socket.on('close', () => {
      if (this.closed) return;
      if (!this.down) this.tell('lost');
      const next = answered ? FIRST_RETRY_MS : Math.min(LONGEST_RETRY_MS, retryMs * 2);
      this.retry = setTimeout(() => this.connect(next), next);
    });
  }

  /** Answers echo requests, tells of copied packets and ignores everything else. Returns the incomplete rest. */
  private read(socket: Socket, bytes: Buffer<ArrayBuffer>): Buffer<ArrayBuffer> {
    let rest = bytes;
    while (rest.length >= HEADER) {
      const length = Math.max(HEADER, rest.readUInt16BE(2));
      if (rest.length < length) break;
      const type = rest.readUInt8(1);
      const body = rest.subarray(HEADER, length);
      if (type === ECHO_REQUEST) socket.write(message(ECHO_REPLY, rest.readUInt32BE(4), body));
      const copy = readCopy({ type, body });
      if (copy) this.onCopy(copy);
      rest = rest.subarray(length);
    }
    return rest;
  }

  private tell(event: 'lost' | 'back'): void {
    this.down = event === 'lost';
    this.listener(event);
  }
}

function message(type: number, xid: number, body: Uint8Array = new Uint8Array()): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt8(VERSION, 0);
  header.writeUInt8(type, 1);
  header.writeUInt16BE(HEADER + body.length, 2);
  header.writeUInt32BE(xid, 4);
  return Buffer.concat([header, body]);
}
