/** A lab without any DHCP agent: its ports are ACTIVE once they are wired, nothing waits for a server, and whoever looks is told that DHCP is missing. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { defaultNodes } from '@plumbline/lab';
import { TestLab, upTimeoutMs } from './testing/test-lab.js';

const nodes = defaultNodes.map((node) => ({ ...node, agents: node.agents.filter((kind) => kind !== 'dhcp') }));
let lab: TestLab;

// The lab itself proves TCP and pings between its instances and outside.
beforeAll(async () => {
  lab = await TestLab.up('w', nodes);
}, upTimeoutMs);
afterAll(async () => lab?.down(), upTimeoutMs);

test('has no DHCP port, and says so; nothing else is wrong', async () => {
  expect(await lab.list('agents', '?binary=plumb-dhcp-agent')).toEqual([]);
  expect(await lab.list('ports', '?device_owner=network:dhcp')).toEqual([]);
  const { stdout, code } = await lab.plumb(['status'], { okCodes: [0, 1] });
  expect(stdout).toMatch(/^DHCP +is missing: no agent is there for the 1 networks that have it$/m);
  expect([stdout.trimEnd().split('\n').at(-1), code]).toEqual(['all is well', 0]);
}, 60_000);

test('a port on a network with DHCP becomes ACTIVE when it is wired, and is reached', async () => {
  const network = await lab.named('networks', 'private');
  const [subnet] = await lab.list('subnets', `?network_id=${network.id}`);
  expect(subnet?.['enable_dhcp']).toBe(true);
  const where = { prefix: 24, gateway: '192.168.50.1' };
  const [one, two] = [
    await lab.newInstance('one', 'cmp1', network, where),
    await lab.newInstance('two', 'cmp2', network, where),
  ];
  expect(await lab.pings('one', two.ip)).toBe(true);
  expect(await lab.greeting('two', one.ip)).toBe(`one greets ${two.ip}`);
}, 60_000);
