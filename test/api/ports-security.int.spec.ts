import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Answer, ApiProcess, eventually } from './api-process.js';
import { ObservedNode } from './observed.js';

type Fields = { id: string; [attribute: string]: unknown };

let api: ApiProcess;
let network: Fields, own: Fields;
beforeAll(async () => {
  // Left over from a release that had it: it is named, and changes nothing.
  api = await ApiProcess.start({ PLUMB_UNENFORCED_SECURITY_GROUPS: 'true', PLUMB_QUOTAS: '*=-1' });
  network = await api.make<Fields>('POST', '/v2.0/networks', { network: { name: 'n' } });
  await api.make('POST', '/v2.0/subnets', {
    subnet: { network_id: network.id, ip_version: 4, cidr: '10.0.0.0/16' },
  });
});
afterAll(async () => {
  await api?.stop();
});

const create = (fields: object): Promise<Answer> =>
  api.call('POST', '/v2.0/ports', { port: { network_id: network.id, ...fields } });
const change = (id: string, fields: object): Promise<Answer> => api.call('PUT', `/v2.0/ports/${id}`, { port: fields });
const made = async (fields: object = {}): Promise<Fields> => portOf(await create(fields));
const portOf = ({ status, body }: Answer): Fields => {
  if (status >= 300) throw new Error(JSON.stringify(body));
  return (body as { port: Fields }).port;
};
const listed = async (query: string): Promise<Fields[]> =>
  ((await api.call('GET', `/v2.0/ports?${query}`)).body as { ports: Fields[] }).ports;
const refusal = ({ status, body }: Answer): unknown[] => [
  status,
  (body as { NeutronError?: { type: string } }).NeutronError?.type,
];

