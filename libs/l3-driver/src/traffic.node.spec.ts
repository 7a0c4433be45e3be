import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { converge, type Convergence, L3Memory, netnsOf, outsideDevice } from '@plumbline/l3-core';
import { idOf, networkNode, Story } from '@plumbline/l3-core/testing';
import { makeNode, ScratchNode } from './testing/index.js';
import { NodeL3Driver } from './node-driver.js';

/** Tags as the log would have placed them. */
const OUTSIDE = 10;
const TENANT = 3;
const ROUTER = netnsOf(idOf('c2'));

let node: ScratchNode;
let driver: NodeL3Driver;
const memory = new L3Memory();

const apply = (story: Story): Promise<Convergence> =>
  converge(story.view(), driver, { touched: 'all', mayRemove: true, unverified: false }, memory);

/** Talks over TCP from one namespace to a port that echoes, `bytes` there and back, and says with which address the other side saw it. */
async function talk(from: string, address: string, bytes = 100_000): Promise<string> {
  const script = `
    import socket, sys
    s = socket.create_connection((sys.argv[1], 7000), 5)
    peer = s.recv(100).decode().strip()
    data = b'x' * int(sys.argv[2])
    s.sendall(data); s.shutdown(socket.SHUT_WR)
    got = 0
    while True:
        part = s.recv(65536)
        if not part: break
        got += len(part)
    assert got == len(data), got
    print(peer)
  `.replace(/^ {4}/gm, '');
  const argv = ['python3', '-c', script, address, String(bytes)];
  return (await node.spawner.run(argv, { netns: from, timeoutMs: 15_000 })).stdout.trim();
}

/** An echo server in a namespace: first tells the caller its address. Ends with the node's helper. */
function serve(netns: string): void {
  const script = `
    import socketserver
    class Echo(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall((self.client_address[0] + '\\n').encode().ljust(100))
            while True:
                part = self.request.recv(65536)
                if not part: break
                self.request.sendall(part)
    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
    Server(('0.0.0.0', 7000), Echo).serve_forever()
  `.replace(/^ {4}/gm, '');
  void node.spawner.run(['python3', '-c', script], { netns, timeoutMs: 0 }).catch(() => undefined);
}

const ping = (from: string, to: string): Promise<unknown> =>
  node.spawner.run(['ping', '-c', '1', '-W', '2', to], { netns: from });

