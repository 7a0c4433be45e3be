import { describe, expect, it } from '@jest/globals';
import { renderDhcp } from './render.js';
import type { ServedNetwork } from './served.js';
import { guestOf, servedOf, TERMS } from './testing/index.js';

const served = servedOf(1, [{ cidr: '10.1.0.0/24', gatewayIp: '10.1.0.1' }]);
const files = (of: ServedNetwork): Record<string, string> =>
  Object.fromEntries((renderDhcp(of, TERMS)?.process.files ?? []).map(({ name, content }) => [name, content]));

describe('what is rendered', () => {
  it('is the same whatever order the objects come in', () => {
    const ports = [guestOf(served, 10, { dnsName: 'a' }), guestOf(served, 11), guestOf(served, 12)];
    const two = servedOf(1, [{ cidr: '10.1.0.0/24' }, { cidr: '10.2.0.0/24' }]);
    const turned = { ...two, subnets: [...two.subnets].reverse(), ports: [...ports].reverse() };
    expect(JSON.stringify(renderDhcp(turned, TERMS))).toBe(JSON.stringify(renderDhcp({ ...two, ports }, TERMS)));
  });

  it('is nothing where no subnet has DHCP, and where the server has no address in it', () => {
    expect(renderDhcp(servedOf(1, [{ cidr: '10.1.0.0/24', enableDhcp: false }]), TERMS)).toBeNull();
    expect(renderDhcp({ ...served, server: { ...served.server, fixedIps: [] } }, TERMS)).toBeNull();
    expect(renderDhcp({ ...served, network: { ...served.network, adminStateUp: false } }, TERMS)).toBeNull();
  });

  it('has no route to metadata that nobody answers', () => {
    expect(files({ ...served, ports: [] })['opts']).not.toContain('169.254.169.254');
    expect(JSON.stringify(renderDhcp(served, TERMS)?.addresses)).not.toContain('169.254.169.254');
  });

  it('has the metadata address where it is answered, on networks with IPv4, and says the way there', () => {
    const terms = { ...TERMS, metadata: true };
    const state = renderDhcp(served, terms);
    expect(state?.addresses).toContainEqual({ address: '169.254.169.254/32', broadcast: '169.254.169.254' });
    const [, , opts] = state?.process.files ?? [];
    expect(opts?.content).toContain('option:classless-static-route,169.254.169.254/32,10.1.0.2,0.0.0.0/0,10.1.0.1');
    const six = { cidr: '2001:db8::/64', ipv6AddressMode: 'dhcpv6-stateful', ipv6RaMode: 'dhcpv6-stateful' } as const;
    expect(renderDhcp(servedOf(2, [six]), terms)?.addresses.map(({ address }) => address)).toEqual([
      '2001:db8::2/64',
      'fe80::a9fe:a9fe/64',
    ]);
  });

  it('takes no text of a user as syntax of its own', () => {
    const opts = (value: string, name = '42') => ({ extraDhcpOpts: [{ name, value, ipVersion: 4 as const }] });
    const port = (more: object) => ({ ...served, ports: [guestOf(served, 10, more)] });
    expect(files(port(opts('a\ntag:x,3,10.9.9.9')))['opts']).not.toContain('10.9.9.9');
    expect(files(port(opts('1', 'x\n3,10.9.9.9')))['opts']).not.toContain('10.9.9.9');
    expect(files(port(opts('10.1.0.9')))['opts']).toContain(',42,10.1.0.9\n');
  });

  it('quotes what dnsmasq would read otherwise, and nothing else', () => {
    const value = (text: string) => {
      const extraDhcpOpts = [{ name: '67', value: text, ipVersion: 4 as const }];
      const lines = files({ ...served, ports: [guestOf(served, 10, { extraDhcpOpts })] })['opts'] ?? '';
      return /,67,(.*)$/m.exec(lines)?.[1];
    };
    expect(value('http://x/y?a,b')).toBe('http://x/y?a,b');
    expect(value('a #b')).toBe('"a #b"');
    expect(value('say "x\\y"')).toBe('"say \\"x\\\\y\\""');
  });

  it('leaves out options that nobody can send, which older logs may have', () => {
    const extraDhcpOpts = [
      { name: 'nonsense', value: 'x', ipVersion: 4 as const },
      { name: '51', value: '60', ipVersion: 4 as const },
      { name: 'tag:!ipxe,67', value: 'x', ipVersion: 4 as const },
    ];
    const port = guestOf(served, 10, { extraDhcpOpts });
    const lines = files({ ...served, ports: [port] })['opts'] ?? '';
    expect(lines.split('\n').filter((each) => each.includes('port-'))).toEqual([`tag:port-${port.id},tag:!ipxe,67,x`]);
  });

  describe('whom other names are asked of', () => {
    const two = servedOf(1, [{ cidr: '10.1.0.0/24' }, { cidr: '2001:db8::/64', ipv6AddressMode: 'dhcpv6-stateful' }]);
    const asked = (lists: readonly (readonly string[])[], more: Partial<ServedNetwork> = {}) => {
      const subnets = two.subnets.map((each, at) => ({ ...each, dnsNameservers: [...(lists[at] ?? [])] }));
      const state = renderDhcp({ ...two, subnets, ...more }, { ...TERMS, resolvers: ['192.0.2.1', '192.0.2.2'] });
      return state?.process.files.find(({ name }) => name === 'servers')?.content;
    };
    it('are the nameservers of the subnets, each once', () => {
      expect(
        asked([
          ['9.9.9.9', '8.8.8.8'],
          ['2620:fe::9', '9.9.9.9'],
        ]),
      ).toBe('server=9.9.9.9\nserver=8.8.8.8\nserver=2620:fe::9\n');
      expect(asked([['9.9.9.9'], []])).toBe('server=9.9.9.9\n');
    });
    it('are those of the node where no subnet names one', () => {
      expect(asked([[], []])).toBe('server=192.0.2.1\nserver=192.0.2.2\n');
      expect(asked([['0.0.0.0'], []])).toBe('server=192.0.2.1\nserver=192.0.2.2\n');
    });
    it('is nobody where each subnet says none', () => {
      expect(asked([['0.0.0.0'], ['::']])).toBe('');
    });
    it('is no DHCP server of the network, which would ask on for ever', () => {
      const second = guestOf(two, 3, { deviceOwner: 'network:dhcp' });
      expect(asked([['10.1.0.2', '10.1.0.3', '9.9.9.9'], ['2001:db8::2']], { ports: [second] })).toBe(
        'server=9.9.9.9\n',
      );
      expect(asked([['10.1.0.2'], []])).toBe('server=192.0.2.1\nserver=192.0.2.2\n');
    });
  });

  it('answers a name in the domain of its network, too', () => {
    const named = { ...served, network: { ...served.network, dnsDomain: 'tenant.example.' } };
    const ports = [
      guestOf(served, 10, { dnsName: 'web' }),
      guestOf(served, 11),
      guestOf(served, 12, { dnsName: 'a.example.test.' }),
    ];
    expect(files({ ...named, ports })['names']).toBe(
      '10.1.0.10\tweb.example.test. web web.tenant.example.\n' +
        '10.1.0.11\thost-10-1-0-11.example.test. host-10-1-0-11\n' +
        '10.1.0.12\ta.example.test. a\n',
    );
    expect(files({ ...named, ports, network: { ...served.network, dnsDomain: 'example.test.' } })['names']).toContain(
      '10.1.0.10\tweb.example.test. web\n',
    );
  });

  it('changes the command line for subnets and MTU alone, so that dnsmasq is not started anew for ports', () => {
    const argv = (of: ServedNetwork) => renderDhcp(of, TERMS)?.process.argv;
    expect(argv({ ...served, ports: [guestOf(served, 10, { dnsName: 'x' })] })).toEqual(argv(served));
    expect(
      argv({ ...served, subnets: served.subnets.map((each) => ({ ...each, dnsNameservers: ['9.9.9.9'] })) }),
    ).toEqual(argv(served));
    expect(argv({ ...served, network: { ...served.network, mtuBytes: 1400 } })).not.toEqual(argv(served));
  });
});
