/**
 * A log of a release that knew no DHCP servers: its networks get theirs when an agent speaks that may serve them, while the derived tables are made anew, another API
 * process starts and clients go on. What users made stays what it was.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { PlumbEvent } from '@plumbline/contracts';
import { id, networkCreated, portBound, portCreated, subnetCreated } from '@plumbline/topology/testing';
import { ApiProcess, eventually } from './api-process.js';
import { ObservedNode } from './observed.js';
import { written } from './written.js';

const PLUMB = new URL('../../apps/cli/dist/main.js', import.meta.url).pathname;
type Fields = Record<string, unknown> & { id: string };

const NETWORKS = 50;
/** Its only subnet has no address left; it has a port that its owner calls a DHCP server's; it has DHCP off. */
const [FULL, OWN, OFF] = [0, 1, 2];
const networkId = (n: number): string => id(10_000 + n);
const subnetId = (n: number): string => id(20_000 + n);
const portId = (n: number, nth: number): string => id(30_000 + n * 10 + nth);
const address = (n: number, last: number): string => `10.7.${n}.${last}`;

const OLD_LOG: readonly PlumbEvent[] = Array.from({ length: NETWORKS }, (_, n): PlumbEvent[] => {
  const fixed = (last: number) => ({ fixedIps: [{ subnetId: subnetId(n), ipAddress: address(n, last) }] });
  return [
    networkCreated({ networkId: networkId(n), projectId: 'p', segmentationId: 1_000 + n }),
    subnetCreated({
      ...{ subnetId: subnetId(n), networkId: networkId(n), projectId: 'p', cidr: `10.7.${n}.0/28` },
      ...{ gatewayIp: address(n, 1), enableDhcp: n !== OFF },
      allocationPools: [{ start: address(n, 2), end: address(n, n === FULL ? 3 : 14) }],
    }),
    ...[1, 2].map((nth) => {
      const owned = n === OWN && nth === 2 ? { deviceOwner: 'network:dhcp', deviceId: 'reserved_dhcp_port' } : {};
      const facts = { projectId: 'p', portSecurityEnabled: false, ...fixed(1 + nth), ...owned };
      return portCreated({ portId: portId(n, nth), networkId: networkId(n), ...facts }, n * 10 + nth);
    }),
  ];
}).flat();

let api: ApiProcess;
let one: ObservedNode;
let two: ObservedNode;
const list = async (path: string, collection: string): Promise<Fields[]> =>
  ((await api.call('GET', `/v2.0/${path}`)).body as Record<string, Fields[]>)[collection] as Fields[];
const ports = (n: number): Promise<Fields[]> => list(`ports?network_id=${networkId(n)}&sort_key=id`, 'ports');
const addressesOf = (port: Fields | undefined): string[] =>
  ((port?.['fixed_ips'] ?? []) as { ip_address: string }[]).map(({ ip_address }) => ip_address);

beforeAll(async () => {
  api = await ApiProcess.start();
  await written(api.serviceUrl, OLD_LOG);
  [one, two] = [await ObservedNode.start(api, 'net1', '10.9.0.1'), await ObservedNode.start(api, 'net2', '10.9.0.2')];
  one.keepAlive();
  two.keepAlive();
});
afterAll(async () => {
  await one?.stop();
  await two?.stop();
  await api?.stop();
});

/** Makes and deletes ports on all networks that have room until `end`; resolves with the answers that were no success. */
async function load(end: Promise<unknown>): Promise<unknown[]> {
  let ended = false;
  void end.finally(() => (ended = true));
  const refused: unknown[] = [];
  const worker = async (first: number): Promise<void> => {
    for (let n = first; !ended; n = n + 4 >= NETWORKS ? first : n + 4) {
      const made = await api.call('POST', '/v2.0/ports', { port: { network_id: networkId(n), name: 'load' } });
      if (made.status !== 201) refused.push(made);
      else {
        const gone = await api.call('DELETE', `/v2.0/ports/${(made.body as { port: Fields }).port.id}`);
        if (gone.status !== 204) refused.push(gone);
      }
    }
  };
  await Promise.all([3, 4, 5, 6].map(worker));
  return refused;
}