describe('ports and their security', () => {
  it('are in the default group of their project', async () => {
    const port = await made();
    const { body } = await api.call('GET', '/v2.0/security-groups?name=default');
    const groups = (body as { security_groups: Fields[] }).security_groups;
    expect(groups).toHaveLength(1);
    own = groups[0] as Fields;
    expect(port).toMatchObject({ security_groups: [own.id], port_security_enabled: true, ip_allocation: 'immediate' });
    expect(await made({ security_groups: [] })).toMatchObject({ security_groups: [] });
    expect(await made({ security_groups: null })).toMatchObject({ security_groups: [] });
    expect(await made({ device_owner: 'network:dhcp' })).toMatchObject({ security_groups: [] });
    expect(await made({ port_security_enabled: false, fixed_ips: [] })).toMatchObject({
      ...{ security_groups: [], port_security_enabled: false, fixed_ips: [], ip_allocation: 'none' },
    });
  });

  it('refuse what does not go together', async () => {
    expect(refusal(await create({ port_security_enabled: false, security_groups: [own.id] }))).toEqual([
      400,
      'PortSecurityAndIPRequiredForSecurityGroups',
    ]);
    const pairs = [{ ip_address: '10.0.0.9' }];
    expect(refusal(await create({ port_security_enabled: false, allowed_address_pairs: pairs }))).toEqual([
      409,
      'AddressPairAndPortSecurityRequired',
    ]);
    expect(refusal(await create({ security_groups: ['00000000-0000-0000-0000-000000000000'] }))).toEqual([
      404,
      'SecurityGroupNotFound',
    ]);
    expect(refusal(await create({ security_groups: ['none'] }))).toEqual([400, 'HTTPBadRequest']);
    expect(refusal(await create({ security_groups: [own.id, own.id] }))).toEqual([400, 'HTTPBadRequest']);
    const { id } = await made();
    expect(refusal(await change(id, { port_security_enabled: false }))).toEqual([
      409,
      'PortSecurityPortHasSecurityGroup',
    ]);
    expect(portOf(await change(id, { port_security_enabled: false, security_groups: [] }))).toMatchObject({
      ...{ port_security_enabled: false, security_groups: [] },
    });
    expect(refusal(await create({ propagate_uplink_status: true }))).toEqual([400, 'HTTPBadRequest']);
  });

  it('may send from other addresses', async () => {
    const port = await made({
      allowed_address_pairs: [
        { ip_address: '10.0.0.99' },
        { ip_address: '10.9.0.0/24', mac_address: 'FA-16-3E-00-00-09' },
      ],
    });
    expect(port['allowed_address_pairs']).toEqual([
      { ip_address: '10.0.0.99', mac_address: port['mac_address'] },
      { ip_address: '10.9.0.0/24', mac_address: 'fa:16:3e:00:00:09' },
    ]);
    const set = (allowed: unknown) => change(port.id, { allowed_address_pairs: allowed });
    expect(refusal(await set([{ mac_address: 'fa:16:3e:00:00:09' }]))).toEqual([400, 'AllowedAddressPairsMissingIP']);
    expect(refusal(await set([{ ip_address: '10.0.0.1' }, { ip_address: '10.0.0.1' }]))).toEqual([
      400,
      'DuplicateAddressPairInRequest',
    ]);
    expect(
      refusal(await set([{ ip_address: '10.0.0.1' }, { ip_address: '10.0.0.1', mac_address: port['mac_address'] }])),
    ).toEqual([400, 'DuplicateAddressPairInRequest']);
    expect(refusal(await set(Array.from({ length: 11 }, (_, n) => ({ ip_address: `10.0.1.${n}` }))))).toEqual([
      400,
      'AllowedAddressPairExhausted',
    ]);
    for (const wrong of [[{ ip_address: 'x' }], [{ ip_address: '10.0.0.1', x: 1 }], [1], {}, [{ ip_address: 7 }]])
      expect((await set(wrong)).status).toBe(400);
    expect(portOf(await set([]))).toMatchObject({ allowed_address_pairs: [] });
  });

  it('keep extra DHCP options by name and version', async () => {
    const port = await made({ extra_dhcp_opts: [{ opt_name: 'mtu', opt_value: '1400' }] });
    expect(port['extra_dhcp_opts']).toEqual([{ opt_name: 'mtu', opt_value: '1400', ip_version: 4 }]);
    const set = (options: unknown) => change(port.id, { extra_dhcp_opts: options });
    const more = [
      { opt_name: 'router', opt_value: '' },
      { opt_name: 'bootfile-url', opt_value: 'tftp://[2001:db8::1]/x', ip_version: 6 },
      { opt_name: 'tag:!ipxe,67', opt_value: 'undionly.kpxe' },
      { opt_name: 'mtu', opt_value: null },
    ];
    expect(portOf(await set(more))['extra_dhcp_opts']).toEqual([
      { opt_name: 'router', opt_value: '', ip_version: 4 },
      { opt_name: 'bootfile-url', opt_value: 'tftp://[2001:db8::1]/x', ip_version: 6 },
      { opt_name: 'tag:!ipxe,67', opt_value: 'undionly.kpxe', ip_version: 4 },
    ]);
    for (const wrong of [
      [{ opt_name: 'mtu' }],
      [{ opt_name: '', opt_value: 'x' }],
      [{ opt_name: 'mtu', opt_value: '' }],
      [{ opt_name: 'mtu', opt_value: 'a\nb' }],
      [{ opt_name: 'mtu', opt_value: '1', ip_version: 5 }],
      [{ opt_name: 'mtu', opt_value: '1', more: 1 }],
      ['mtu'],
      'mtu',
    ])
      expect([wrong, refusal(await set(wrong))]).toEqual([wrong, [400, 'HTTPBadRequest']]);
    // What no guest could be sent is refused, and says why.
    const why = async (opt_name: string, opt_value: string, ip_version = 4) => {
      const { status, body } = await set([{ opt_name, opt_value, ip_version }]);
      return [status, (body as { NeutronError: { message: string } }).NeutronError.message];
    };
    const because = (reason: string) => [400, expect.stringContaining(`extra_dhcp_opts. Reason: ${reason}`)];
    expect(await why('bootfile', 'x')).toEqual(because("'bootfile' is no DHCP option of IPv4: use its number, or"));
    expect(await why('mtu', '1400', 6)).toEqual(because("'mtu' is no DHCP option of IPv6"));
    expect(await why('51', '60')).toEqual(because("'51': option 51 belongs to the DHCP server itself"));
    expect(await why('ntp-server', 'ntp.example.org')).toEqual(
      because("the value 'ntp.example.org' of 'ntp-server' is not IPv4 addresses joined by commas"),
    );
    expect(await why('bootfile-name', 'a\u0001b')).toEqual(
      because("the value of 'bootfile-name' has control characters"),
    );
  });

  it('have a name in the DNS', async () => {
    const port = await made({ dns_name: 'My-Host' });
    const [address] = port['fixed_ips'] as [{ ip_address: string }];
    const named = { ip_address: address.ip_address, hostname: 'my-host', fqdn: 'my-host.openstacklocal.' };
    expect(port).toMatchObject({ dns_name: 'my-host', dns_assignment: [named] });
    const absolute = portOf(await change(port.id, { dns_name: 'other.openstacklocal.' }));
    expect(absolute['dns_assignment']).toEqual([{ ...named, hostname: 'other', fqdn: 'other.openstacklocal.' }]);
    for (const wrong of ['-a', 'a..b', 'a_b', 'x'.repeat(64), 'elsewhere.example.', 7])
      expect((await change(port.id, { dns_name: wrong })).status).toBe(400);
    const host = `host-${address.ip_address.replaceAll('.', '-')}`;
    expect(portOf(await change(port.id, { dns_name: '' }))).toMatchObject({
      ...{ dns_name: '', dns_assignment: [{ ...named, hostname: host, fqdn: `${host}.openstacklocal.` }] },
    });
  });

  it('are found by a part of an address', async () => {
    const port = await made({ fixed_ips: [{ ip_address: '10.0.201.77' }] });
    await made({ fixed_ips: [{ ip_address: '10.0.202.78' }] });
    // Ports of other tests have random addresses of 10.0.0.0/16.
    const found = async (...filters: string[]) =>
      (await listed(filters.map((each) => `fixed_ips=${encodeURIComponent(each)}`).join('&'))).map(({ id }) => id);
    expect(await found('ip_address_substr=.201.77')).toEqual([port.id]);
    expect(await found('ip_address_substr=.201.77', 'ip_address_substr=.202.78')).toHaveLength(2);
    expect(await found('ip_address_substr=.201.77', 'ip_address=10.0.202.78')).toEqual([]);
    expect(await found('ip_address=10.0.201.77')).toEqual([port.id]);
    expect(await found('ip_address_substr=%')).toEqual([]);
    expect((await api.call('GET', '/v2.0/ports?fixed_ips=constructor=1')).status).toBe(400);
  });

  it('get a new MAC when the request asks for any', async () => {
    const port = await made();
    const changed = portOf(await change(port.id, { mac_address: null }));
    expect(changed['mac_address']).toMatch(/^fa:16:3e:/);
    expect(changed['mac_address']).not.toBe(port['mac_address']);
  });

  it('are bound only where their security is enforced, unless they have none', async () => {
    const warned = api.said.split('\n').filter((line) => line.includes('left over'));
    expect(warned.map((line) => JSON.parse(line) as object)).toMatchObject([
      { level: 'warn', setting: 'PLUMB_UNENFORCED_SECURITY_GROUPS', why: expect.stringContaining('PLUMB_FIREWALL') },
    ]);
    const bound = { 'binding:host_id': 'cmp1' };
    const refused = await create(bound);
    expect(refusal(refused)).toEqual([409, 'PortSecurityNotEnforced']);
    expect((refused.body as { NeutronError: { message: string } }).NeutronError.message).toMatch(
      /^Host cmp1 does not enforce security groups.*port_security_enabled=false.*PLUMB_FIREWALL=none/,
    );
    const open = await made({ ...bound, port_security_enabled: false });
    expect(refusal(await change(open.id, { port_security_enabled: true }))).toEqual([409, 'PortSecurityNotEnforced']);
    expect(await made({ ...bound, device_owner: 'network:dhcp' })).toMatchObject({ 'binding:host_id': 'cmp1' });
    const unbound = await made({ 'binding:vnic_type': 'direct', 'binding:profile': { pci: '1' } });
    expect(unbound).toMatchObject({ 'binding:vnic_type': 'direct', 'binding:profile': { pci: '1' } });
    expect(refusal(await change(unbound.id, bound))).toEqual([409, 'PortSecurityNotEnforced']);
    const off = { ...bound, port_security_enabled: false, security_groups: [] };
    expect(portOf(await change(unbound.id, off))).toMatchObject({ 'binding:host_id': 'cmp1' });
  });

  it('are bound, and say how to plug them, by what their node says in the log', async () => {
    const node = await ObservedNode.start(api, 'cmp7', '10.9.0.7');
    try {
      const bound = { 'binding:host_id': 'cmp7' };
      const details = async (id: string) =>
        (await api.make<Fields>('GET', `/v2.0/ports/${id}`, undefined))['binding:vif_details'];
      const says = async (firewall: string | undefined) => {
        node.firewall = firewall;
        await node.report('ovs', []);
        await eventually(async () => {
          const { rows } = await api.database.query(
            "SELECT FROM plumbline.nodes WHERE id = 'cmp7' AND doc ->> 'firewall' = $1",
            [firewall ?? 'none'],
          );
          return rows.length === 1 ? true : undefined;
        });
      };
      const free = await made({ ...bound, port_security_enabled: false });
      for (const firewall of [undefined, 'none', 'of-tomorrow']) {
        await says(firewall);
        expect(refusal(await create(bound))).toEqual([409, 'PortSecurityNotEnforced']);
        expect(await details(free.id)).toMatchObject({ port_filter: false, ovs_hybrid_plug: false });
      }
      await says('openflow');
      const port = await made(bound);
      expect(await details(port.id)).toMatchObject({
        port_filter: true,
        ovs_hybrid_plug: false,
        bridge_name: 'br-int',
      });
      await says('hybrid');
      expect(await details(port.id)).toMatchObject({ port_filter: true, ovs_hybrid_plug: true });
      await says('none');
      expect(portOf(await change(port.id, { name: 'kept' }))).toMatchObject(bound);
      expect(refusal(await create(bound))).toEqual([409, 'PortSecurityNotEnforced']);
      expect(await details(port.id)).toMatchObject({ port_filter: false });
    } finally {
      await node.stop();
    }
  });
});

