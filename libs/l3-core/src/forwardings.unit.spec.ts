import { describe, expect, it } from '@jest/globals';
import { dialect } from './dialects/index.js';
import { endingsIn, endingText, notesOf, withNotes } from './endings.js';
import { forwardingsIn } from './forwardings.js';
import { observedAs, planRouter } from './plan.js';
import { render, Rendered } from './render.js';
import { editsFor } from './rule-diff.js';
import { rulesIn, savedFrom } from './rule-lines.js';
import { RuleBody, Table } from './rule.js';
import { forwardings, idOf, reference, Story } from './testing/index.js';

type Present = Extract<Rendered, { kind: 'present' }>;
const present = (story: Story, router: string, length?: number): Present => {
  const rendered = render(story.view(length), { userspace: true }).get(idOf(router));
  if (rendered?.kind !== 'present') throw new Error(`not rendered: ${rendered?.kind}`);
  return rendered;
};
/** Rules of the nat table that are there for forwardings. */
const nat = ({ state }: Present): string[] => {
  const lines = dialect.inputOf(editsFor(state.rules4, new Map(), true));
  return lines.slice(lines.indexOf('*nat')).filter((line) => /(fip|gw)-pf|-pf-/.test(line));
};
const SHARED = ['78', '192.168.1.178'] as const;

describe('the rules of a forwarding', () => {
  it("the reference's own, in its chains", () => {
    expect(nat(present(reference(), '81d9fe72'))).toEqual([
      ':neutron-l3-agent-fip-pf - [0:0]',
      ':neutron-l3-agent-pf-ce1a0410 - [0:0]',
      '-A neutron-l3-agent-OUTPUT -m comment --comment "plumb:8" -j neutron-l3-agent-fip-pf',
      '-A neutron-l3-agent-PREROUTING -m comment --comment "plumb:8" -j neutron-l3-agent-fip-pf',
      '-A neutron-l3-agent-fip-pf -m comment --comment "plumb:16" -j neutron-l3-agent-pf-ce1a0410',
      '-A neutron-l3-agent-pf-ce1a0410 -d 10.200.2.182/32 -p tcp -m tcp --dport 2222 -m comment --comment "plumb:16" -j DNAT --to-destination 192.168.7.101:22',
    ]);
  });

  it('every protocol, ranges that keep their ports, that are shifted, that end in one port; the own address in a chain beside', () => {
    const story = forwardings();
    const changed = story.log.findIndex(({ event }) => event.type === 'PortForwardingChanged');
    const dnat = nat(present(story, 'c8', changed)).filter((line) => line.includes('-j DNAT'));
    expect(
      dnat.map((line) => line.replace(/-A neutron-l3-agent-pf-(..)\S* /, '$1: ').replace(/-m comment \S+ \S+ /, '')),
    ).toEqual([
      'f1: -d 192.168.1.100/32 -p tcp -m tcp --dport 5001 -j DNAT --to-destination 192.168.50.11:22',
      'f2: -d 192.168.1.178/32 -p tcp -m tcp --dport 2222 -j DNAT --to-destination 192.168.50.11:22',
      'f3: -d 192.168.1.178/32 -p tcp -m tcp --dport 2223 -j DNAT --to-destination 192.168.50.12:22',
      'f4: -d 192.168.1.178/32 -p udp -m udp --dport 2222 -j DNAT --to-destination 192.168.50.12:53',
      'f5: -d 192.168.1.178/32 -p tcp -m tcp --dport 8000:8010 -j DNAT --to-destination 192.168.50.11',
      'f6: -d 192.168.1.178/32 -p tcp -m tcp --dport 9000:9010 -j DNAT --to-destination 192.168.50.12:7000-7010/9000',
      'f7: -d 192.168.1.178/32 -p tcp -m tcp --dport 9100:9110 -j DNAT --to-destination 192.168.50.12:80',
      'f8: -d 192.168.1.178/32 -p icmp -j DNAT --to-destination 192.168.50.11',
      'f9: -d 192.168.1.178/32 -p sctp -m sctp --dport 100:101 -j DNAT --to-destination 192.168.50.11:200-201/100',
      'fa: -d 192.168.1.178/32 -p dccp -m dccp --dport 100 -j DNAT --to-destination 192.168.50.11:200',
      'fb: -d 192.168.1.178/32 -p ipv6-icmp -j DNAT --to-destination 192.168.50.11',
      'fc: -d 192.168.1.100/32 -p udp -m udp --dport 1:65535 -j DNAT --to-destination 192.168.50.12',
      'fd: -d 192.168.1.179/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 192.168.50.11:80',
    ]);
    const rules = present(story, 'c8', changed).state.rules4.find(({ table }) => table === 'nat');
    const hub = rules?.chains.find(({ name }) => name === 'neutron-l3-agent-gw-pf')?.rules ?? [];
    expect(hub.map(({ owner }) => owner)).toEqual([`portforwarding/${idOf('f1')}`, `portforwarding/${idOf('fc')}`]);
  });

  it('two ids that begin alike share a chain, which is entered once', () => {
    const story = forwardings().forward('78000000-f1', 'c8', null, 'tcp', '1>1', '192.168.50.11@d1');
    story.forward('78000000-f2', 'c8', null, 'tcp', '2>2', '192.168.50.11@d1');
    const lines = nat(present(story, 'c8')).filter((line) => line.includes('pf-78000000'));
    expect(lines.map((line) => line.replace(/ .*(?= )/, ''))).toEqual([
      ':neutron-l3-agent-pf-78000000 [0:0]',
      '-A neutron-l3-agent-pf-78000000',
      '-A 192.168.50.11:1',
      '-A 192.168.50.11:2',
    ]);
  });

  it('an address that many forwardings share is on the gateway once, the own one as it was', () => {
    const [gateway] = present(forwardings(), 'c8').state.links;
    expect(gateway?.addresses.map(({ address }) => address)).toEqual([
      '192.168.1.101/24',
      '192.168.1.178/32',
      '192.168.1.179/32',
    ]);
  });

  it('without a gateway there is no rule, and the forwarding is down', () => {
    const story = forwardings().add({
      type: 'RouterGatewayCleared',
      version: 1,
      data: { routerId: idOf('c8'), portId: idOf('82222222-82'), networkId: idOf('e8') },
    });
    expect(nat(present(story, 'c8'))).toEqual([]);
  });
});

