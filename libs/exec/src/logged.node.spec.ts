import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CommandFailed, type LoggedPacket, run, Spawner } from './index.js';
import { makeNetns, type ScratchNetns } from './testing/index.js';

let spawner: Spawner;
let netns: ScratchNetns;
beforeAll(async () => {
  spawner = new Spawner();
  netns = await makeNetns('plumblog');
  await run(['ip', '-n', netns.name, 'link', 'set', 'lo', 'up']);
  for (const [tool, prefix] of [
    ['iptables', 'four'],
    ['ip6tables', 'six'],
  ] as const) {
    const action = ['-j', 'NFLOG', '--nflog-prefix', prefix, '--nflog-group', '7'];
    await run([tool, '-A', 'OUTPUT', '-p', 'udp', ...action], { netns: netns.name });
  }
});
afterAll(async () => {
  await spawner.close();
  await netns.remove();
});

describe('packets that rules tell of', () => {
  it('come with the prefix of their rule and an Ethernet header, no longer than wanted; and a second listener is told why not', async () => {
    const end = new AbortController();
    const options = { signal: end.signal, netns: netns.name };
    const heard: LoggedPacket[] = [];
    const following = spawner.followLogged({ group: 7, bytes: 40 }, (packet) => heard.push(packet), options);
    const SEND =
      'import socket, sys; [a, t] = sys.argv[1:]; socket.socket(socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_DGRAM).sendto(t.encode(), (a, 99))';
    const send = (address: string, text: string) => run(['python3', '-c', SEND, address, text], { netns: netns.name });
    for (const deadline = Date.now() + 10_000; heard.length === 0 && Date.now() < deadline;)
      await send('127.0.0.1', 'begun');
    heard.splice(0);
    await send('127.0.0.1', 'hello');
    await send('::1', 'a longer text than is wanted');
    for (const deadline = Date.now() + 10_000; Date.now() < deadline;) {
      if (heard.some(({ prefix }) => prefix === 'six')) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const four = heard.filter(({ prefix }) => prefix === 'four').at(-1)?.frame;
    const six = heard.find(({ prefix }) => prefix === 'six')?.frame;
    expect([four?.length, four?.readUInt16BE(12), four?.subarray(42).toString()]).toEqual([47, 0x0800, 'hello']);
    expect([six?.length, six?.readUInt16BE(12), six?.readUInt8(14)]).toEqual([54, 0x86dd, 0x60]);
    await expect(spawner.followLogged({ group: 7, bytes: 40 }, () => undefined, options)).rejects.toThrow(
      CommandFailed,
    );
    end.abort();
    await following;
  });
});
