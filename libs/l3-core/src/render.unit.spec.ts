import { describe, expect, it } from '@jest/globals';
import { render, Rendered } from './render.js';
import { dialect } from './dialects/index.js';
import { editsFor } from './rule-diff.js';
import { RouterState } from './state.js';
import { idOf, life, networkNode, Story, tutorial } from './testing/index.js';

const v1 = { version: 1 } as const;
const rendered = (story: Story, router: string): Rendered => {
  const found = render(story.view(), { userspace: true }).get(idOf(router));
  if (!found) throw new Error('not rendered');
  return found;
};
const stateOf = (story: Story, router: string): RouterState => {
  const found = rendered(story, router);
  if (found.kind !== 'present') throw new Error(`not rendered: ${found.kind}`);
  return found.state;
};
/** The nat table as iptables-restore gets it for an empty namespace. */
const nat = (state: RouterState): string => {
  const lines = dialect.inputOf(editsFor(state.rules4, new Map(), true));
  return lines.slice(lines.indexOf('*nat')).join('\n');
};

describe('scenario A', () => {
  it('two floating IPs on one router', () => {
    expect(nat(stateOf(tutorial(), 'c1'))).toBe(`*nat
:neutron-l3-agent-OUTPUT - [0:0]
:neutron-l3-agent-POSTROUTING - [0:0]
:neutron-l3-agent-PREROUTING - [0:0]
:neutron-l3-agent-float-snat - [0:0]
:neutron-l3-agent-snat - [0:0]
:neutron-postrouting-bottom - [0:0]
-A neutron-l3-agent-OUTPUT -d 10.16.161.51/32 -m comment --comment "plumb:14" -j DNAT --to-destination 10.0.0.3
-A neutron-l3-agent-OUTPUT -d 10.16.161.52/32 -m comment --comment "plumb:16" -j DNAT --to-destination 10.0.0.4
-A neutron-l3-agent-POSTROUTING ! -o qg-22222222-22 -m conntrack ! --ctstate DNAT -m comment --comment "plumb:12" -j ACCEPT
-A neutron-l3-agent-PREROUTING -d 10.16.161.51/32 -m comment --comment "plumb:14" -j DNAT --to-destination 10.0.0.3
-A neutron-l3-agent-PREROUTING -d 10.16.161.52/32 -m comment --comment "plumb:16" -j DNAT --to-destination 10.0.0.4
-A neutron-l3-agent-float-snat -s 10.0.0.3/32 -m comment --comment "plumb:14" -j SNAT --to-source 10.16.161.51 --random-fully
-A neutron-l3-agent-float-snat -s 10.0.0.4/32 -m comment --comment "plumb:16" -j SNAT --to-source 10.16.161.52 --random-fully
-A neutron-l3-agent-snat -m comment --comment "plumb:8" -j neutron-l3-agent-float-snat
-A neutron-l3-agent-snat -o qg-22222222-22 -m comment --comment "plumb:12" -j SNAT --to-source 10.16.161.54 --random-fully
-A neutron-l3-agent-snat -m mark ! --mark 0x2/0xffff -m conntrack --ctstate DNAT -m comment --comment "plumb:12" -j SNAT --to-source 10.16.161.54 --random-fully
-A neutron-postrouting-bottom -m comment --comment "plumb:8" -j neutron-l3-agent-snat
-I PREROUTING 1 -m comment --comment "plumb:8" -j neutron-l3-agent-PREROUTING
-I OUTPUT 1 -m comment --comment "plumb:8" -j neutron-l3-agent-OUTPUT
-I POSTROUTING 1 -m comment --comment "plumb:8" -j neutron-l3-agent-POSTROUTING
-A POSTROUTING -m comment --comment "plumb:8" -j neutron-postrouting-bottom
COMMIT`);
  });

  it('floating IP rules appear with the association; all else is there with the router', () => {
    const story = tutorial();
    const before = render(story.view(13), { userspace: true }).get(idOf('c1'));
    const after = render(story.view(14), { userspace: true }).get(idOf('c1'));
    if (before?.kind !== 'present' || after?.kind !== 'present') throw new Error('not rendered');
    const had = new Set(nat(before.state).split('\n'));
    const added = nat(after.state)
      .split('\n')
      .filter((line) => !had.has(line));
    expect(added.every((line) => line.includes('10.16.161.51'))).toBe(true);
    expect(added).toHaveLength(3);
  });
});

