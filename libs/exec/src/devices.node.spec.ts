import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Spawner, run } from './index.js';
import { makeNetns, type ScratchNetns } from './testing/index.js';

let spawner: Spawner;
let netns: ScratchNetns;
beforeAll(async () => {
  spawner = new Spawner();
  netns = await makeNetns('plumbdev');
  const pair = 'link add one up type veth peer name two\nlink set two up\n';
  await run(['ip', '-n', netns.name, '-batch', '-'], { stdin: pair });
});
afterAll(async () => {
  await spawner.close();
  await netns.remove();
});

describe('devices, without a program for each', () => {
  it('sets and reads transmit checksum offload as ethtool does', async () => {
    const inside = { netns: netns.name };
    expect(await spawner.readTxChecksum(['one', 'two', 'none'], inside)).toEqual(
      new Map([
        ['one', true],
        ['two', true],
      ]),
    );
    await spawner.setTxChecksum(['one'], false, inside);
    expect((await run(['ethtool', '-k', 'one'], inside)).stdout).toContain('\ntx-checksumming: off');
    expect(await spawner.readTxChecksum(['one', 'two'], inside)).toEqual(
      new Map([
        ['one', false],
        ['two', true],
      ]),
    );
    await expect(spawner.setTxChecksum(['none', 'two'], false, inside)).rejects.toThrow('none=0 (ENODEV');
    expect((await spawner.readTxChecksum(['two'], inside)).get('two')).toBe(false);
  });

  it('sends frames as they are given', async () => {
    const inside = { netns: netns.name };
    const frame = Buffer.concat([Buffer.from('ffffffffffff02000000000188b5', 'hex'), Buffer.alloc(86, 7)]);
    const received = async (): Promise<number> => {
      const links: unknown = JSON.parse(
        (await run(['ip', '-n', netns.name, '-s', '-j', 'link', 'show', 'two'])).stdout,
      );
      return (links as { stats64: { rx: { bytes: number } } }[])[0]?.stats64.rx.bytes ?? 0;
    };
    const before = await received();
    const one = { ...inside, device: 'one', frame };
    await spawner.sendFrames([one, one]);
    expect((await received()) - before).toBeGreaterThanOrEqual(200);
    await expect(spawner.sendFrames([{ ...one, device: 'none' }, one])).rejects.toThrow('ENODEV');
    expect((await received()) - before).toBeGreaterThanOrEqual(300);
  });
});

describe('settings of many namespaces, by one child', () => {
  it('are all tried, each where it belongs; what is refused is told by namespace', async () => {
    const other = await makeNetns('plumbdev2');
    try {
      await run(['ip', '-n', other.name, 'link', 'add', 'one', 'type', 'veth', 'peer', 'name', 'two']);
      const key = 'net/ipv4/conf/one/arp_ignore';
      const outcomes = await spawner.setEach([
        { netns: netns.name, sysctls: { [key]: '1', 'net/ipv4/conf/none/arp_ignore': '1' }, txChecksum: { one: true } },
        { netns: 'plumbdev-nowhere', sysctls: { [key]: '1' } },
        { netns: other.name, sysctls: { [key]: '2' }, txChecksum: { one: false, none: false } },
        { netns: netns.name, sysctls: { 'net/ipv4/conf/two/arp_ignore': '3' } },
        { netns: other.name },
      ]);
      expect(outcomes.map((each) => each?.message.replace(/^[^:]*: /, '') ?? null)).toEqual([
        expect.stringMatching(/^net\/ipv4\/conf\/none\/arp_ignore=1 \(ENOENT/),
        expect.stringMatching(/the namespace could not be entered \(ENOENT/),
        expect.stringMatching(/^none=0 \(ENODEV/),
        null,
        null,
      ]);
      const values = async (of: string): Promise<unknown> => [
        ...(await spawner.readSysctls([key, 'net/ipv4/conf/two/arp_ignore'], { netns: of })).values(),
        (await spawner.readTxChecksum(['one'], { netns: of })).get('one'),
      ];
      expect(await values(netns.name)).toEqual(['1', '3', true]);
      expect(await values(other.name)).toEqual(['2', '0', false]);
    } finally {
      await other.remove();
    }
  });
});

describe('a helper started elsewhere', () => {
  it('runs its commands there: in a network and mount namespace of its own', async () => {
    const prepare = 'mount -t tmpfs -o mode=755 tmpfs /run && exec "$@"';
    const there = new Spawner({ under: ['unshare', '--net', '--mount', '--', 'sh', '-c', prepare, 'sh'] });
    try {
      await there.run(['ip', 'netns', 'add', netns.name]);
      expect((await there.run(['ip', 'netns', 'list'])).stdout.trim()).toBe(netns.name);
      expect((await there.run(['ip', '-br', 'link'], { netns: netns.name })).stdout).not.toContain('one');
      expect((await run(['ip', '-n', netns.name, '-br', 'link'])).stdout).toContain('one');
    } finally {
      await there.close();
    }
  });
});
