import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import {
  converge,
  type Convergence,
  dialect,
  endingsIn,
  L3Memory,
  netnsOf,
  outsideDevice,
  rulesIn,
} from '@plumbline/l3-core';
import { idOf, Story } from '@plumbline/l3-core/testing';
import { makeNode, ScratchNode } from './testing/index.js';
import { NodeL3Driver } from './node-driver.js';

const OUTSIDE = 10;
const TENANT = 3;
const ROUTER = netnsOf(idOf('c8'));
const OWN = '192.168.1.100';
const SHARED = ['78', '192.168.1.178'] as const;
const A = '192.168.50.11@d1';
const B = '192.168.50.12@d2';

/** The single public address of scenario C, and a floating IP that two instances share. */
const site = (): Story =>
  new Story()
    .network('e8', '192.168.1.0/24', { external: true, gatewayIp: '192.168.1.1' })
    .network('a8', '192.168.50.0/24', { gatewayIp: '192.168.50.1' })
    .router('c8')
    .interface('c8', 'a8', '81111111-81', 'fa:16:3e:00:08:01', '192.168.50.1')
    .gateway('c8', 'e8', '82222222-82', 'fa:16:3e:00:08:02', OWN)
    .floatingIp('78', 'e8', SHARED[1])
    .forward('f1', 'c8', null, 'tcp', '5001>22', A);
const full = (): Story =>
  site()
    .forward('f2', 'c8', SHARED, 'tcp', '2222>22', A)
    .forward('f3', 'c8', SHARED, 'tcp', '2223>22', B)
    .forward('f4', 'c8', SHARED, 'udp', '53>5353', B)
    .forward('f5', 'c8', SHARED, 'tcp', '8000-8004>8000-8004', A)
    .forward('f6', 'c8', SHARED, 'tcp', '9000-9004>7000-7004', B)
    .forward('f7', 'c8', SHARED, 'tcp', '9100-9104>22', B)
    .forward('f8', 'c8', null, 'udp', '9000-9004>7000-7004', A)
    .forward('f9', 'c8', SHARED, 'sctp', '100-101>200-201', A)
    .forward('fa', 'c8', SHARED, 'icmp', null, B);

let node: ScratchNode;
let driver: NodeL3Driver;
const memory = new L3Memory();
const apply = (story: Story): Promise<Convergence> =>
  converge(story.view(), driver, { touched: 'all', mayRemove: true, unverified: false }, memory);

const python = async (netns: string, script: string, ...args: string[]): Promise<string> => {
  const text = script.replace(/^\n/, '').replace(/^ {4}/gm, '');
  return (await node.spawner.run(['python3', '-c', text, ...args], { netns, timeoutMs: 15_000 })).stdout.trim();
};

const PORTS = [22, 80, 7000, 7001, 7002, 7003, 7004, 8000, 8001, 8002, 8003, 8004];
/** Answers on TCP and UDP: `<name>:<port> sees <caller>`; then echoes lines. */
function serve(name: string): void {
  const script = `
    import socket, sys, threading
    name = sys.argv[1]
    def talk(c, port, peer):
        c.sendall(f'{name}:{port} sees {peer}\\n'.encode())
        try:
            while True:
                part = c.recv(65536)
                if not part: break
                c.sendall(part)
        except OSError: pass
        c.close()
    def tcp(port):
        s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('0.0.0.0', port)); s.listen(50)
        while True:
            c, peer = s.accept()
            threading.Thread(target=talk, args=(c, port, peer[0]), daemon=True).start()
    def udp(port):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', port))
        while True:
            _, peer = s.recvfrom(2000)
            s.sendto(f'{name}:{port} sees {peer[0]}\\n'.encode(), peer)
    ports = [int(p) for p in sys.argv[2].split(',')]
    for p in ports: threading.Thread(target=tcp, args=(p,), daemon=True).start()
    for p in ports + [5353]: threading.Thread(target=udp, args=(p,), daemon=True).start()
    threading.Event().wait()
  `.replace(/^ {4}/gm, '');
  const argv = ['python3', '-c', script, name, PORTS.join(',')];
  void node.spawner.run(argv, { netns: name, timeoutMs: 0 }).catch(() => undefined);
}

/** What answers there, by TCP; 200 kB go there and back, too. `from`: the caller's own port. */
const tcp = (where: string, address: string, port: number, from = 0): Promise<string> =>
  python(
    where,
    `
    import socket, sys, threading
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.argv[3] != '0': s.bind(('', int(sys.argv[3])))
    s.settimeout(3); s.connect((sys.argv[1], int(sys.argv[2])))
    f = s.makefile('rb')
    line = f.readline().decode().strip()
    threading.Thread(target=lambda: (s.sendall(b'x' * 200000), s.shutdown(socket.SHUT_WR)), daemon=True).start()
    assert len(f.read()) == 200000
    print(line)
    `,
    address,
    `${port}`,
    `${from}`,
  );
