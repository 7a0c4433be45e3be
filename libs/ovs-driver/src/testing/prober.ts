/**
 * One program in an instance's namespace that answers on many ports, tries what a spec asks, writes frames as they are, and remembers the frames that arrive.
 * A process a try would cost more than all that a matrix of a hundred tries is about.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

const PROGRAM = String.raw`
import json, os, select, socket, struct, sys, threading, time
device = 'eth0'
ports = json.loads(sys.argv[1])
out = threading.Lock()
frames, news = [], threading.Condition()
def answer(id, value):
    with out:
        sys.stdout.write(json.dumps({'id': id, 'value': value}) + '\n'); sys.stdout.flush()
def echo_tcp(s):
    while True:
        c, _ = s.accept()
        threading.Thread(target=talk, args=(c,), daemon=True).start()
def talk(c):
    try:
        while True:
            data = c.recv(65536)
            if not data: break
            c.sendall(data)
    except OSError: pass
    c.close()
def echo_udp(s):
    while True:
        data, peer = s.recvfrom(65536)
        try: s.sendto(data, peer)
        except OSError: pass
for port in ports:
    for kind, serve in ((socket.SOCK_STREAM, echo_tcp), (socket.SOCK_DGRAM, echo_udp)):
        s = socket.socket(socket.AF_INET6, kind)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(('::', port))
        if kind == socket.SOCK_STREAM: s.listen(64)
        threading.Thread(target=serve, args=(s,), daemon=True).start()
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
raw.bind((device, 0))
# Every frame, also one for another MAC.
raw.setsockopt(263, 1, struct.pack('IHH8s', socket.if_nametoindex(device), 1, 0, b''))
def sniff():
    while True:
        try: data, address = raw.recvfrom(65536)
        except OSError: return # the instance has moved: its device is another one
        if address[2] == 4: continue
        with news:
            frames.append(data); news.notify_all()
threading.Thread(target=sniff, daemon=True).start()
def family(address): return socket.AF_INET6 if ':' in address else socket.AF_INET
def connect(q):
    s = socket.socket(family(q['to']), socket.SOCK_STREAM)
    s.settimeout(q['seconds'])
    if q.get('from'): s.bind((q['from'], 0))
    try:
        s.connect((q['to'], q['port'])); s.sendall(b'x')
        return s.recv(1) == b'x'
    except OSError: return False
    finally: s.close()
def ask_udp(q):
    s = socket.socket(family(q['to']), socket.SOCK_DGRAM)
    if q.get('from') or q.get('sport'): s.bind((q.get('from') or '', q.get('sport', 0)))
    end = time.monotonic() + q['seconds']
    try:
        while True:
            s.settimeout(min(0.2, q['seconds']))
            try:
                s.sendto(b'x' * q.get('size', 1), (q['to'], q['port'])); s.recvfrom(65536)
                return True
            except OSError:
                if time.monotonic() >= end: return False
    finally: s.close()
def checksum(data):
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
def ping(q):
    six = ':' in q['to']
    s = socket.socket(family(q['to']), socket.SOCK_RAW, 58 if six else 1)
    own = os.urandom(2)
    kind, code = q.get('type', 128 if six else 8), q.get('code', 0)
    body = own + b'\0\1' + b'\0' * 12
    head = struct.pack('!BBH', kind, code, 0)
    if not six: head = struct.pack('!BBH', kind, code, checksum(head + body))
    end = time.monotonic() + q['seconds']
    try:
        while True:
            try: s.sendto(head + body, (q['to'], 0))
            except OSError: pass
            again = time.monotonic() + 0.2
            while time.monotonic() < again:
                s.settimeout(max(0.01, again - time.monotonic()))
                try: data, peer = s.recvfrom(65536)
                except OSError: break
                data = data if six else data[(data[0] & 15) * 4:]
                if data[0] in (0, 129, 14) and data[4:6] == own: return True
            if time.monotonic() >= end: return False
    finally: s.close()
def send_ip(q):
    s = socket.socket(family(q['to']), socket.SOCK_RAW, q['protocol'])
    s.sendto(bytes.fromhex(q['payload']), (q['to'], 0)); s.close()
    return True
def send_frame(q):
    raw.send(bytes.fromhex(q['frame']))
    return True
def arrived(q):
    token = bytes.fromhex(q['token'])
    end = time.monotonic() + q['seconds']
    with news:
        while True:
            if any(token in each for each in frames): return True
            left = end - time.monotonic()
            if left <= 0: return False
            news.wait(left)
def senders(q):
    with news: return sorted({each[6:12].hex() for each in frames})
flows = {}
class Flow:
    """Ten packets a second or more with an echo; counts what came back and when the last did."""
    def __init__(self, q):
        self.q, self.sent, self.back, self.last, self.stopped, self.closed = q, 0, 0, time.monotonic(), False, False
        self.longest = 0.0
        self.times = {}
        threading.Thread(target=self.run, daemon=True).start()
    def run(self):
        q = self.q
        tcp = q['kind'] == 'tcp'
        s = socket.socket(family(q['to']), socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM if q['kind'] == 'udp' else socket.SOCK_RAW, 0 if q['kind'] in ('tcp', 'udp') else 1)
        s.settimeout(5)
        if q['kind'] != 'icmp': s.connect((q['to'], q['port']))
        self.s = s
        threading.Thread(target=self.listen, daemon=True).start()
        own = os.urandom(2)
        self.own = own
        while not self.stopped:
            self.sent += 1
            try:
                if q['kind'] == 'icmp':
                    body = own + struct.pack('!H', self.sent & 0xffff) + b'\0' * 8
                    s.sendto(struct.pack('!BBH', 8, 0, checksum(b'\x08\0\0\0' + body)) + body, (q['to'], 0))
                else: s.send(struct.pack('!I', self.sent))
            except OSError: pass
            time.sleep(q.get('every', 0.02))
    def listen(self):
        pending = b''
        while not self.closed:
            try: data = self.s.recv(65536)
            except OSError: continue
            if self.q['kind'] == 'tcp':
                pending += data
                count, pending = len(pending) // 4, pending[len(pending) // 4 * 4:]
                if not data: return
            elif self.q['kind'] == 'icmp':
                data = data[(data[0] & 15) * 4:]
                count = 1 if data[0] == 0 and data[4:6] == self.own else 0
            else: count = 1
            if count:
                self.longest = max(self.longest, time.monotonic() - self.last)
                self.back += count; self.last = time.monotonic()
def start(q):
    flows[q['name']] = Flow(q); return True
def look(q):
    f = flows[q['name']]
    return {'sent': f.sent, 'back': f.back, 'silent': time.monotonic() - f.last, 'longest': f.longest}
def finish(q):
    f = flows.pop(q['name']); f.stopped = True
    end = time.monotonic() + q.get('seconds', 0.3)
    while time.monotonic() < end and f.back < f.sent: time.sleep(0.02)
    f.closed = True
    return {'sent': f.sent, 'back': f.back, 'silent': time.monotonic() - f.last, 'longest': f.longest}
DO = {'tcp': connect, 'udp': ask_udp, 'icmp': ping, 'ip': send_ip, 'frame': send_frame, 'arrived': arrived, 'senders': senders, 'start': start, 'look': look, 'finish': finish}
def work(q):
    try: answer(q['id'], DO[q['do']](q))
    except Exception as e: answer(q['id'], 'failed: %r' % e)
answer(0, True)
for line in sys.stdin:
    threading.Thread(target=work, args=(json.loads(line),), daemon=True).start()
`;

type Question = Readonly<Record<string, unknown>>;
/** What a flow of packets has seen: sent, echoed, seconds since the last echo, and the longest time between two. */
export type FlowCount = Readonly<{ sent: number; back: number; silent: number; longest: number }>;

