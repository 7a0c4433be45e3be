/**
 * Connections that are older than a translation, and those through a link that goes: what sends on is translated at once, what cannot go on is told so, and all
 * else stays as it is.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { converge, type Convergence, L3Memory, outsideDevice } from '@plumbline/l3-core';
import { idOf, Story } from '@plumbline/l3-core/testing';
import { NodeL3Driver } from './node-driver.js';
import { makeNode, ScratchNode } from './testing/index.js';

const TENANT = 11;
const OTHER = 13;
const OUTSIDE = 12;
const OUTSIDE_TOO = 14;
const OWN = '203.0.113.9';
const FLOATING = '203.0.113.79';
const OTHER_OWN = '203.0.113.10';
const ELSEWHERE = '198.51.100.9';
/** An address that the hosts of both external networks have. */
const ANYWHERE = '192.0.2.1';
const v1 = { version: 1 } as const;
const routerId = idOf('c9');
const inside = (): Story =>
  new Story()
    .network('e9', '203.0.113.0/24', { external: true, gatewayIp: '203.0.113.1' })
    .network('e8', '198.51.100.0/24', { external: true, gatewayIp: '198.51.100.1' })
    .network('a9', '10.9.0.0/24', { gatewayIp: '10.9.0.1' })
    .network('b9', '10.10.0.0/24', { gatewayIp: '10.10.0.1' })
    .router('c9')
    .interface('c9', 'a9', '91111111-91', 'fa:16:3e:00:09:01', '10.9.0.1')
    .interface('c9', 'b9', '93333333-93', 'fa:16:3e:00:09:03', '10.10.0.1');
const site = (own = OWN): Story =>
  inside().gateway('c9', 'e9', '92222222-92', 'fa:16:3e:00:09:02', own).floatingIp('79', 'e9', FLOATING);
const withoutSnat = (): Story => {
  const portId = idOf('92222222-92');
  const gateway = { routerId, portId, networkId: idOf('e9'), fixedIps: [], enableSnat: false };
  return site().add({ type: 'RouterGatewaySet', ...v1, data: gateway });
};
/** By another external network, with another port. */
const moved = (): Story =>
  inside().gateway('c9', 'e8', '94444444-94', 'fa:16:3e:00:09:04', ELSEWHERE).floatingIp('79', 'e9', FLOATING);
const associated = (): Story => site().associate('79', FLOATING, '10.9.0.5', 'ba9', 'c9');
const forwarded = (): Story => site().forward('f9', 'c9', ['79', FLOATING], 'udp', '53>53', '10.9.0.5@d1');
const withoutGateway = (): Story =>
  site().add({
    type: 'RouterGatewayCleared',
    ...v1,
    data: { routerId, portId: idOf('92222222-92'), networkId: idOf('e9') },
  });
const withoutInterface = (): Story =>
  site().add({
    type: 'RouterInterfaceRemoved',
    ...v1,
    data: { routerId, portId: idOf('93333333-93'), networkId: idOf('b9') },
  });
const deleted = (): Story => new Story();
const down = (): Story =>
  site().add({ type: 'RouterAttributesSet', ...v1, data: { routerId, set: { adminStateUp: false } } });