describe('scenario B', () => {
  it('filter: top before the agent, port 9697 closed, interfaces kept apart', () => {
    const lines = dialect.inputOf(editsFor(stateOf(networkNode(), 'c2').rules4, new Map(), true));
    const start = lines.indexOf('*filter');
    expect(lines.slice(start, lines.indexOf('COMMIT', start)).join('\n')).toBe(`*filter
:neutron-filter-top - [0:0]
:neutron-l3-agent-FORWARD - [0:0]
:neutron-l3-agent-INPUT - [0:0]
:neutron-l3-agent-OUTPUT - [0:0]
:neutron-l3-agent-local - [0:0]
:neutron-l3-agent-scope - [0:0]
-A neutron-filter-top -m comment --comment "plumb:8" -j neutron-l3-agent-local
-A neutron-l3-agent-FORWARD -m comment --comment "plumb:8" -j neutron-l3-agent-scope
-A neutron-l3-agent-INPUT -p tcp -m tcp --dport 9697 -m comment --comment "plumb:8" -j DROP
-A neutron-l3-agent-scope -o qr-33333333-33 -m mark ! --mark 0x4000000/0xffff0000 -m comment --comment "plumb:10" -j DROP
-I INPUT 1 -m comment --comment "plumb:8" -j neutron-l3-agent-INPUT
-I FORWARD 1 -m comment --comment "plumb:8" -j neutron-filter-top
-I FORWARD 2 -m comment --comment "plumb:8" -j neutron-l3-agent-FORWARD
-I OUTPUT 1 -m comment --comment "plumb:8" -j neutron-filter-top
-I OUTPUT 2 -m comment --comment "plumb:8" -j neutron-l3-agent-OUTPUT`);
  });
});

describe('a router', () => {
  it('both families, extra routes, an outside subnet that is on link', () => {
    const length = life().log.findIndex(({ event }) => event.type === 'RouterRoutesSet') + 1;
    const found = render(life().view(length), { userspace: false }).get(idOf('c4'));
    if (found?.kind !== 'present') throw new Error('not rendered');
    expect(found.state.routes).toEqual([
      { version: 4, destination: '198.51.100.0/24', via: null, device: 'qg-66666666-66' },
      { version: 4, destination: 'default', via: '203.0.113.1', device: 'qg-66666666-66' },
      { version: 4, destination: '172.16.0.0/16', via: '10.1.0.200', device: 'qr-55555555-55' },
      { version: 6, destination: 'default', via: '2001:db8:e::1', device: 'qg-66666666-66' },
    ]);
    expect(found.state.links.map((link) => link.addresses.map(({ address }) => address))).toEqual([
      ['203.0.113.9/24', '2001:db8:e::9/64', '198.51.100.75/32', '203.0.113.76/32'],
      ['10.1.0.1/24'],
      ['2001:db8:a::1/64'],
    ]);
    expect(found.state.links.every((link) => link.txChecksum)).toBe(true);
  });

  it('a gateway that is not on link is made so by a route of its own', () => {
    const story = new Story()
      .network('e7', '192.0.2.0/28', { external: true, gatewayIp: '198.18.0.1' })
      .router('c7')
      .gateway('c7', 'e7', '99999999-99', 'fa:16:3e:00:00:09', '192.0.2.3');
    expect(stateOf(story, 'c7').routes).toEqual([
      { version: 4, destination: '198.18.0.1/32', via: null, device: 'qg-99999999-99' },
      { version: 4, destination: 'default', via: '198.18.0.1', device: 'qg-99999999-99' },
    ]);
  });

  it('a name or a description changes nothing of what is rendered', () => {
    const story = networkNode();
    const before = stateOf(story, 'c2');
    const set = { name: 'other', description: 'words' };
    story.add(
      { type: 'RouterAttributesSet', ...v1, data: { routerId: idOf('c2'), set } },
      { type: 'PortAttributesSet', ...v1, data: { portId: idOf('33333333-33'), set } },
      { type: 'NetworkAttributesSet', ...v1, data: { networkId: idOf('a2'), set } },
      { type: 'FloatingIpAttributesSet', ...v1, data: { floatingIpId: idOf('73'), set: { description: 'words' } } },
    );
    expect(stateOf(story, 'c2')).toEqual(before);
  });

  it('without source NAT only floating IPs are translated, and the hairpin stays', () => {
    const story = networkNode();
    story.add({
      type: 'RouterGatewaySet',
      ...v1,
      data: {
        routerId: idOf('c2'),
        portId: idOf('44444444-44'),
        networkId: idOf('e2'),
        fixedIps: [],
        enableSnat: false,
      },
    });
    const text = nat(stateOf(story, 'c2'));
    expect(text).not.toContain('-o qg-44444444-44 -m comment --comment "plumb:15" -j SNAT');
    expect(text).toContain('--ctstate DNAT -m comment --comment "plumb:15" -j SNAT --to-source 10.255.253.11');
    expect(text).toContain('-s 10.0.2.84/32');
  });

  it('down, frozen or short of an object it needs, it is not rendered', () => {
    const down = networkNode().add({
      type: 'RouterAttributesSet',
      ...v1,
      data: { routerId: idOf('c2'), set: { adminStateUp: false } },
    });
    expect(rendered(down, 'c2').kind).toBe('down');
    const view = networkNode().view();
    view.frozen.set(`floatingip/${idOf('73')}`, { position: 99, type: 'FloatingIpTeleported', version: 1 });
    expect(render(view, { userspace: true }).get(idOf('c2'))).toMatchObject({
      kind: 'frozen',
      frozenBy: `floatingip/${idOf('73')}`,
    });
    const short = networkNode().view();
    short.objects.delete(`subnet/${idOf('ba2')}`);
    expect(render(short, { userspace: true }).get(idOf('c2'))).toMatchObject({
      kind: 'incomplete',
      reason: expect.stringContaining(`subnet ${idOf('ba2')} of router port ${idOf('33333333-33')}`),
    });
  });
});
