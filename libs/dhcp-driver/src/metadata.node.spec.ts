/** Guests of a network without a router ask who they are: the address, the way there, and the proxy in the namespace of DHCP. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import path from 'node:path';
import type { Port } from '@plumbline/contracts';
import { guestOf, servedOf } from '@plumbline/dhcp-core/testing';
import { convergeMetadata, type Asker } from '@plumbline/metadata-core';
import { MetadataService, NodeMetadataDriver } from '@plumbline/metadata-driver';
import { NodeProcesses } from '@plumbline/processes';
import { createLogger } from '@plumbline/telemetry';
import { DhcpNode, type Guest } from './testing/index.js';

const served = servedOf(1, [{ cidr: '10.1.0.0/24', gatewayIp: '10.1.0.1' }]);
const other = servedOf(2, [{ cidr: '10.1.0.0/24', gatewayIp: null }]);
const one = guestOf(served, 10, { deviceId: 'vm-one' });
const two = guestOf(other, 10, { deviceId: 'vm-two' });
const six = servedOf(3, [{ cidr: '2001:db8:3::/64', ipv6AddressMode: 'dhcpv6-stateful', gatewayIp: null }]);
const three = guestOf(six, 10, { deviceId: 'vm-three' });
const PORTS: readonly Port[] = [one, two, three];
/** Of this MAC, as guests make it (RFC 4291, appendix A). */
const linkLocalOf = (mac: string): string => {
  const [a = '', b = '', c = '', d = '', e = '', f = ''] = mac.split(':');
  const first = (parseInt(a, 16) ^ 2).toString(16).padStart(2, '0');
  return [`${first}${b}`, `${c}ff`, `fe${d}`, `${e}${f}`].reduce(
    (all, part) => `${all}:${part.replace(/^0{1,3}/, '')}`,
    'fe80:',
  );
};

let node: DhcpNode;
let processes: NodeProcesses;
let service: MetadataService<Port>;
const asked: (readonly [Asker, string])[] = [];
const WISHES = {
  wanted: [served, other, six].map(({ network }) => ({ kind: 'network', id: network.id }) as const),
  held: new Set<never>(),
};

const serve = () => node.serve({ ...served, ports: [one] }, { ...other, ports: [two] }, { ...six, ports: [three] });

beforeAll(async () => {
  node = await DhcpNode.make();
  node.metadata = true;
  const terms = {
    owner: `metadata-test-${process.pid}`,
    runDir: node.folder,
    service: path.join(node.folder, 'service', 'socket'),
  };
  processes = new NodeProcesses(node.node.spawner, terms);
  service = new MetadataService<Port>({
    socket: terms.service,
    user: 'haproxy',
    whoAsks: (asker, source) => {
      asked.push([asker, source]);
      return (
        PORTS.find(
          ({ networkId, fixedIps, macAddress }) =>
            networkId === asker.id && [fixedIps[0]?.ipAddress, linkLocalOf(macAddress)].includes(source),
        ) ?? null
      );
    },
    backend: {
      answer: async ({ port }, reply) => void reply.end(port.deviceId),
      close: () => undefined,
    },
    logger: createLogger({ name: 'test', level: 'silent' }),
  });
  await service.listen();
  await serve();
  const driver = new NodeMetadataDriver(node.node.runner, processes, terms);
  const { failures } = await convergeMetadata(WISHES, driver, terms, true);
  expect([...failures.values()]).toEqual([]);
  expect((await convergeMetadata(WISHES, driver, terms, true)).applied).toBe(0);
}, 120_000);
afterAll(async () => {
  for (const { pid } of (await processes.observe()).processes) process.kill(pid, 'SIGKILL');
  processes.close();
  await service.close();
  await node.remove();
});

/** As a client would do with what it was told. */
async function configure(guest: Guest, address: string, told: Readonly<Record<string, string>>): Promise<void> {
  await guest.run(['ip', 'address', 'add', `${address}/24`, 'dev', 'eth0']);
  const words = (told['staticroutes'] ?? '').split(' ');
  const at = words.indexOf('169.254.169.254/32');
  await guest.run([
    'ip',
    'route',
    'add',
    '169.254.169.254/32',
    'via',
    words[at + 1] ?? 'nowhere',
    'onlink',
    'dev',
    'eth0',
  ]);
}
/** Who is not to be answered is refused, hears nothing, or has its connection closed or reset, as the last packet comes (curl(1), "Exit codes"). */
const UNANSWERED = [7, 28, 52, 55, 56];
const curl = async (guest: Guest, ...argv: string[]): Promise<string> =>
  (await guest.run(['curl', '-s', '--max-time', '20', ...argv], {}, [0, ...UNANSWERED])).stdout;

describe('a guest of a network without a router', () => {
  it.each([
    ['with a gateway that is no router of ours', one, 1, 'vm-one'],
    ['without a gateway', two, 2, 'vm-two'],
  ])(
    '%s is told of itself',
    async (_what, port, tag, device) => {
      const guest = await node.plug(port, tag);
      const told = await guest.udhcpc();
      expect(told['staticroutes']).toContain('169.254.169.254/32 10.1.0.2');
      await configure(guest, '10.1.0.10', told);
      expect(await curl(guest, 'http://169.254.169.254/latest')).toBe(device);
      const forged = ['X-Neutron-Network-ID: x', 'X-Neutron-Router-ID: y', 'X-Forwarded-For: 10.1.0.99'];
      expect(await curl(guest, ...forged.flatMap((each) => ['-H', each]), 'http://169.254.169.254/')).toBe(device);
      expect(asked.at(-1)).toEqual([{ kind: 'network', id: port.networkId }, '10.1.0.10']);
      // The server's own address answers nobody.
      expect(await curl(guest, 'http://10.1.0.2/', '--max-time', '2')).toBe('');
    },
    120_000,
  );

  it('with IPv6 alone is told by the link-local address, which it needs no route for; the other addresses answer nobody', async () => {
    const guest = await node.plug(three, 3);
    expect(await curl(guest, '--retry', '20', '--retry-all-errors', 'http://[fe80::a9fe:a9fe%25eth0]/')).toBe(
      'vm-three',
    );
    expect(asked.at(-1)).toEqual([{ kind: 'network', id: three.networkId }, linkLocalOf(three.macAddress)]);
    await guest.has('2001:db8:3::a/64');
    expect(await curl(guest, 'http://[2001:db8:3::2]/', '--max-time', '2')).toBe('');
    const before = node.node.runner.mutations;
    await serve();
    expect(node.node.runner.mutations).toBe(before);
  }, 120_000);
});