describe('what of it is on a node', () => {
  const { state } = present(forwardings(), 'c8');
  /** As a node shows it, read without knowing what was wanted. */
  const readBack = (tables: readonly Table[]): RuleBody[] => rulesIn(savedFrom(tables), 'nat');
  const all = readBack(state.rules4);

  it('reads what it wrote', () => {
    expect(forwardingsIn(all)).toContainEqual({
      address: '192.168.1.178',
      protocol: 'tcp',
      ports: { first: 9000, last: 9010 },
      target: { do: 'dnat', to: '192.168.50.12', ports: { first: 7000, last: 7010 }, base: 9000 },
    });
    expect(forwardingsIn(all)).toContainEqual({
      address: '192.168.1.178',
      protocol: 'icmp6',
      ports: null,
      target: { do: 'dnat', to: '192.168.50.11', ports: null, base: null },
    });
  });

  it('notes of every kind are read as they were written', () => {
    const endings = forwardingsIn(all).map(({ address, protocol, ports, target }) => ({
      address,
      forwarded: { address, protocol, ports, answeredBy: target.to },
    }));
    const notes = notesOf(endings, state.rules4, 'router/r');
    expect(endingsIn(readBack(withNotes(state.rules4, notes)))).toEqual(endings);
    expect(new Set(endings.map(endingText)).size).toBe(endings.length);
  });
});

describe('the plan from one set of forwardings to another', () => {
  const planned = (change: (story: Story) => Story): object[] => {
    const before = present(forwardings(), 'c8').state;
    const after = present(change(forwardings()), 'c8').state;
    return planRouter(after, observedAs([before], true), true).configure.map(({ op, ...step }): object =>
      op === 'restore' ? { op } : { op, ...step, netns: undefined },
    );
  };
  const tcp = { op: 'end-forwarded', address: '192.168.1.178', protocol: 'tcp' };

  it('one that goes ends its own connections, noted until then', () => {
    expect(planned((story) => story.unforward('f6', 'c8', SHARED))).toEqual([
      { op: 'restore' },
      { ...tcp, ports: { first: 9000, last: 9010 }, answeredBy: '192.168.50.12' },
      { op: 'restore' },
    ]);
  });

  it('one that leads elsewhere ends what it led to before; a description ends nothing', () => {
    const to = '192.168.50.11@d1';
    expect(planned((story) => story.forward('f2', 'c8', SHARED, 'tcp', '2222>22', to, true))).toEqual([
      { op: 'restore' },
      { ...tcp, ports: { first: 2222, last: 2222 }, answeredBy: '192.168.50.12' },
      { op: 'restore' },
    ]);
    expect(planned((story) => story.forward('f2', 'c8', SHARED, 'tcp', '2222>22', '192.168.50.12@d2', true))).toEqual([
      { op: 'restore' },
    ]);
  });

  it('one that comes ends what came to the router itself before', () => {
    expect(planned((story) => story.forward('ff', 'c8', null, 'udp', '53>53', '192.168.50.12@d2'))).toEqual([
      { op: 'restore' },
      {
        op: 'end-forwarded',
        address: '192.168.1.101',
        protocol: 'udp',
        ports: { first: 53, last: 53 },
        answeredBy: '192.168.1.101',
      },
    ]);
  });

  it('the last of an address takes the address along, and ends all that is there', () => {
    const address = '192.168.1.179';
    expect(planned((story) => story.unforward('fe', 'c8', ['79', address]))).toEqual([
      { op: 'restore' },
      { op: 'end-connections', address },
      { op: 'remove-address', device: 'qg-82222222-82', address: `${address}/32` },
    ]);
  });
});