const udp = (where: string, address: string, port: number): Promise<string> =>
  python(
    where,
    `
    import socket, sys
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2); s.connect((sys.argv[1], int(sys.argv[2])))
    s.send(b'x'); print(s.recv(1000).decode().strip())
    `,
    address,
    `${port}`,
  );
const ping = (from: string, to: string): Promise<unknown> =>
  node.spawner.run(['ping', '-c', '1', '-W', '2', to], { netns: from });

/** Asks again, and leaves the machine to others between, until it is so; within fifteen seconds. */
async function until(ask: () => Promise<unknown>): Promise<void> {
  for (const end = Date.now() + 15_000; ;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await delay(20);
  }
}

/** A TCP connection that says a word every 10 ms and hears it again. Resolves with how long it lived after `stop()`, or `lived`. */
class Held {
  private constructor(
    private readonly flag: string,
    /** Milliseconds since the epoch when it ended; null: it lived until it was told to stop. */
    readonly end: Promise<number | null>,
  ) {}
  static async open(name: string, from: string, address: string, port: number): Promise<Held> {
    const flag = `/dev/shm/plumb-held-${process.pid}-${name}`;
    await node.spawner.run(['tee', flag], { stdin: '' });
    const script = `
    import socket, sys, time
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 4); s.recv(100); s.settimeout(1)
    n = 0
    try:
        while True:
            s.sendall(b'x')
            if not s.recv(1): raise OSError('closed')
            n += 1
            if n == 3: open(sys.argv[3], 'w').write('flows')
            if 'stop' in open(sys.argv[3]).read(): print('lived'); break
            time.sleep(0.01)
    except OSError as error: print(int(time.time() * 1000))
    `.replace(/^ {4}/gm, '');
    const argv = ['python3', '-c', script, address, `${port}`, flag];
    const end = node.spawner.run(argv, { netns: from, timeoutMs: 0 }).then(async ({ stdout }) => {
      await node.spawner.run(['rm', '-f', flag]);
      return stdout.trim() === 'lived' ? null : Number(stdout);
    });
    const held = new Held(flag, end);
    let failure: unknown = null;
    end.catch((error: unknown) => (failure = error));
    await until(async () => {
      if (failure !== null) throw failure;
      const { stdout } = await node.spawner.run(['cat', flag]);
      if (stdout !== 'flows') throw new Error(`no stream to ${address}:${port}`);
    });
    return held;
  }
  async stop(): Promise<number | null> {
    await node.spawner.run(['tee', this.flag], { stdin: 'stop' });
    const end = await this.end;
    await node.spawner.run(['rm', '-f', this.flag]);
    return end;
  }
}

beforeAll(async () => {
  node = await makeNode();
  driver = node.driver();
  await node.plug('vm-a', TENANT, '192.168.50.11/24', '192.168.50.1');
  await node.plug('vm-b', TENANT, '192.168.50.12/24', '192.168.50.1');
  await node.plug('vm-c', TENANT, '192.168.50.13/24', '192.168.50.1');
  await node.plug('outside', OUTSIDE, '192.168.1.67/24');
  for (const name of ['vm-a', 'vm-b', 'vm-c', 'outside']) serve(name);
  expect((await apply(full())).failed).toEqual([]);
  await node.wire(outsideDevice(idOf('81111111-81')), TENANT);
  await node.wire(outsideDevice(idOf('82222222-82')), OUTSIDE);
  await until(() => ping('vm-a', '192.168.50.1'));
  await until(() => tcp('outside', OWN, 5001));
});
afterAll(() => node.remove());

