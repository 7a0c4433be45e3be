/** What nodes send each other through their tunnels: read off the hub that joins them (`joinByHub`), so that no node can hide it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

const PROGRAM = String.raw`
import socket, struct, sys
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
print('ready', flush=True)
while True:
    data, address = raw.recvfrom(65536)
    # Once each: where the node's own end of its wire gives it to the hub.
    if not address[0].startswith('wire') or address[2] == 4 or data[12:14] != b'\x08\x00' or data[23] != 17: continue
    at = 14 + (data[14] & 15) * 4
    if struct.unpack('!H', data[at + 2:at + 4])[0] != 4789: continue
    vni = int.from_bytes(data[at + 12:at + 15], 'big')
    print(socket.inet_ntoa(data[26:30]), socket.inet_ntoa(data[30:34]), vni, data[at + 16:].hex(), flush=True)
`;

/** A frame in a tunnel: the addresses of the tunnel's ends, the network's number, the frame as its sender wrote it. */
export type Tunnelled = Readonly<{ from: string; to: string; vni: number; dst: string; src: string; frame: Buffer }>;

export class TunnelCapture {
  readonly frames: Tunnelled[] = [];
  private readonly waiting = new Set<() => void>();

  private constructor(private readonly child: ChildProcess) {}

  /** `netns`: the hub's. Resolves when nothing that is sent from now on is missed. */
  static async start(netns: string): Promise<TunnelCapture> {
    const child = spawn('ip', ['netns', 'exec', netns, 'python3', '-u', '-c', PROGRAM], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const made = new TunnelCapture(child);
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the capture ended with code ${code}`)));
      lines.on('line', (line) => (line === 'ready' ? resolve() : made.take(line)));
    });
    return made;
  }

  /** Resolves when a frame that fits was captured, also an earlier one; fails after ten seconds. */
  until(what: string, fits: (frame: Tunnelled) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!this.frames.some(fits)) return;
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.delete(look);
        reject(new Error(`not captured within 10 s: ${what}`));
      }, 10_000);
      this.waiting.add(look);
      look();
    });
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill();
    await ended;
  }

  private take(line: string): void {
    const [from = '', to = '', vni = '', hex = ''] = line.split(' ');
    const frame = Buffer.from(hex, 'hex');
    const mac = (at: number): string =>
      [...frame.subarray(at, at + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
    this.frames.push({ from, to, vni: Number(vni), dst: mac(0), src: mac(6), frame });
    for (const look of [...this.waiting]) look();
  }
}

/** The address that a frame for many asks for: an ARP request that is no announcement, or a neighbour solicitation; null: the frame is none. */
export const asksFor = (tunnelled: Tunnelled): string | null =>
  announces(tunnelled) === null ? wantedBy(tunnelled) : null;

/** The address that an ARP announcement is of: a request with one address as sender and target (RFC 5227, 2.3). */
export function announces(tunnelled: Tunnelled): string | null {
  const { frame } = tunnelled;
  const isOwn = frame.readUInt16BE(12) === 0x0806 && frame.subarray(28, 32).equals(frame.subarray(38, 42));
  return isOwn ? wantedBy(tunnelled) : null;
}

function wantedBy({ frame }: Tunnelled): string | null {
  if (((frame[0] ?? 0) & 1) === 0) return null;
  const type = frame.readUInt16BE(12);
  if (type === 0x0806 && frame.readUInt16BE(20) === 1) return [...frame.subarray(38, 42)].join('.');
  if (type === 0x86dd && frame[20] === 58 && frame[54] === 135) return hextets(frame.subarray(62, 78));
  return null;
}

/** As `2001:db8:0:0:0:0:0:1`. */
const hextets = (bytes: Buffer): string =>
  Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(at * 2).toString(16)).join(':');