/** Asks again until it is so, within five seconds. */
async function until(ask: () => Promise<unknown>): Promise<void> {
  for (const end = Date.now() + 5000; ;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

beforeAll(async () => {
  node = await makeNode();
  driver = node.driver();
  await node.plug('vm4', TENANT, '10.0.2.84/24', '10.0.2.1');
  await node.plug('vm5', TENANT, '10.0.2.85/24', '10.0.2.1');
  await node.plug('outside', OUTSIDE, '10.255.253.67/24');
  for (const name of ['vm4', 'vm5', 'outside']) serve(name);
  const outcome = await apply(networkNode());
  expect(outcome.failed).toEqual([]);
  await node.wire(outsideDevice(idOf('33333333-33')), TENANT);
  await node.wire(outsideDevice(idOf('44444444-44')), OUTSIDE);
  await until(() => ping('vm4', '10.0.2.1'));
  await until(() => ping('outside', '10.255.253.11'));
});
afterAll(() => node.remove());

describe('packets through a router on the userspace datapath', () => {
  it('an outside host pings and talks TCP to the floating IP, and is seen by its own address', async () => {
    await ping('outside', '10.255.253.84');
    expect(await talk('outside', '10.255.253.84')).toBe('10.255.253.67');
  });

  it('the instance goes out as its floating IP, its neighbour as the router', async () => {
    await ping('vm4', '10.255.253.67');
    expect(await talk('vm4', '10.255.253.67')).toBe('10.255.253.84');
    expect(await talk('vm5', '10.255.253.67')).toBe('10.255.253.11');
  });

  it('a neighbour reaches the floating IP from inside, and so does the instance itself', async () => {
    expect(await talk('vm5', '10.255.253.84')).toBe('10.255.253.11');
    expect(await talk('vm4', '10.255.253.84')).toBe('10.255.253.84');
  });

  it('the router itself reaches it, by TCP', async () => {
    // From outside in the sense of the NAT rules it is not: the router's own packets are translated in OUTPUT.
    expect(await talk(ROUTER, '10.255.253.84')).toBe('10.255.253.11');
    expect(await talk(ROUTER, '10.255.253.67')).toBe('10.255.253.11');
  });

  it('nobody reaches port 9697 of the router', async () => {
    const connect = 'import socket,sys; socket.create_connection((sys.argv[1], 9697), 0.5)';
    const listen = "import socket; s=socket.socket(); s.bind(('0.0.0.0', 9697)); s.listen(); s.accept()";
    void node.spawner.run(['python3', '-c', listen], { netns: ROUTER, timeoutMs: 0 }).catch(() => undefined);
    for (const [from, to] of [
      ['vm4', '10.0.2.1'],
      ['outside', '10.255.253.11'],
    ] as const)
      await expect(node.spawner.run(['python3', '-c', connect, to], { netns: from })).rejects.toThrow('timed out');
  });

  it('a stream survives twenty restarts of the agent; disassociated, it ends within a second and another lives on', async () => {
    const stream = (from: string, to: string): Promise<string> => {
      const script = `
        import socket, sys, time
        s = socket.create_connection((sys.argv[1], 7000), 5); s.recv(100); s.settimeout(1)
        last = time.time()
        try:
            while time.time() - last < 20:
                s.sendall(b'x'); s.recv(1); last = time.time(); time.sleep(0.01)
                if sys.argv[2] in open('/dev/shm/' + sys.argv[3]).read(): print('lived'); break
        except OSError as error: print('ended')
      `.replace(/^ {8}/gm, '');
      return node.spawner
        .run(['python3', '-c', script, to, 'stop', flag], { netns: from, timeoutMs: 0 })
        .then(({ stdout }) => stdout.trim());
    };
    const flag = `plumb-stream-${process.pid}`;
    const tell = (text: string): Promise<unknown> => node.spawner.run(['tee', `/dev/shm/${flag}`], { stdin: text });
    await tell('');
    const inward = stream('outside', '10.255.253.84');
    const other = stream('vm5', '10.255.253.67');
    const connected = async (): Promise<void> => {
      const { stdout } = await node.spawner.run(
        ['conntrack', '-L', '-p', 'tcp', '--dport', '7000', '--state', 'ESTABLISHED'],
        { netns: ROUTER },
      );
      if (stdout.trim().split('\n').length < 2) throw new Error(`not connected yet: ${stdout}`);
    };
    await until(connected);
    const before = node.runner.mutations;
    for (let n = 0; n < 20; n += 1) {
      driver = node.driver();
      expect((await apply(networkNode())).applied).toBe(0);
    }
    expect(node.runner.mutations).toBe(before);
    await connected();
    const gone = await apply(networkNode().disassociate('73', '10.255.253.84', '10.0.2.84', 'c2'));
    expect(gone.failed).toEqual([]);
    const start = Date.now();
    expect(await inward).toBe('ended');
    expect(Date.now() - start).toBeLessThan(2500);
    await tell('stop');
    expect(await other).toBe('lived');
    await node.spawner.run(['rm', '-f', `/dev/shm/${flag}`]);
    await expect(ping('outside', '10.255.253.84')).rejects.toThrow();
    await apply(networkNode());
    await until(() => talk('outside', '10.255.253.84'));
  });

  it.each<[string, () => Promise<unknown>]>([
    ['its namespace was deleted', () => node.spawner.run(['ip', 'netns', 'del', ROUTER])],
    ['a device was deleted', () => node.spawner.run(['ip', 'link', 'del', outsideDevice(idOf('44444444-44'))])],
  ])('packets pass again after %s: the switch opens the new devices', async (_name, harm) => {
    await harm();
    const mended = await apply(networkNode());
    expect(mended.failed).toEqual([]);
    expect((await apply(networkNode())).applied).toBe(0);
    await node.wire(outsideDevice(idOf('33333333-33')), TENANT);
    await node.wire(outsideDevice(idOf('44444444-44')), OUTSIDE);
    await until(() => talk('outside', '10.255.253.84'));
    await until(() => talk('vm5', '10.255.253.67'));
  });
});
