/** An agent that dies at any moment of a change leaves no connection behind that is translated as the rules said before. */
import { describe, expect, it } from '@jest/globals';
import { converge, L3Memory } from '@plumbline/l3-core';
import { idOf, Story } from '@plumbline/l3-core/testing';
import { FakeL3Host } from './testing/index.js';

const OWN = '203.0.113.9';
const FLOATING = '203.0.113.79';
const ALL = { touched: 'all', mayRemove: true, unverified: false } as const;

const inside = (): Story =>
  new Story()
    .network('e9', '203.0.113.0/24', { external: true, gatewayIp: '203.0.113.1' })
    .network('a9', '10.9.0.0/24', { gatewayIp: '10.9.0.1' })
    .router('c9')
    .interface('c9', 'a9', '91111111-91', 'fa:16:3e:00:09:01', '10.9.0.1');
const site = (own = OWN): Story =>
  inside().gateway('c9', 'e9', '92222222-92', 'fa:16:3e:00:09:02', own).floatingIp('79', 'e9', FLOATING);
const associated = (fixed = '10.9.0.5'): Story => site().associate('79', FLOATING, fixed, 'ba9', 'c9');
const forwarded = (to = '10.9.0.5'): Story => site().forward('f9', 'c9', ['79', FLOATING], 'udp', '53>53', `${to}@d1`);
const withoutSnat = (): Story => {
  const gateway = { routerId: idOf('c9'), portId: idOf('92222222-92'), networkId: idOf('e9'), fixedIps: [] };
  return site().add({ type: 'RouterGatewaySet', version: 1, data: { ...gateway, enableSnat: false } });
};

const entry = (source: string, to: string, from: string, back: string, port = 7): string =>
  `udp      17 29 src=${source} dst=${to} sport=${port} dport=53 src=${from} dst=${back} sport=53 dport=${port} mark=0 use=1`;
const client = '198.51.100.7';
const outward = (as: string, port?: number): string => entry('10.9.0.5', client, client, as, port);
/** What was sent untranslated, begun anew as it is sent now, so that an answer that is under way finds its place taken. */
const begunAnew = (as: string): string =>
  `udp      17 30 src=10.9.0.5 dst=${client} sport=7 dport=53 [UNREPLIED] src=${client} dst=${as} sport=53 dport=7 mark=0 use=1`;
/** Of an instance that the change is not about. */
const beside = entry('10.9.0.8', client, client, OWN);

describe('an agent that dies at any moment', () => {
  it.each([
    ['a floating IP begins', site, associated, outward(OWN), outward(FLOATING, 8)],
    ['a floating IP ends', associated, site, entry(client, FLOATING, '10.9.0.5', client), beside],
    [
      'a floating IP goes to another instance',
      associated,
      () => associated('10.9.0.6'),
      entry(client, FLOATING, '10.9.0.5', client),
      beside,
    ],
    ['a forwarding begins', site, forwarded, entry(client, FLOATING, FLOATING, client), beside],
    [
      'a forwarding goes elsewhere',
      forwarded,
      () => forwarded('10.9.0.6'),
      entry(client, FLOATING, '10.9.0.5', client),
      beside,
    ],
    ['source NAT goes off', site, withoutSnat, outward(OWN), outward('10.9.0.5', 8)],
    ['source NAT comes on', withoutSnat, site, outward('10.9.0.5'), outward(OWN, 8), begunAnew(OWN)],
    [
      'a floating IP begins without source NAT',
      withoutSnat,
      () => withoutSnat().associate('79', FLOATING, '10.9.0.5', 'ba9', 'c9'),
      outward('10.9.0.5'),
      entry('10.9.0.8', client, client, '10.9.0.8'),
      begunAnew(FLOATING),
    ],
    ["the router's own address changes", site, () => site('203.0.113.10'), outward(OWN), outward('203.0.113.10', 8)],
    ['the gateway is cleared', site, inside, outward(OWN), entry('10.9.0.5', '10.9.0.1', '10.9.0.1', '10.9.0.5')],
  ] as const)('while %s', async (_what, before, after, old, right, ...anew) => {
    for (let moment = 1, died = true; died; moment += 1) {
      const host = new FakeL3Host();
      const alive = host.run.bind(host);
      expect((await converge(before().view(), host.driver(), ALL)).failed).toEqual([]);
      host.connections.push(old, right);
      const last = host.mutations + moment;
      died = false;
      host.run = (argv, options) => {
        if (host.mutations < last) return alive(argv, options);
        died = true;
        return Promise.reject(new Error('the agent is dead'));
      };
      await converge(after().view(), host.driver(), ALL).catch(() => undefined);
      host.run = alive;
      expect((await converge(after().view(), host.driver(), ALL, new L3Memory())).failed).toEqual([]);
      expect([moment, ...host.connections]).toEqual([moment, right, ...anew]);
      const mutations = host.mutations;
      expect((await converge(after().view(), host.driver(), ALL, new L3Memory())).applied).toBe(0);
      expect([host.mutations, ...host.connections]).toEqual([mutations, right, ...anew]);
    }
  });
});

