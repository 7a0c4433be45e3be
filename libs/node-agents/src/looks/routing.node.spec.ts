/** What a real router's namespace says it does with a packet; and that the node is as before. What the packets themselves do: test/system/trace.e2e.spec.ts. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PACKET_LOOKS, type ParamsOf, type TracedPacket } from '@plumbline/contracts';
import { converge, dialect, netnsOf } from '@plumbline/l3-core';
import { idOf, Story } from '@plumbline/l3-core/testing';
import { makeNode, type ScratchNode } from '@plumbline/l3-driver/testing';
import { routing } from './routing.js';

const ROUTER = idOf('c8');
const NETNS = netnsOf(ROUTER);
const [OWN, FLOATING, OUTSIDE] = ['192.168.1.100', '192.168.1.178', '192.168.1.7'];
const [GUEST, OTHER] = ['192.168.50.11', '192.168.50.12'];

const story = (): Story =>
  new Story()
    .network('e8', '192.168.1.0/24', { external: true, gatewayIp: '192.168.1.1' })
    .network('a8', '192.168.50.0/24', { gatewayIp: '192.168.50.1' })
    .router('c8')
    .interface('c8', 'a8', '81111111-81', 'fa:16:3e:00:08:01', '192.168.50.1')
    .gateway('c8', 'e8', '82222222-82', 'fa:16:3e:00:08:02', OWN)
    .floatingIp('78', 'e8', FLOATING)
    .forward('f1', 'c8', null, 'tcp', '5001>22', `${OTHER}@d2`)
    .associate('78', FLOATING, GUEST, 'ba8', 'c8');
const [QR, QG] = [
  { portId: idOf('81111111-81'), gateway: false },
  { portId: idOf('82222222-82'), gateway: true },
];

const packet = (source: string, destination: string, port = 80): TracedPacket => ({
  ...{ protocol: 'tcp', source, destination, sourcePort: 50_000, destinationPort: port },
});
const turned = ({ protocol, source, destination, sourcePort, destinationPort }: TracedPacket): TracedPacket => ({
  ...{ protocol, source: destination, destination: source, sourcePort: destinationPort, destinationPort: sourcePort },
});

describe('a packet through a real namespace', () => {
  let node: ScratchNode;
  beforeAll(async () => {
    node = await makeNode();
    const { failed } = await converge(story().view(), node.driver(), {
      touched: 'all',
      mayRemove: true,
      unverified: false,
    });
    expect(failed).toEqual([]);
  });
  afterAll(() => node?.remove());

  const state = async (): Promise<string> => {
    const read = (argv: readonly string[]) => node.spawner.run(argv, { netns: NETNS });
    const all = await Promise.all([read(dialect.save[4]), read(['ip', 'route']), read(['ip', 'neighbour'])]);
    return all.map(({ stdout }) => stdout.replace(/^#.*$/gm, '').replace(/\[\d+:\d+\]/g, '')).join();
  };
  const asked = async (params: Partial<ParamsOf<'routing'>>) => {
    const before = await state();
    const given = PACKET_LOOKS.routing.params.parse({
      ...{ routerId: ROUTER, enters: QG, packet: packet(OUTSIDE, FLOATING), connection: null },
      ...params,
    });
    const told = PACKET_LOOKS.routing.answer.parse(await routing(node.spawner, given));
    expect(await state()).toBe(before);
    return told;
  };

  it('from outside to a floating IP, and its answer', async () => {
    const told = await asked({});
    expect(told).toMatchObject({
      ...{ there: true, end: 'forwarded', packet: packet(OUTSIDE, GUEST), unjudged: [] },
      ...{ device: 'qr-81111111-81', nextHop: GUEST, route: expect.stringMatching(/^192\.168\.50\.0\/24 dev qr-/) },
    });
    expect(told.rules.filter(({ did }) => did !== 'mark')).toMatchObject([
      { did: 'dnat', of: 'ours', position: expect.any(Number) },
    ]);
    const back = await asked({ enters: QR, packet: turned(told.packet), connection: told.connection });
    expect(back).toMatchObject({
      end: 'forwarded',
      device: 'qg-82222222-82',
      packet: turned(packet(OUTSIDE, FLOATING)),
    });
    expect(back.rules.map(({ did }) => did)).toContain('back');
  });

  it('from inside out by the default route, with the address of the router', async () => {
    const told = await asked({ enters: QR, packet: packet(OTHER, '8.8.8.8') });
    expect(told).toMatchObject({
      ...{ end: 'forwarded', packet: packet(OWN, '8.8.8.8'), nextHop: '192.168.1.1', device: 'qg-82222222-82' },
      route: expect.stringMatching(/^default via 192\.168\.1\.1 /),
    });
  });

  it('to a forwarded port, to the router itself, and to nobody', async () => {
    expect(await asked({ packet: packet(OUTSIDE, OWN, 5001) })).toMatchObject({ packet: packet(OUTSIDE, OTHER, 22) });
    expect(await asked({ packet: packet(OUTSIDE, OWN, 5002) })).toMatchObject({
      end: 'delivered',
      packet: packet(OUTSIDE, OWN, 5002),
    });
    expect(await asked({ enters: QR, packet: packet(OTHER, '192.168.50.1') })).toMatchObject({ end: 'delivered' });
    expect(await asked({ enters: null, packet: packet(OWN, GUEST) })).toMatchObject({
      end: 'forwarded',
      device: 'qr-81111111-81',
    });
  });

  it('without a route, by a device that is gone, and of a router that is elsewhere', async () => {
    await node.spawner.run(['ip', 'route', 'delete', 'default'], { netns: NETNS });
    const lost = await asked({ enters: QR, packet: packet(OTHER, '8.8.8.8') });
    expect(lost).toMatchObject({ end: 'unroutable', device: null, route: expect.stringContaining('unreachable') });
    const gone = await asked({ enters: { portId: idOf('83333333-83'), gateway: false } });
    expect(gone).toMatchObject({ end: 'unroutable', route: 'device qr-83333333-83 is not there' });
    expect(await asked({ routerId: idOf('c9') })).toMatchObject({ there: false });
  });

  it('that a rule of somebody else drops, or might', async () => {
    const insert = (...rule: string[]) =>
      node.spawner.run(['iptables', '-w', '-I', 'FORWARD', ...rule], { netns: NETNS });
    await insert('-m', 'length', '--length', '1000:1500', '-j', 'DROP');
    expect(await asked({})).toMatchObject({
      end: 'forwarded',
      unjudged: [{ chain: 'FORWARD', line: expect.stringContaining('length') }],
    });
    await insert('-d', '192.168.50.0/28', '-j', 'DROP');
    const told = await asked({});
    expect(told).toMatchObject({ end: 'dropped', connection: null });
    expect(told.rules.at(-1)).toMatchObject({ did: 'drop', of: 'foreign', chain: 'FORWARD' });
  });
});