export class Prober {
  private readonly waiting = new Map<number, (value: unknown) => void>();
  private last = 0;

  private constructor(private readonly process: ChildProcess) {
    createInterface({ input: process.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const { id, value } = JSON.parse(line) as { id: number; value: unknown };
      this.waiting.get(id)?.(value);
      this.waiting.delete(id);
    });
  }

  /** Answers TCP and UDP on these ports, IPv4 and IPv6. Resolves when it does. */
  static async start(netns: string, ports: readonly number[]): Promise<Prober> {
    const argv = ['netns', 'exec', netns, 'python3', '-c', PROGRAM, JSON.stringify(ports)];
    const prober = new Prober(spawn('ip', argv, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await prober.told(0);
    return prober;
  }

  /** Asks, and gives the answer. Throws what the program could not do. */
  async ask<T = boolean>(question: Question): Promise<T> {
    this.last += 1;
    const id = this.last;
    const answer = this.told(id);
    this.process.stdin?.write(`${JSON.stringify({ ...question, id })}\n`);
    const value = await answer;
    if (typeof value === 'string') throw new Error(`${JSON.stringify(question)}: ${value}`);
    return value as T;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
  }

  private told(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.waiting.set(id, resolve);
      this.process.once('exit', () => reject(new Error('the prober has ended')));
      this.process.setMaxListeners(0);
    });
  }
}