describe('in a stream that never pauses', () => {
  /** An answer is under way, and comes behind the end of the connection and before its new beginning, as often as `times` says. */
  const answering = (host: FakeL3Host, times: number): void => {
    const run = host.run.bind(host);
    let left = times;
    host.run = async (argv, options) => {
      const [ends, ...others] = (options?.stdin ?? '').split('\n');
      if (argv.join(' ') !== 'conntrack -R -' || left === 0) return run(argv, options);
      left -= 1;
      const ended = await run(argv, { ...options, stdin: `${ends}\n` });
      host.connections.push(
        `udp      17 29 src=${client} dst=10.9.0.5 sport=53 dport=7 [UNREPLIED] src=10.9.0.5 dst=${client} sport=7 dport=53 mark=0 use=1`,
      );
      // What the kernel says of it: the connection that the answer began has the place.
      if (others.some((line) => line.startsWith('-I ')))
        return { ...ended, code: 1, stderr: 'conntrack: Operation failed: Such conntrack exists, try -U to update' };
      return ended;
    };
  };
  // From outside to the instance by itself: it is as it would be now, and stays.
  const inward = entry(client, '10.9.0.5', '10.9.0.5', client, 9);

  it.each([1, 2, 3, 12])('the next packets are translated though answers came first, %d times', async (times) => {
    const host = new FakeL3Host();
    const memory = new L3Memory();
    await converge(withoutSnat().view(), host.driver(), ALL, memory);
    host.connections.push(outward('10.9.0.5'), inward);
    answering(host, times);
    expect((await converge(site().view(), host.driver(), ALL, memory)).failed).toEqual([]);
    expect(host.connections).toEqual([inward, begunAnew(OWN)]);
  });

  it('what is only printed is printed once', async () => {
    const host = new FakeL3Host();
    const memory = new L3Memory();
    await converge(withoutSnat().view(), host.driver(), ALL, memory);
    host.connections.push(outward('10.9.0.5'));
    const run = host.run.bind(host);
    let printed = 0;
    host.run = async (argv, options) => {
      if (argv.join(' ') !== 'conntrack -R -') return run(argv, options);
      printed += 1;
      return { stdout: '', stderr: '', code: 0 };
    };
    expect((await converge(site().view(), host.driver(), ALL, memory)).failed).toEqual([]);
    expect(printed).toBe(1);
  });

  it('that they always come first is told, and tried again', async () => {
    const host = new FakeL3Host();
    const memory = new L3Memory();
    await converge(withoutSnat().view(), host.driver(), ALL, memory);
    host.connections.push(outward('10.9.0.5'));
    const run = host.run;
    answering(host, Infinity);
    const { failed } = await converge(site().view(), host.driver(), ALL, memory);
    expect(failed).toEqual([
      { key: `router/${idOf('c9')}`, reason: expect.stringContaining('1 connections that are older') },
    ]);
    host.run = run;
    host.connections.splice(0, Infinity, outward('10.9.0.5'));
    expect((await converge(site().view(), host.driver(), ALL, memory)).failed).toEqual([]);
    expect(host.connections).toEqual([begunAnew(OWN)]);
  });
});

it('a floating IP is announced before the connections that it ends: who waits for its address waits for no more', async () => {
  const host = new FakeL3Host();
  const memory = new L3Memory();
  await converge(site().view(), host.driver(), ALL, memory);
  host.connections.push(outward(OWN));
  const [run, before] = [host.run.bind(host), host.frames.length];
  const sentBefore: number[] = [];
  host.run = (argv, options) => {
    if (argv[0] === 'conntrack') sentBefore.push(host.frames.length - before);
    return run(argv, options);
  };
  expect((await converge(associated().view(), host.driver(), ALL, memory)).failed).toEqual([]);
  expect(host.connections).toEqual([]);
  // As a request and as a reply.
  expect(sentBefore[0]).toBe(2);
});

it('a link stays for a moment though its last connection was reset already: the reset may still be on its way through it', async () => {
  const host = new FakeL3Host();
  const memory = new L3Memory();
  await converge(site().view(), host.driver(), ALL, memory);
  const run = host.run.bind(host);
  let askedAt = Infinity;
  host.run = async (argv, options) => {
    if (argv.join(' ') !== 'conntrack -L -f ipv4 -p tcp') return run(argv, options);
    askedAt = performance.now();
    const stdout = `tcp      6 9 CLOSE src=10.9.0.5 dst=${client} sport=7 dport=7 src=${client} dst=10.9.0.5 sport=7 dport=7 mark=0 use=1\n`;
    return { stdout, stderr: '', code: 0 };
  };
  expect((await converge(new Story().view(), host.driver(), ALL, memory)).failed).toEqual([]);
  expect(performance.now() - askedAt).toBeGreaterThan(400);
  expect([...host.netnses]).toEqual([]);
});
