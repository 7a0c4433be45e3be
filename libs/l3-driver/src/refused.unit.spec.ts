/** When the kernel refuses something, only what needs it is harmed, and the reason is told of the object it belongs to and of no other. */
import { describe, expect, it } from '@jest/globals';
import { converge, type Convergence, L3Memory } from '@plumbline/l3-core';
import { idOf, life } from '@plumbline/l3-core/testing';
import { FakeL3Host } from './testing/index.js';

const story = life();
/** Two routers with all there is: `c4` has both families, an extra route and two floating IPs. */
const length = story.log.findIndex(({ event }) => event.type === 'RouterRoutesSet') + 1;
const view = story.view(length);
const ALL = { touched: 'all', mayRemove: true, unverified: false } as const;
const router = `router/${idOf('c4')}`;
const inside4 = `port/${idOf('55555555-55')}`;
const inside6 = `port/${idOf('55555556-55')}`;
const gateway = `port/${idOf('66666666-66')}`;
const floating = [`floatingip/${idOf('75')}`, `floatingip/${idOf('76')}`];

/** What is refused, in which words; who is in error, to blame first; what is said of that one. */
const CASES: readonly (readonly [
  what: string,
  refused: RegExp,
  words: string,
  ill: readonly string[],
  said: string,
])[] = [
  [
    'a route',
    /^route replace 172\.16\.0\.0\/16 /,
    'Error: Nexthop has invalid gateway.',
    [router],
    'route 172.16.0.0/16 via 10.1.0.200: Error: Nexthop has invalid gateway.',
  ],
  [
    'a floating address',
    /^address replace 203\.0\.113\.76\/32 /,
    'RTNETLINK answers: No buffer space available',
    [`floatingip/${idOf('76')}`],
    'address 203.0.113.76/32 on qg-66666666-66: RTNETLINK answers: No buffer space available',
  ],
  [
    'the address of an interface, and so its route',
    /^address replace 10\.1\.0\.1\/24 /,
    'RTNETLINK answers: Permission denied',
    [inside4, router],
    'address 10.1.0.1/24 on qr-55555555-55: RTNETLINK answers: Permission denied',
  ],
  [
    'an IPv6 address',
    /^address replace 2001:db8:a::1\/64 /,
    'RTNETLINK answers: Permission denied',
    [inside6],
    'address 2001:db8:a::1/64 on qr-55555556-55: RTNETLINK answers: Permission denied',
  ],
  [
    "a router's parameter",
    new RegExp(`^qrouter-${idOf('c4')} net/ipv4/conf/all/arp_ignore$`),
    'Read-only file system',
    [router],
    'kernel parameter net/ipv4/conf/all/arp_ignore: Read-only file system',
  ],
  [
    "a device's parameter",
    / net\/ipv6\/conf\/qr-55555555-55\/accept_ra$/,
    'No such file or directory',
    [inside4],
    'kernel parameter net/ipv6/conf/qr-55555555-55/accept_ra: No such file or directory',
  ],
  [
    'a link that will not come up, and what is on it',
    /^link set qr-55555555-55 address /,
    'RTNETLINK answers: Cannot assign requested address',
    [inside4, router],
    'link qr-55555555-55: RTNETLINK answers: Cannot assign requested address',
  ],
  [
    'the parameter that keeps the node silent on a link',
    /^ net\/ipv6\/conf\/tap55555556-55\/disable_ipv6$/,
    'No such file or directory',
    [inside6],
    'link tap55555556-55: No such file or directory',
  ],
  [
    'a link of the gateway, and all that goes in and out by it',
    /^link add tap66666666-66 /,
    'RTNETLINK answers: No space left on device',
    [gateway, router, ...floating],
    'link qg-66666666-66: RTNETLINK answers: No space left on device',
  ],
  [
    'the namespace',
    new RegExp(`^netns add qrouter-${idOf('c4')}`),
    'Cannot create namespace file: No space left on device',
    [router, inside4, inside6, gateway, ...floating],
    `namespace qrouter-${idOf('c4')}: Cannot create namespace file: No space left on device`,
  ],
  [
    'the IPv6 rules',
    /^\*mangle[^]*-i qr-55555556-55 /,
    'ip6tables-restore: line 4 failed',
    [router, inside6, gateway],
    'IPv6 rules: ',
  ],
];

const bad = ({ statuses }: Convergence): string[] =>
  statuses.filter(({ status }) => status === 'ERROR').map(({ kind, id }) => `${kind}/${id}`);

describe.each(CASES)('%s is refused', (_what, refused, words, ill, said) => {
  it('and harms only what needs it, says so of the object it belongs to, and heals', async () => {
    const host = new FakeL3Host();
    const memory = new L3Memory();
    const driver = host.driver();
    host.refusals.push([refused, words]);
    const first = await converge(view, driver, ALL, memory);
    expect(bad(first).sort()).toEqual([...ill].sort());
    expect(first.failed).toEqual([{ key: ill[0], reason: expect.stringContaining(said) }]);
    const [kind, id] = (ill[0] ?? '').split('/');
    expect(first.statuses.find((each) => each.kind === kind && each.id === id)?.reason).toContain(said);
    for (const { reason } of first.statuses) expect(reason ?? '').not.toMatch(/[{}]|"op"/);

    // Tried again and refused again, and nothing else is touched.
    const before = host.dump();
    const again = await converge(view, driver, ALL, memory);
    expect([again.applied, again.failed, again.drift, host.dump()]).toEqual([0, first.failed, 0, before]);

    host.refusals.splice(0);
    expect((await converge(view, driver, ALL, memory)).failed).toEqual([]);
    const whole = new FakeL3Host();
    await converge(view, whole.driver(), ALL);
    expect(host.dump()).toBe(whole.dump());
  });
});

describe('a router with a refused route', () => {
  it('has all else in place, and what goes is taken away', async () => {
    const host = new FakeL3Host();
    const memory = new L3Memory();
    const driver = host.driver();
    host.refusals.push([/^route replace 172\.16\.0\.0\/16 /, 'Error: Nexthop has invalid gateway.']);
    for (const { position } of story.log.slice(0, length))
      await converge(story.view(position), driver, { ...ALL, touched: story.touched(position) }, memory);
    const netns = host.netns(idOf('c4'));
    const whole = new FakeL3Host();
    await converge(view, whole.driver(), ALL);
    const theirs = whole.netns(idOf('c4'));
    expect(netns.routes).toEqual(theirs.routes.filter(({ destination }) => destination !== '172.16.0.0/16'));
    expect([...netns.rules4]).toEqual([...theirs.rules4]);
    expect(host.ended).toEqual([]);
    // The floating IP leaves: its rules, connections and address go though the route is still refused.
    const gone = story.log.findIndex(({ event }) => event.type === 'FloatingIpDisassociated') + 1;
    for (let position = length + 1; position <= gone; position += 1)
      await converge(story.view(position), driver, { ...ALL, touched: story.touched(position) }, memory);
    expect([...netns.links.values()].flatMap(({ addresses }) => addresses.map(({ address }) => address))).not.toContain(
      '198.51.100.75/32',
    );
    expect(host.ended).toContain(`qrouter-${idOf('c4')} 198.51.100.75`);
  });
});
