import { describe, expect, it } from '@jest/globals';
import { idOf, portCreated, Story } from '@plumbline/topology/testing';
import { MetadataMemory } from './view.js';

const guest = (head: string, network: string, ipAddress: string, more: object = {}) =>
  portCreated({
    portId: idOf(head),
    networkId: idOf(network),
    projectId: 'garden',
    deviceId: `vm-${head}`,
    deviceOwner: 'compute:nova',
    macAddress: 'fa:16:3e:fe:a1:25',
    fixedIps: [{ subnetId: idOf(`b${network}`), ipAddress }],
    ...more,
  });

/** A router on this host with two networks, another one of the same addresses on another router, and a network without. */
const story = (): Story =>
  new Story()
    .network('a1', '10.1.0.0/24', { gatewayIp: '10.1.0.1' })
    .network('a2', '10.2.0.0/24', { gatewayIp: '10.2.0.1' })
    .network('b1', '10.1.0.0/24', { gatewayIp: '10.1.0.1' })
    .network('i1', '10.1.0.0/24')
    .router('c1')
    .interface('c1', 'a1', '11111111-11', 'fa:16:3e:00:00:01', '10.1.0.1')
    .interface('c1', 'a2', '22222222-22', 'fa:16:3e:00:00:02', '10.2.0.1')
    .router('c2')
    .interface('c2', 'b1', '33333333-33', 'fa:16:3e:00:00:03', '10.1.0.1')
    .add(
      guest('d1', 'a1', '10.1.0.5'),
      guest('d2', 'a2', '10.2.0.5', { macAddress: 'fa:16:3e:00:01:02' }),
      guest('d3', 'b1', '10.1.0.5'),
      guest('d4', 'i1', '10.1.0.5'),
      guest('d5', 'a1', '10.1.0.6', { deviceId: '' }),
      guest('d6', 'a1', '10.1.0.7', { deviceOwner: 'network:dhcp', deviceId: 'dhcp' }),
    );

const memoryOf = (view: ReturnType<Story['view']>): MetadataMemory => {
  const memory = new MetadataMemory();
  memory.update(view, 'all');
  return memory;
};
const router = (head: string) => ({ kind: 'router', id: idOf(head) }) as const;

describe('who asks', () => {
  const memory = memoryOf(story().view());
  it.each([
    ['its address', 'c1', '10.1.0.5', 'd1'],
    ['as the proxy shows it on a socket of both versions', 'c1', '::ffff:10.1.0.5', 'd1'],
    ['an address of the second network', 'c1', '10.2.0.5', 'd2'],
    ['the same address behind another router', 'c2', '10.1.0.5', 'd3'],
    ['the link-local address of its MAC', 'c1', 'fe80::f816:3eff:fefe:a125', 'd1'],
    ['an address of the other router’s network', 'c2', '10.2.0.5', null],
    ['an address that no port has', 'c1', '10.1.0.99', null],
    ['the router itself', 'c1', '10.1.0.1', null],
    ['a port without a device', 'c1', '10.1.0.6', null],
    ['a DHCP server', 'c1', '10.1.0.7', null],
    ['a router that is not here', 'c9', '10.1.0.5', null],
  ])('%s', (_what, head, source, port) => {
    expect(memory.whoAsks(router(head), source)?.id ?? null).toBe(port && idOf(port));
  });

  it('is nobody where two have the address', () => {
    const twice = memoryOf(
      story()
        .add(guest('d7', 'a2', '10.1.0.5'))
        .view(),
    );
    expect(twice.whoAsks(router('c1'), '10.1.0.5')).toBeNull();
  });

  it('is known of what changed alone as of all', () => {
    const whole = story();
    const memory = new MetadataMemory();
    for (const { position } of whole.log)
      memory.update(whole.view(position), position === 1 ? 'all' : whole.touched(position));
    const ask = (of: MetadataMemory) =>
      ['10.1.0.5', '10.2.0.5', '10.1.0.6'].map((source) => of.whoAsks(router('c1'), source)?.id);
    expect(ask(memory)).toEqual(ask(memoryOf(whole.view())));
    expect(memory.wishes(true)).toEqual(memoryOf(whole.view()).wishes(true));
  });
});

describe('where guests are answered', () => {
  it('is in the namespaces of the routers that are here and up, and nowhere if they are not answered', () => {
    expect(memoryOf(story().view()).wishes(true).wanted).toEqual([router('c1'), router('c2')]);
    expect(memoryOf(story().view()).wishes(false).wanted).toEqual([]);
  });
});