it('gets its DHCP ports when agents speak, under load, one for each network; no other port changes', async () => {
  const before = await Promise.all(Array.from({ length: NETWORKS }, (_, n) => ports(n)));
  expect(before.flat()).toHaveLength(2 * NETWORKS);
  const upgrade = async (): Promise<void> => {
    // As the release before left its tables.
    await api.database.query(`UPDATE plumbline.ports SET doc = doc - 'servesDhcp'`);
    await promisify(execFile)(process.execPath, [PLUMB, 'db', 'rebuild', '--database', api.migrationUrl]);
    await api.beside();
    // Nobody who may serve has spoken yet.
    expect(await list('ports?device_owner=network:dhcp', 'ports')).toHaveLength(1);
    await eventually(async () => {
      for (const node of [one, two]) await node.report('dhcp', []);
      return (await list('ports?device_owner=network:dhcp', 'ports')).length === NETWORKS ? true : undefined;
    });
  };
  const upgraded = upgrade();
  const [refused] = await Promise.all([load(upgraded), upgraded]);
  expect(refused).toEqual([]);

  for (let n = 0; n < NETWORKS; n += 1) {
    const all = await ports(n);
    const servers = all.filter((port) => String(port['device_id']).endsWith(`-${networkId(n)}`));
    expect(all.filter((port) => !servers.includes(port))).toEqual(before[n]);
    if (n === OFF) expect(servers).toEqual([]);
    else {
      expect(servers).toMatchObject([{ device_owner: 'network:dhcp', project_id: 'p', port_security_enabled: false }]);
      // Where: on whichever had spoken when it was its turn.
      expect(['net1', 'net2']).toContain(servers[0]?.['binding:host_id']);
      const [served] = addressesOf(servers[0]);
      if (n === FULL) expect(served).toBeUndefined();
      else expect(before[n]?.flatMap(addressesOf)).not.toContain(served);
    }
  }
}, 180_000);

it('the ports of a subnet that has no address left for DHCP live; with one free it is served', async () => {
  await written(api.serviceUrl, [portBound(portId(FULL, 1), networkId(FULL), 'net1')]);
  await one.report('ovs', [{ kind: 'port', id: portId(FULL, 1), status: 'ACTIVE', position: await api.head() }]);
  await eventually(async () => {
    const { body } = await api.call('GET', `/v2.0/ports/${portId(FULL, 1)}`);
    return (body as { port: Fields }).port['status'] === 'ACTIVE' ? true : undefined;
  });
  expect((await api.call('DELETE', `/v2.0/ports/${portId(FULL, 2)}`)).status).toBe(204);
  await eventually(async () => {
    await one.report('dhcp', []);
    const server = (await ports(FULL)).find((port) => port['device_owner'] === 'network:dhcp');
    return addressesOf(server).join() === address(FULL, 3) ? true : undefined;
  });
});

it('a subnet or network whose only port is a DHCP server goes with it', async () => {
  const [SUBNET, NETWORK] = [3, 4];
  for (const n of [SUBNET, NETWORK])
    for (const nth of [1, 2]) expect((await api.call('DELETE', `/v2.0/ports/${portId(n, nth)}`)).status).toBe(204);
  expect((await api.call('DELETE', `/v2.0/subnets/${subnetId(SUBNET)}`)).status).toBe(204);
  expect((await api.call('DELETE', `/v2.0/networks/${networkId(NETWORK)}`)).status).toBe(204);
  expect(await ports(NETWORK)).toEqual([]);
  await eventually(async () => {
    for (const node of [one, two]) await node.report('dhcp', []);
    return (await ports(SUBNET)).length === 0 ? true : undefined;
  });
});