describe('many clients at once', () => {
  const groupsOf = async (project: string): Promise<Fields[]> =>
    ((await api.call('GET', `/v2.0/security-groups?project_id=${project}`)).body as { security_groups: Fields[] })
      .security_groups;

  it('make one default group with the first ports of a project', async () => {
    const ports = await Promise.all(Array.from({ length: 32 }, () => made({ project_id: 'fresh' })));
    const groups = await groupsOf('fresh');
    expect(groups).toHaveLength(1);
    expect(groups[0]?.['security_group_rules']).toHaveLength(4);
    for (const port of ports) expect(port['security_groups']).toEqual([groups[0]?.id]);
  });

  it('leave no port in a deleted group', async () => {
    for (let round = 0; round < 4; round += 1) {
      const { id } = await api.make<Fields>('POST', '/v2.0/security-groups', { security_group: { name: 'g' } });
      const puts = Array.from({ length: 8 }, () => create({ security_groups: [id] }));
      const [gone, ...answers] = await Promise.all([api.call('DELETE', `/v2.0/security-groups/${id}`), ...puts]);
      const stays = answers.some(({ status }) => status === 201);
      expect(gone?.status).toBe(stays ? 409 : 204);
      for (const answer of answers)
        if (answer.status !== 201) expect(refusal(answer)).toEqual([404, 'SecurityGroupNotFound']);
      expect(await listed(`security_groups=${id}`)).toHaveLength(answers.filter(({ status }) => status === 201).length);
    }
  });
});

describe('a thousand ports in a group', () => {
  it('cost one claim each, and do not touch the group', async () => {
    const count = async (sql: string) => Number((await api.database.query<{ n: string }>(sql)).rows[0]?.n);
    const members = () => count(`SELECT count(*) AS n FROM plumbline.claims WHERE key LIKE 'member/${own.id}/%'`);
    const rows = () => count('SELECT count(*) AS n FROM plumbline.security_group_rules');
    const [head, held, rules] = [await api.head(), await members(), await rows()];
    for (let n = 0; n < 5; n += 1)
      await api.make('POST', '/v2.0/ports', {
        ports: Array.from({ length: 200 }, () => ({ network_id: network.id })),
      });
    expect((await api.head()) - head).toBe(1000);
    expect((await members()) - held).toBe(1000);
    expect(await rows()).toBe(rules);
  });
});