describe('packets by a forwarding', () => {
  it("the router's own address: an outside host opens TCP, and is seen by its own address", async () => {
    expect(await tcp('outside', OWN, 5001)).toBe('vm-a:22 sees 192.168.1.67');
    expect(await udp('outside', OWN, 9003)).toBe('vm-a:7003 sees 192.168.1.67');
    await expect(tcp('outside', OWN, 5002)).rejects.toThrow('refused');
  });

  it('one floating IP, two instances, TCP and UDP', async () => {
    expect(await tcp('outside', SHARED[1], 2222)).toBe('vm-a:22 sees 192.168.1.67');
    expect(await tcp('outside', SHARED[1], 2223)).toBe('vm-b:22 sees 192.168.1.67');
    expect(await udp('outside', SHARED[1], 53)).toBe('vm-b:5353 sees 192.168.1.67');
    await expect(tcp('outside', SHARED[1], 22)).rejects.toThrow('refused');
  });

  it('ranges, port by port: kept, shifted, and all to one', async () => {
    for (let n = 0; n < 5; n += 1) {
      expect(await tcp('outside', SHARED[1], 8000 + n)).toBe(`vm-a:${8000 + n} sees 192.168.1.67`);
      expect(await tcp('outside', SHARED[1], 9000 + n)).toBe(`vm-b:${7000 + n} sees 192.168.1.67`);
      expect(await tcp('outside', SHARED[1], 9100 + n)).toBe('vm-b:22 sees 192.168.1.67');
    }
    await expect(tcp('outside', SHARED[1], 8005)).rejects.toThrow('refused');
    await expect(tcp('outside', SHARED[1], 9005)).rejects.toThrow('refused');
  });

  it('two connections of one port of the caller to one port inside do not get in each other’s way', async () => {
    const one = await Held.open('one', 'outside', OWN, 5001);
    expect(await tcp('outside', SHARED[1], 2222, 40_001)).toBe('vm-a:22 sees 192.168.1.67');
    expect(await tcp('outside', OWN, 5001, 40_001)).toBe('vm-a:22 sees 192.168.1.67');
    expect(await one.stop()).toBe(null);
  });

  it('SCTP: its first packet comes to the shifted port', async () => {
    const heard = python(
      'vm-a',
      `
    import socket
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132); s.settimeout(5)
    p = s.recv(2000); ihl = (p[0] & 15) * 4
    print(socket.inet_ntoa(p[12:16]), int.from_bytes(p[ihl:ihl+2], 'big'), int.from_bytes(p[ihl+2:ihl+4], 'big'))
      `,
    );
    const send = `
    import socket, struct, sys
    def crc32c(data):
        c = 0xffffffff
        for b in data:
            c ^= b
            for _ in range(8): c = (c >> 1) ^ (0x82f63b78 if c & 1 else 0)
        return c ^ 0xffffffff
    init = struct.pack('>BBHIIHHI', 1, 0, 20, 0x1234, 65535, 1, 1, 1)
    head = struct.pack('>HHI', 5000, int(sys.argv[2]), 0)
    packet = head + struct.pack('<I', crc32c(head + bytes(4) + init)) + init
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 132).sendto(packet, (sys.argv[1], 0))
    `;
    let done = false;
    const sending = until(async () => {
      await python('outside', send, SHARED[1], '101');
      if (!done) throw new Error('not heard');
    }).catch(() => undefined);
    expect(await heard.finally(() => (done = true))).toBe('192.168.1.67 5000 201');
    await sending;
  });

  it('a protocol without ports: a ping of the floating IP is answered by the instance', async () => {
    await ping('outside', SHARED[1]);
    const { stdout } = await node.spawner.run(['conntrack', '-L', '-p', 'icmp', '--orig-dst', SHARED[1]], {
      netns: ROUTER,
    });
    expect(stdout).toContain('src=192.168.50.12');
  });

  it('from inside: a neighbour, the instance itself, the router', async () => {
    for (const from of ['vm-a', 'vm-b', 'vm-c', ROUTER]) {
      expect(await tcp(from, OWN, 5001)).toBe(`vm-a:22 sees ${OWN}`);
      expect(await tcp(from, SHARED[1], 2223)).toBe(`vm-b:22 sees ${OWN}`);
      expect(await udp(from, SHARED[1], 53)).toBe(`vm-b:5353 sees ${OWN}`);
      expect(await tcp(from, SHARED[1], 9002)).toBe(`vm-b:7002 sees ${OWN}`);
    }
  });

  it('what an instance begins itself leaves by the shared address', async () => {
    for (const from of ['vm-a', 'vm-b', 'vm-c'])
      expect(await tcp(from, '192.168.1.67', 80)).toBe(`outside:80 sees ${OWN}`);
  });

  it('no rule of it is on the host', async () => {
    const { stdout } = await node.spawner.run(['iptables-save']);
    expect(stdout).not.toContain('DNAT');
  });
});

/**
 * Of each stream, whether it ended within a second from now. On a machine so busy that the change itself takes longer, with the change: at most a fifth of a
 * second after it was made.
 */
function inTime() {
  const start = Date.now();
  return async (streams: readonly Held[]) => {
    const latest = Math.max(start + 1_000, Date.now() + 200);
    const ends = await Promise.all(streams.map(({ end }) => end));
    return ends.map((end) => (end !== null && end < latest ? 'in time' : `after ${(end ?? Infinity) - start} ms`));
  };
}

