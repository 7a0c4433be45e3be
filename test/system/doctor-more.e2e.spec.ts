/**
 * `plumb doctor` on a lab: faults that nobody promised to find, made by hand behind the back of an agent, and those of IPv6; and what the command itself says, and ends with.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { furtherFaults } from './testing/faults/further.js';
import { type Fault, handsOf, type Patient } from './testing/faults/hands.js';
import { GATEWAY6, ipv6Faults, type Six } from './testing/faults/ipv6.js';
import { expectNamed, expectWell, expectWellAgain, NOBODY, patientOf } from './testing/faults/patient.js';
import { TestLab, until, upTimeoutMs } from './testing/test-lab.js';

let lab: TestLab;
let patient: Patient;
let six: Six;
let faults: ReadonlyMap<string, Fault>;

const all = (of: Patient): readonly Fault[] => {
  const hands = handsOf(of);
  return [...furtherFaults(of, hands), ...ipv6Faults(of, hands, () => six)];
};

const sixIn = (ips: unknown): string =>
  (ips as { ip_address: string }[]).find(({ ip_address }) => ip_address.includes(':'))?.ip_address ?? '';

/** The router and the instance have addresses of IPv6 on the external network, too, and its gateway is there. */
async function outside6(): Promise<Pick<Six, 'outside' | 'direct'>> {
  const { publicNetwork, router } = patient;
  const of = { network_id: publicNetwork.id, ip_version: 6, cidr: '2001:db8:e::/64', gateway_ip: GATEWAY6 };
  const subnet = await lab.create('subnet', { ...of, enable_dhcp: false });
  await lab.at('outside', ['ip', '-6', 'address', 'add', `${GATEWAY6}/64`, 'dev', 'eth0', 'nodad']);
  type Gateway = Readonly<{ external_fixed_ips: readonly { ip_address: string }[] }>;
  const { external_fixed_ips: before } = (await lab.get('router', router.id))['external_gateway_info'] as Gateway;
  const { portId } = patient.direct;
  const { fixed_ips: had } = await lab.get('port', portId);
  const { fixed_ips } = await lab.update('port', portId, {
    fixed_ips: [...(had as object[]), { subnet_id: subnet.id }],
  });
  const direct = sixIn(fixed_ips);
  await lab.inside(patient.direct, ['ip', '-6', 'address', 'add', `${direct}/64`, 'dev', 'eth0', 'nodad']);
  const after = await lab.update('router', router.id, {
    external_gateway_info: { network_id: publicNetwork.id, external_fixed_ips: [...before, { subnet_id: subnet.id }] },
  });
  return { outside: sixIn((after['external_gateway_info'] as Gateway).external_fixed_ips), direct };
}

beforeAll(async () => {
  lab = await TestLab.up('e');
  patient = await patientOf(lab);
  const ingress = { direction: 'ingress', ethertype: 'IPv6', protocol: 'ipv6-icmp' };
  await lab.create('security_group_rule', { ...ingress, security_group_id: await lab.guestGroup() });
  const network = await lab.create('network', { name: 'six' });
  const of = { network_id: network.id };
  for (const subnet of [
    { ...of, ip_version: 4, cidr: '192.168.66.0/24' },
    { ...of, ip_version: 6, cidr: 'fd00:66::/64', ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' },
  ]) {
    const { id } = await lab.create('subnet', subnet);
    await lab.request('PUT', `/v2.0/routers/${patient.router.id}/add_router_interface`, { subnet_id: id });
  }
  const outside = await outside6();
  const stranger = await lab.newInstance('stranger', 'cmp1', network, {
    ip: '192.168.66.11',
    prefix: 24,
    gateway: '192.168.66.1',
  });
  await lab.update('port', stranger.portId, { security_groups: [], port_security_enabled: false });
  const vm = await lab.newInstance('six', 'cmp2', network, {
    ip: '192.168.66.10',
    prefix: 24,
    gateway: '192.168.66.1',
  });
  const address = sixIn((await lab.get('port', vm.portId))['fixed_ips']);
  six = { vm, address, stranger, ...outside };
  await until(
    async () => {
      const { stdout } = await lab.inside(vm, ['ip', '-6', 'address', 'show', 'dev', 'eth0']);
      return stdout.includes(address) && !stdout.includes('tentative');
    },
    () => `the instance does not take ${address}`,
    60_000,
  );
  faults = new Map(all(patient).map((fault) => [fault.name, fault]));
}, 2 * upTimeoutMs);
afterAll(async () => lab?.down(), upTimeoutMs);

describe('the command', () => {
  const plumb = (...argv: string[]) => lab.plumb(['doctor', ...argv], { okCodes: [0, 1, 2] });

  test('ends with 0 where all is well, and says what it looked at', async () => {
    const { code, stdout } = await plumb('port', patient.vm2.portId);
    expect([code, stdout.split('\n')[0]]).toEqual([0, 'port vm2: nothing is wrong with what was checked']);
    expect(stdout).toMatch(/\d+ checks, \d+ judgements in \d+ ms/);
  });

  test('ends with 1 where something is wrong: the cause, the event, who mends it and how', async () => {
    await lab.update('port', patient.vm2.portId, { admin_state_up: false });
    try {
      const { code, stdout } = await plumb('port', patient.vm2.portId);
      expect(code).toBe(1);
      expect(stdout).toMatch(
        /is administratively down\n {2}check {2}port-up \(docs\/reference\/doctor\.md#port-up\)\n {2}since .*PortAttributesSet.*\n {2}mend {3}whoever owns it: openstack port set --enable/,
      );
      const json = JSON.parse((await plumb('--json', 'port', patient.vm2.portId)).stdout) as { healthy: boolean };
      expect(json.healthy).toBe(false);
    } finally {
      await lab.update('port', patient.vm2.portId, { admin_state_up: true });
      await lab.becomes('port', patient.vm2.portId, 'ACTIVE');
    }
  });

  test.each([
    ['what is not there', ['port', 'nobody'], 2, /nobody/],
    ['a sort that there is not', ['cable', 'x'], 1, /cable/],
    ['a sort without a name', ['port'], 1, /which port\? plumb doctor port NAME/],
    ['a port that is none', ['--port', '70000', 'port', 'vm1'], 1, /1 to 65535/],
  ] as const)('says why it cannot be asked about %s', async (_name, argv, code, says) => {
    const told = await plumb(...argv);
    expect([told.code, told.stdout, told.stderr.match(says)?.length]).toEqual([code, '', 1]);
  });

  test('ends with 1 and says that the API does not answer, where it does not', async () => {
    const { code, stdout } = await plumb('--api', 'http://127.0.0.1:9', 'port', 'vm1');
    expect([code, stdout]).toEqual([1, expect.stringContaining('the API at http://127.0.0.1:9 does not answer')]);
  });
});

describe('what is well', () => {
  test.each(['an instance with IPv6', 'the node of its router'])('%s', async (name) => {
    await expectWell(lab, name === 'an instance with IPv6' ? `port/${six.vm.portId}` : 'node/net1');
  });
});

describe('what is broken', () => {
  test.each(all(NOBODY).map(({ name }) => name))('%s', (name) => expectNamed(lab, faults.get(name) as Fault), 180_000);

  test('and all is well again', async () => void (await expectWellAgain(lab)));
});
