import { describe, expect, it } from '@jest/globals';
import { converge, L3Memory } from '@plumbline/l3-core';
import { forwardings, idOf, life, Story, tutorial } from '@plumbline/l3-core/testing';
import { FakeL3Host } from './testing/index.js';

type Convergence = Awaited<ReturnType<typeof converge>>;

const MAC = '02:00:00:00:00:99';
const ALONE = { touched: 'all', mayRemove: false, unverified: true } as const;
const VERIFIED = { touched: 'all', mayRemove: true, unverified: false } as const;

/** What a verified converge of the story makes of an empty node. */
async function dumpOf(story: Story, length?: number): Promise<string> {
  const host = new FakeL3Host();
  expect((await converge(story.view(length), host.driver(), VERIFIED)).failed).toEqual([]);
  return host.dump();
}

const statusOf = ({ statuses }: Convergence, head: string): unknown => statuses.find(({ id }) => id === idOf(head));
/** Addresses that were announced. */
/** IPv4 addresses in ARP frames. */
const announced = (host: FakeL3Host): string[] =>
  [...new Set(host.frames.flatMap(({ hex }) => (hex.slice(24, 28) === '0806' ? [hex.slice(56, 64)] : [])))].sort();

describe('a node that boots alone', () => {
  it('holds back exactly the floating IP that somebody answers for, says who, and adds it when he is gone', async () => {
    const host = new FakeL3Host();
    const driver = host.driver();
    const memory = new L3Memory();
    const story = tutorial();
    host.neighbours.set('10.16.161.52', MAC);
    const first = await converge(story.view(), driver, ALONE, memory);
    const reason = `10.16.161.52 is held back: ${MAC} answers for it, and no control plane has confirmed yet that it is ours`;
    expect(first.failed).toEqual([{ key: `floatingip/${idOf('72')}`, reason }]);
    expect(statusOf(first, '72')).toMatchObject({ status: 'ERROR', reason });
    expect(first.statuses.filter(({ status }) => status !== 'ACTIVE')).toHaveLength(1);
    expect(host.dump()).toBe(await dumpOf(story, story.log.length - 1));
    expect(host.asked).toEqual(['10.16.161.54', '10.16.161.51', '10.16.161.52']);
    expect(announced(host)).toEqual(['0a000001', '0a10a133', '0a10a136']);

    const touched = new Set([`floatingip/${idOf('72')}`] as const);
    const again = await converge(story.view(), driver, { ...ALONE, touched }, memory);
    expect([again.applied, again.drift, again.failed]).toEqual([0, 0, first.failed]);
    host.neighbours.clear();
    const last = await converge(story.view(), driver, { ...ALONE, touched }, memory);
    expect([last.failed, last.drift, statusOf(last, '72')]).toEqual([
      [],
      0,
      expect.objectContaining({ status: 'ACTIVE' }),
    ]);
    expect(host.dump()).toBe(await dumpOf(story));
    expect(announced(host)).toContain('0a10a134');
  });

  it('holds back the forwardings of an address that somebody answers for, and no others', async () => {
    const host = new FakeL3Host();
    const story = forwardings();
    host.neighbours.set('192.168.1.179', MAC);
    const first = await converge(story.view(), host.driver(), ALONE);
    const reason = expect.stringContaining(`192.168.1.179 is held back: ${MAC} answers for it`);
    expect(first.failed).toEqual([{ key: `portforwarding/${idOf('fe')}`, reason }]);
    expect(first.statuses.filter(({ status }) => status !== 'ACTIVE')).toEqual([
      { kind: 'portforwarding', id: idOf('fe'), position: expect.any(Number), status: 'ERROR', reason },
    ]);
    expect(host.asked).toEqual(['192.168.1.101', '192.168.1.178', '192.168.1.179']);
    expect(host.dump()).not.toContain('192.168.1.179');
    expect((await converge(story.view(), host.driver(), VERIFIED)).failed).toEqual([]);
    expect(host.dump()).toBe(await dumpOf(story));
  });

  it('asks for nothing that is there already, and for nothing at all once it is verified', async () => {
    const host = new FakeL3Host();
    const story = tutorial();
    for (const ip of ['10.16.161.51', '10.16.161.52', '10.16.161.54']) host.neighbours.set(ip, MAC);
    expect((await converge(story.view(), host.driver(), VERIFIED)).failed).toEqual([]);
    const again = await converge(story.view(), host.driver(), ALONE);
    expect([again.applied, again.failed, host.asked]).toEqual([0, [], []]);
  });

  it('takes what it held back as soon as the view is verified', async () => {
    const host = new FakeL3Host();
    const story = tutorial();
    const memory = new L3Memory();
    host.neighbours.set('10.16.161.52', MAC);
    await converge(story.view(), host.driver(), ALONE, memory);
    host.asked.splice(0);
    expect((await converge(story.view(), host.driver(), VERIFIED, memory)).failed).toEqual([]);
    expect([host.dump(), host.asked]).toEqual([await dumpOf(story), []]);
  });

  it("without the router's own address holds back its floating IPs too, and leaves the rest of it", async () => {
    const story = life();
    const length = story.log.findIndex(({ event }) => event.type === 'RouterRoutesSet');
    const host = new FakeL3Host();
    host.neighbours.set('203.0.113.9', MAC);
    const outcome = await converge(story.view(length), host.driver(), ALONE);
    const fips = ['75', '76'].map((id) => `floatingip/${idOf(id)}`);
    expect(outcome.failed.map(({ key }) => key)).toEqual([`port/${idOf('66666666-66')}`, ...fips]);
    expect(outcome.failed[1]?.reason).toBe(
      "198.51.100.75 is held back with the router's own outside address 203.0.113.9",
    );
    expect(statusOf(outcome, 'c4')).toMatchObject({ status: 'ERROR', reason: expect.stringContaining(MAC) });
    expect(statusOf(outcome, '55555555-55')).toMatchObject({ status: 'ACTIVE' });
    expect(statusOf(outcome, 'c5')).toMatchObject({ status: 'ACTIVE' });
    const netns = host.netns(idOf('c4'));
    expect(netns.links.get('qg-66666666-66')?.addresses).toEqual([{ address: '2001:db8:e::9/64', broadcast: null }]);
    expect(netns.links.get('qr-55555555-55')?.addresses.map(({ address }) => address)).toEqual(['10.1.0.1/24']);
    expect(JSON.stringify([...(netns.rules4.get('nat') ?? [])])).not.toMatch(/--to-(source|destination)/);
    host.neighbours.clear();
    expect((await converge(story.view(length), host.driver(), ALONE)).failed).toEqual([]);
    expect(host.dump()).toBe(await dumpOf(story, length));
  });

  it('asks for IPv6 addresses as well', async () => {
    const story = life();
    const length = story.log.findIndex(({ event }) => event.type === 'RouterRoutesSet');
    const host = new FakeL3Host();
    host.neighbours.set('2001:db8:e::9', MAC);
    const outcome = await converge(story.view(length), host.driver(), ALONE);
    expect(outcome.failed).toEqual([
      {
        key: `port/${idOf('66666666-66')}`,
        reason: expect.stringContaining(`2001:db8:e::9 is held back: ${MAC} answers`),
      },
    ]);
    expect(statusOf(outcome, '75')).toMatchObject({ status: 'ACTIVE' });
    const addresses = host
      .netns(idOf('c4'))
      .links.get('qg-66666666-66')
      ?.addresses.map(({ address }) => address);
    expect(addresses).toEqual(['203.0.113.9/24', '198.51.100.75/32', '203.0.113.76/32']);
  });

  it('believes no silence of a port that is not wired', async () => {
    const host = new FakeL3Host();
    const story = tutorial();
    host.unwired.add('tap22222222-22');
    const outcome = await converge(story.view(), host.driver(), ALONE);
    expect(outcome.failed).toHaveLength(3);
    expect(outcome.failed[0]?.reason).toContain('the OVS agent has not wired port tap22222222-22 yet');
    expect(host.asked).toEqual([]);
    host.unwired.clear();
    expect((await converge(story.view(), host.driver(), ALONE)).failed).toEqual([]);
    expect(host.dump()).toBe(await dumpOf(story));
  });

  it('holds back what could not be asked for, and the rest of the node is made', async () => {
    const host = new FakeL3Host();
    host.askFrames = () => Promise.reject(new Error('the helper is gone'));
    const outcome = await converge(tutorial().view(), host.driver(), ALONE);
    expect(outcome.failed.every(({ reason }) => reason.includes('the helper is gone'))).toBe(true);
    expect(statusOf(outcome, '11111111-11')).toMatchObject({ status: 'ACTIVE' });
    expect(host.netns(idOf('c1')).links.get('qg-22222222-22')?.addresses).toEqual([]);
  });
});
