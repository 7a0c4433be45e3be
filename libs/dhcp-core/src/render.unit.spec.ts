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
  });

  it('takes no text of a user as syntax of its own', () => {
    const opts = (value: string, name = '42') => ({ extraDhcpOpts: [{ name, value, ipVersion: 4 as const }] });
    const port = (more: object) => ({ ...served, ports: [guestOf(served, 10, more)] });
    expect(files(port(opts('a\ntag:x,3,10.9.9.9')))['opts']).not.toContain('10.9.9.9');
    expect(files(port(opts('1', 'x\n3,10.9.9.9')))['opts']).not.toContain('10.9.9.9');
    expect(files(port(opts('10.1.0.9')))['opts']).toContain(',42,10.1.0.9\n');
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