describe('a forwarding that changes or ends', () => {
  it('a stream through it ends within a second, its neighbours and those of the shared address live on', async () => {
    const gone = await Held.open('gone', 'outside', SHARED[1], 2222);
    const inRange = await Held.open('range', 'outside', SHARED[1], 8003);
    const neighbour = await Held.open('neighbour', 'outside', SHARED[1], 2223);
    const sameInstance = await Held.open('same', 'outside', OWN, 5001);
    const shared = await Held.open('shared', 'vm-a', '192.168.1.67', 80);
    const ends = inTime();
    const outcome = await apply(full().unforward('f2', 'c8', SHARED).unforward('f5', 'c8', SHARED));
    expect(outcome.failed).toEqual([]);
    for (const end of await ends([gone, inRange])) expect(end).toBe('in time');
    await expect(tcp('outside', SHARED[1], 2222)).rejects.toThrow('refused');
    for (const other of [neighbour, sameInstance, shared]) expect(await other.stop()).toBe(null);
    expect(outcome.statuses.filter(({ kind }) => kind === 'portforwarding')).toHaveLength(8);
    const { stdout } = await node.spawner.run(['iptables-save', '-t', 'nat'], { netns: ROUTER, reads: true });
    expect(endingsIn(rulesIn(dialect.tablesIn(stdout), 'nat'))).toEqual([]);
    expect((await apply(full())).failed).toEqual([]);
  });

  it('turned to the other instance, new connections go there and the old one ends', async () => {
    const old = await Held.open('old', 'outside', OWN, 5001);
    const ends = inTime();
    expect((await apply(full().forward('f1', 'c8', null, 'tcp', '5001>22', B, true))).failed).toEqual([]);
    expect(await ends([old])).toEqual(['in time']);
    expect(await tcp('outside', OWN, 5001)).toBe('vm-b:22 sees 192.168.1.67');
    await apply(full());
    expect(await tcp('outside', OWN, 5001)).toBe('vm-a:22 sees 192.168.1.67');
  });

  it('the last of a floating IP: the address goes, and its streams with it', async () => {
    const stream = await Held.open('last', 'outside', SHARED[1], 2223);
    const ends = inTime();
    expect((await apply(site())).failed).toEqual([]);
    expect(await ends([stream])).toEqual(['in time']);
    await expect(ping('outside', SHARED[1])).rejects.toThrow();
    await apply(full());
    await until(() => tcp('outside', SHARED[1], 2223));
  });

  it('a client that sent to the router all the time is heard as soon as there is a forwarding', async () => {
    await apply(site());
    const flag = `/dev/shm/plumb-udp-${process.pid}`;
    await node.spawner.run(['tee', flag], { stdin: '' });
    const answered = python(
      'outside',
      `
    import socket, sys, time
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 40002)); s.settimeout(0.02)
    for n in range(400):
        s.sendto(b'x', ('${OWN}', 9001))
        if n == 3: open('${flag}', 'w').write('sent')
        try: print(s.recv(1000).decode().strip()); break
        except OSError: time.sleep(0.01)
      `,
    );
    await until(async () => {
      if ((await node.spawner.run(['cat', flag])).stdout !== 'sent') throw new Error('not sent yet');
    });
    await apply(full());
    expect(await answered).toBe('vm-a:7001 sees 192.168.1.67');
    await node.spawner.run(['rm', '-f', flag]);
  });

  it('streams live through twenty restarts of the agent, which changes nothing', async () => {
    const streams = [await Held.open('r1', 'outside', OWN, 5001), await Held.open('r2', 'vm-c', SHARED[1], 9002)];
    const before = node.runner.mutations;
    for (let n = 0; n < 20; n += 1) {
      driver = node.driver();
      expect((await apply(full())).applied).toBe(0);
    }
    expect(node.runner.mutations).toBe(before);
    for (const stream of streams) expect(await stream.stop()).toBe(null);
  });

  it('its rules taken away by hand come back, and its streams do not notice', async () => {
    const stream = await Held.open('hand', 'outside', SHARED[1], 2223);
    const chain = `neutron-l3-agent-pf-f3000000`;
    await node.spawner.run(['iptables', '-t', 'nat', '-F', chain], { netns: ROUTER });
    const outcome = await apply(full());
    expect([outcome.failed, outcome.drift]).toEqual([[], expect.any(Number)]);
    expect(outcome.drift).toBeGreaterThan(0);
    expect(await tcp('outside', SHARED[1], 2223)).toBe('vm-b:22 sees 192.168.1.67');
    expect(await stream.stop()).toBe(null);
  });
});