let node: ScratchNode;
let driver: NodeL3Driver;
const memory = new L3Memory();
async function apply(story: Story, view = story.view()): Promise<Convergence> {
  const outcome = await converge(view, driver, { touched: 'all', mayRemove: true, unverified: false }, memory);
  expect(outcome.failed).toEqual([]);
  return outcome;
}
/** The site as it was, and its ports wired. */
async function reset(): Promise<void> {
  await apply(site());
  for (const [port, tag] of [
    ['91111111-91', TENANT],
    ['93333333-93', OTHER],
    ['92222222-92', OUTSIDE],
  ] as const)
    await node.wire(outsideDevice(idOf(port)), tag);
  for (const from of ['vm', 'other'])
    await until(() => node.spawner.run(['ping', '-c', '1', '-W', '1', '203.0.113.1'], { netns: from }));
}
async function until(ask: () => Promise<unknown>): Promise<void> {
  for (const end = Date.now() + 20_000; ;)
    try {
      await ask();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
}

/** Echoes UDP on port 53 of the addresses given, from the one that was asked, with the sender's address, and on port 54 two seconds later; and TCP on port 7. */
const SERVE = `
import socket, sys, threading
def udp(u, after):
    while True:
        d, p = u.recvfrom(100)
        if after: threading.Timer(after, answer, (u, d, p)).start()
        else: answer(u, d, p)
def answer(u, d, p):
    try: u.sendto(p[0].encode() + b' ' + d, p)
    except OSError: pass # it came by an address that there is no way back to
for address in sys.argv[1:]:
    for port, after in (53, 0), (54, 2):
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind((address, port))
        threading.Thread(target=udp, args=(u, after), daemon=True).start()
t = socket.socket(); t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); t.bind(('0.0.0.0', 7)); t.listen(9)
def talk(c):
    try:
        while True:
            d = c.recv(100)
            if not d: break
            c.sendall(d)
    except OSError: pass
while True:
    c, _ = t.accept(); threading.Thread(target=talk, args=(c,), daemon=True).start()
`;
/**
 * A UDP client with one fixed port that never pauses. Once the server has seen the wanted address, or has answered for the first time, it asks 30 times more and
 * prints how many of these were lost, or came from elsewhere.
 */
const UDP = `
import socket, sys, time
where, port, wanted = sys.argv[1], int(sys.argv[2]), sys.argv[3]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', port)); s.settimeout(0.02)
n, end, reached, lost = 0, time.time() + 30, 0, 0
while time.time() < end and reached < 30:
    n += 1
    s.sendto(b'%d' % n, (where, 53))
    try: seen = s.recv(100).decode().split()[0]
    except OSError: seen = '-'
    if n == 10: open(sys.argv[4], 'w').write('flows')
    if reached == 0 and (n < 10 or seen != wanted): continue
    s.settimeout(3)
    reached += 1
    if seen != wanted: lost += 1
print('reached' if reached == 30 else 'never', lost)
`;
/** A UDP client with one fixed port that asks the late server, and again when it has the answer: it is silent while one is under way. */
const PATIENT = `
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', int(sys.argv[2]))); s.settimeout(4)
end, seen = time.time() + 40, ''
while time.time() < end and seen != sys.argv[3]:
    s.sendto(b'x', (sys.argv[1], 54))
    if seen == '': open(sys.argv[4], 'w').write('flows')
    try: seen = s.recv(100).decode().split()[0]
    except OSError: seen = '-'
print('reached' if seen == sys.argv[3] else 'never')
`;
/**
 * A TCP connection that says a word every 20 ms, also while the answer to the last one is missing (who only listens is told of no end), until it is told to stop, or
 * ends: `reset`, or 5 s without an answer: `hangs`.
 */
const TCP = `
import socket, sys, time
s = socket.create_connection((sys.argv[1], 7), 4); s.settimeout(0.1)
n, last = 0, time.time()
try:
    while True:
        s.sendall(b'x')
        try:
            s.recv(100) or sys.exit(print('closed'))
            n += 1; last = time.time()
            if n == 3: open(sys.argv[2], 'w').write('flows')
        except socket.timeout:
            if time.time() - last > 5: print('hangs'); break
        if 'stop' in open(sys.argv[2]).read(): print('lived'); break
        time.sleep(0.02)
except ConnectionError: print('reset')
except OSError as e: print(e)
`;
let count = 0;
class Client {
  private constructor(
    private readonly flag: string,
    readonly said: Promise<string>,
  ) {}
  /** Resolves when it has sent. */
  static async start(from: string, script: string, ...args: string[]): Promise<Client> {
    const flag = `/dev/shm/plumb-older-${process.pid}-${(count += 1)}`;
    await node.spawner.run(['tee', flag], { stdin: '' });
    const argv = ['python3', '-c', script, ...args, flag];
    const said = node.spawner.run(argv, { netns: from, timeoutMs: 60_000 }).then(({ stdout }) => stdout.trim());
    said.catch(() => undefined);
    await until(async () => {
      if ((await node.spawner.run(['cat', flag])).stdout !== 'flows') throw new Error('it does not send yet');
    });
    return new Client(flag, said);
  }
  async stop(): Promise<string> {
    await node.spawner.run(['tee', this.flag], { stdin: 'stop' });
    return this.end();
  }
  async end(): Promise<string> {
    const said = await this.said;
    await node.spawner.run(['rm', '-f', this.flag]);
    return said;
  }
}
const udp = (from: string, where: string, wanted: string): Promise<Client> =>
  Client.start(from, UDP, where, `${40_000 + count}`, wanted);
const patient = (from: string, where: string, wanted: string): Promise<Client> =>
  Client.start(from, PATIENT, where, `${40_000 + count}`, wanted);
const tcp = (from: string, where: string): Promise<Client> => Client.start(from, TCP, where);

beforeAll(async () => {
  node = await makeNode();
  driver = node.driver();
  await node.plug('vm', TENANT, '10.9.0.5/24', '10.9.0.1');
  await node.plug('near', TENANT, '10.9.0.6/24', '10.9.0.1');
  await node.plug('other', OTHER, '10.10.0.5/24', '10.10.0.1');
  await node.plug('outside', OUTSIDE, '203.0.113.1/24');
  await node.plug('elsewhere', OUTSIDE_TOO, '198.51.100.1/24');
  // Hosts that can be reached without source NAT.
  for (const [netns, via] of [
    ['outside', OWN],
    ['elsewhere', ELSEWHERE],
  ] as const) {
    await node.spawner.run(['ip', 'route', 'add', '10.0.0.0/8', 'via', via], { netns });
    await node.spawner.run(['ip', 'address', 'add', `${ANYWHERE}/32`, 'dev', 'lo'], { netns });
  }
  for (const [netns, ...addresses] of [
    ...['vm', 'near', 'other'].map((each) => [each, '0.0.0.0'] as const),
    ['outside', '203.0.113.1', ANYWHERE],
    ['elsewhere', '198.51.100.1', ANYWHERE],
  ] as const)
    void node.spawner.run(['python3', '-c', SERVE, ...addresses], { netns, timeoutMs: 0 }).catch(() => undefined);
  await reset();
});
afterAll(() => node.remove());

describe('a translation that begins reaches who sends already', () => {
  it('to a floating address before it was associated, and by an instance outward; neighbours are left alone', async () => {
    const inward = await udp('other', FLOATING, OWN);
    const outward = await udp('vm', '203.0.113.1', FLOATING);
    const broken = await tcp('vm', '203.0.113.1');
    const [near, across] = [await tcp('near', '203.0.113.1'), await tcp('vm', '10.10.0.5')];
    await apply(associated());
    expect([await inward.end(), await outward.end(), await broken.end()]).toEqual(['reached 0', 'reached 0', 'reset']);
    expect([await near.stop(), await across.stop()]).toEqual(['lived', 'lived']);
  });

  it('by the first forwarding of an address, and by one that was deleted and is made again', async () => {
    await reset();
    for (let turn = 1; turn <= 2; turn += 1) {
      const client = await udp('other', FLOATING, OWN);
      await apply(forwarded());
      expect(await client.end()).toBe('reached 0');
      await apply(site());
    }
  });

  it.each([
    ['source NAT that is switched off', site, withoutSnat, '10.9.0.5'],
    ['source NAT that is switched on', withoutSnat, site, OWN],
    ["another address of the router's own", site, () => site(OTHER_OWN), OTHER_OWN],
    ['a gateway by another external network', site, moved, ELSEWHERE],
  ] as const)('%s', async (_what, before, after, seen) => {
    await reset();
    await apply(before());
    const across = await tcp('vm', '10.10.0.5');
    const [flow, broken] = [await udp('vm', ANYWHERE, seen), await tcp('near', ANYWHERE)];
    await apply(after());
    if (after === moved) await node.wire(outsideDevice(idOf('94444444-94')), OUTSIDE_TOO);
    expect([await flow.end(), await broken.end()]).toEqual(['reached 0', 'reset']);
    expect(await across.stop()).toBe('lived');
  });

  it('source NAT that is switched on, though the server answers two seconds late', async () => {
    await reset();
    await apply(withoutSnat());
    const flow = await patient('vm', ANYWHERE, OWN);
    await apply(site());
    expect(await flow.end()).toBe('reached');
  });

  it('a gateway that is cleared and set again with another address', async () => {
    await reset();
    const flow = await udp('vm', ANYWHERE, OTHER_OWN);
    await apply(inside());
    await apply(site(OTHER_OWN));
    await node.wire(outsideDevice(idOf('92222222-92')), OUTSIDE);
    expect(await flow.end()).toBe('reached 0');
  });
});

describe('a link that goes resets the TCP connections through it', () => {
  it.each([
    ['the gateway is cleared', withoutGateway, 'vm', '203.0.113.1', '10.10.0.5'],
    ['an interface is removed', withoutInterface, 'vm', '10.10.0.5', '203.0.113.1'],
    ['the router is down', down, 'vm', '203.0.113.1', null],
    ['the router is deleted', deleted, 'vm', '10.10.0.5', null],
  ] as const)('%s', async (_what, story, from, through, beside) => {
    await reset();
    const gone = await tcp(from, through);
    const kept = beside && (await tcp(from, beside));
    await apply(story());
    expect(await gone.end()).toBe('reset');
    if (kept) expect(await kept.stop()).toBe('lived');
    const before = node.runner.mutations;
    await apply(story());
    expect(node.runner.mutations).toBe(before);
  });
});

describe('a router that moves to another node', () => {
  it('carries on there what passes it without translation: the node that it leaves resets nothing', async () => {
    await reset();
    const [stream, flow] = [await tcp('vm', '10.10.0.5'), await udp('other', '10.9.0.5', '10.10.0.5')];
    const elsewhere = new Story().view();
    elsewhere.elsewhere.add(`router/${routerId}`);
    await apply(new Story(), elsewhere);
    expect((await node.spawner.run(['ip', 'netns', 'list'])).stdout).not.toContain(routerId);
    // The other node: it knows no connection, and its links have the same addresses.
    await reset();
    expect([await stream.stop(), (await flow.end()).split(' ')[0]]).toEqual(['lived', 'reached']);
  });
});
