/** What arrives at a device, frame by frame with its VLAN tag, which the kernel takes out of the bytes of a frame and tells beside them (packet(7), PACKET_AUXDATA). */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

const PROGRAM = String.raw`
import json, socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(263, 8, 1)
s.bind((sys.argv[1], 0))
print('{}', flush=True)
while True:
    data, told, _, sender = s.recvmsg(65536, 256)
    if sender[2] == socket.PACKET_OUTGOING: continue
    vlan = None
    for level, kind, value in told:
        status, _, _, _, _, tci, _ = struct.unpack('=IIIHHHH', value[:20])
        if status & 16: vlan = tci & 4095
    print(json.dumps({'vlan': vlan, 'bytes': data.hex()}), flush=True)
`;

/** `vlan` null: untagged. */
export type CapturedFrame = Readonly<{ vlan: number | null; bytes: string }>;

export class Capture {
  readonly frames: CapturedFrame[] = [];
  private readonly waiting = new Set<() => void>();

  private constructor(private readonly process: ChildProcess) {}

  /** Of what arrives at `device` in the namespace. Resolves when it sees it. */
  static async start(netns: string, device = 'eth0'): Promise<Capture> {
    const argv = ['netns', 'exec', netns, 'python3', '-c', PROGRAM, device];
    const capture = new Capture(spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'] }));
    await new Promise<void>((resolve, reject) => {
      capture.process.once('exit', () => reject(new Error('the capture has ended')));
      createInterface({ input: capture.process.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        const frame = JSON.parse(line) as Partial<CapturedFrame>;
        if (frame.bytes === undefined) return resolve();
        capture.frames.push(frame as CapturedFrame);
        for (const wake of [...capture.waiting]) wake();
      });
    });
    return capture;
  }

  /** Tags of the frames so far that have `token` (hex) in them. */
  tagsOf(token: string): (number | null)[] {
    return this.frames.filter(({ bytes }) => bytes.includes(token)).map(({ vlan }) => vlan);
  }

  /** The tags, once there is a frame with `token`; none after these seconds. */
  async tagsWithin(token: string, seconds: number): Promise<(number | null)[]> {
    if (this.tagsOf(token).length === 0)
      await new Promise<void>((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          this.waiting.delete(look);
          resolve();
        };
        const look = (): void => (this.tagsOf(token).length > 0 ? end() : undefined);
        const timer = setTimeout(end, seconds * 1000);
        this.waiting.add(look);
      });
    return this.tagsOf(token);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
  }
}
