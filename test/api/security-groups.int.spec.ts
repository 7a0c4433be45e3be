import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Answer, ApiProcess } from './api-process.js';

const NOBODY = '00000000-0000-0000-0000-000000000000';
type Fields = { id: string; [attribute: string]: unknown };
type Rule = Fields & { direction: string; ethertype: string };

let api: ApiProcess;
beforeAll(async () => {
  api = await ApiProcess.start();
});
afterAll(async () => {
  await api?.stop();
});

const group = (fields: object = {}) =>
  api.make<Fields>('POST', '/v2.0/security-groups', { security_group: { name: 'web', ...fields } });
const addRule = (fields: object): Promise<Answer> =>
  api.call('POST', '/v2.0/security-group-rules', { security_group_rule: fields });
const rule = async (fields: object): Promise<Rule> => {
  const answer = await addRule(fields);
  expect(answer).toMatchObject({ status: 201 });
  return (answer.body as { security_group_rule: Rule }).security_group_rule;
};
const listed = async (path: string): Promise<Fields[]> =>
  Object.values((await api.call('GET', path)).body as Record<string, Fields[]>)[0] as Fields[];
const refusal = ({ status, body }: Answer): unknown[] => {
  const { NeutronError: said } = body as { NeutronError?: { type: string; message: string } };
  return [status, said?.type, said?.message];
};

describe('security groups', () => {
  it('exist before anybody made one', async () => {
    const found = await listed('/v2.0/security-groups?name=default');
    expect(found).toHaveLength(1);
    const [own] = found as [Fields];
    expect(own).toMatchObject({ description: 'Default security group', stateful: true, shared: false, tags: [] });
    const rules = own['security_group_rules'] as Rule[];
    expect(rules.map((each) => [each.direction, each.ethertype, each['remote_group_id']]).sort()).toEqual([
      ['egress', 'IPv4', null],
      ['egress', 'IPv6', null],
      ['ingress', 'IPv4', own.id],
      ['ingress', 'IPv6', own.id],
    ]);
    expect(await listed(`/v2.0/security-group-rules?security_group_id=${own.id}&direction=egress`)).toHaveLength(2);
    expect(await listed('/v2.0/security-groups')).toEqual(found);
    expect(await listed('/v2.0/security-groups?shared=false')).toEqual(found);
    expect(await listed('/v2.0/security-groups?shared=true')).toEqual([]);
    const again = await api.call('POST', '/v2.0/security-groups', { security_group: { name: 'DEFAULT' } });
    expect(refusal(again)).toEqual([
      409,
      'SecurityGroupDefaultAlreadyExists',
      'Default security group already exists.',
    ]);
    const renamed = await api.call('PUT', `/v2.0/security-groups/${own.id}`, { security_group: { name: 'mine' } });
    expect(refusal(renamed).slice(0, 2)).toEqual([409, 'SecurityGroupCannotUpdateDefault']);
  });

  it('are made, changed, found and deleted', async () => {
    const made = await group({ description: 'to the web' });
    expect(Object.keys(made).sort()).toEqual(
      [
        ...['created_at', 'description', 'id', 'name', 'project_id', 'revision_number', 'security_group_rules'],
        ...['shared', 'stateful', 'tags', 'tenant_id', 'updated_at'],
      ].sort(),
    );
    const inside = made['security_group_rules'] as Rule[];
    expect(inside.map(({ direction, ethertype }) => [direction, ethertype])).toEqual([
      ['egress', 'IPv4'],
      ['egress', 'IPv6'],
    ]);
    const [first] = inside as [Rule];
    const alone = await api.call('GET', `/v2.0/security-group-rules/${first.id}`);
    expect(alone).toMatchObject({ status: 200, body: { security_group_rule: first } });
    const changed = await api.call('PUT', `/v2.0/security-groups/${made.id}`, {
      security_group: { name: 'net', description: '', stateful: false },
    });
    expect(changed).toMatchObject({ status: 200, body: { security_group: { name: 'net', stateful: false } } });
    expect(await listed('/v2.0/security-groups?stateful=false&name=net')).toHaveLength(1);
    expect(await api.call('DELETE', `/v2.0/security-groups/${made.id}`)).toMatchObject({ status: 204 });
    expect(refusal(await api.call('GET', `/v2.0/security-groups/${made.id}`))).toEqual([
      404,
      'SecurityGroupNotFound',
      `Security group ${made.id} does not exist`,
    ]);
    expect(await listed(`/v2.0/security-group-rules?security_group_id=${made.id}`)).toEqual([]);
  });

  it('keep rules as clients know them', async () => {
    const { id } = await group();
    const http = await rule({
      ...{ security_group_id: id, direction: 'ingress', protocol: 'TCP', ethertype: 'ipv4', description: 'http' },
      ...{ port_range_min: '80', port_range_max: 80, remote_ip_prefix: '192.0.2.5/24' },
    });
    expect(http).toMatchObject({
      ...{ security_group_id: id, direction: 'ingress', protocol: 'tcp', ethertype: 'IPv4', description: 'http' },
      ...{ port_range_min: 80, port_range_max: 80, remote_ip_prefix: '192.0.2.5/24', normalized_cidr: '192.0.2.0/24' },
      ...{ remote_group_id: null, remote_address_group_id: null, revision_number: 0 },
    });
    const found = async (query: string) =>
      (await listed(`/v2.0/security-group-rules?security_group_id=${id}&${query}`)).map((each) => each.id);
    expect(await found('normalized_cidr=192.0.2.0/24')).toEqual([http.id]);
    expect(await found('protocol=tcp&port_range_min=80')).toEqual([http.id]);
    expect(await found('protocol=')).toHaveLength(2);
    expect(await found('ethertype=ipv6')).toHaveLength(1);
    expect(await found('sort_key=normalized_cidr&sort_key=port_range_min')).toHaveLength(3);
    const icmp = await rule({ security_group_id: id, direction: 'ingress', ethertype: 'IPv6', protocol: 'icmp' });
    expect(icmp['protocol']).toBe('ipv6-icmp');
    const one = await rule({ security_group_id: id, direction: 'ingress', remote_ip_prefix: '192.0.2.9' });
    expect(one).toMatchObject({ remote_ip_prefix: '192.0.2.9/32', normalized_cidr: '192.0.2.9/32', protocol: null });
    expect(
      refusal(await addRule({ security_group_id: id, direction: 'ingress', protocol: 58, ethertype: 'IPv6' })),
    ).toEqual([409, 'SecurityGroupRuleExists', `Security group rule already exists. Rule id is ${icmp.id}.`]);
    expect(
      await api.call('PUT', `/v2.0/security-group-rules/${one.id}`, { security_group_rule: { description: 'x' } }),
    ).toMatchObject({ status: 405 });
    expect(await api.call('DELETE', `/v2.0/security-group-rules/${one.id}`)).toMatchObject({ status: 204 });
    expect(refusal(await api.call('DELETE', `/v2.0/security-group-rules/${one.id}`))).toEqual([
      404,
      'SecurityGroupRuleNotFound',
      `Security group rule ${one.id} does not exist`,
    ]);
  });

  it.each<[string, object, number, string]>([
    ['no direction', {}, 400, 'HTTPBadRequest'],
    ['a strange direction', { direction: 'up' }, 400, 'HTTPBadRequest'],
    ['a strange ethertype', { direction: 'egress', ethertype: 'ARP' }, 400, 'SecurityGroupRuleInvalidEtherType'],
    ['a strange protocol', { direction: 'egress', protocol: 'tpc' }, 400, 'SecurityGroupRuleInvalidProtocol'],
    ['a protocol that is an object', { direction: 'egress', protocol: {} }, 400, 'SecurityGroupRuleInvalidProtocol'],
    [
      'a port beyond all ports',
      { direction: 'egress', protocol: 'tcp', port_range_min: 1, port_range_max: 65536 },
      400,
      'SecurityGroupInvalidPortValue',
    ],
    [
      'ports the wrong way round',
      { direction: 'egress', protocol: 'tcp', port_range_min: 2, port_range_max: 1 },
      400,
      'SecurityGroupInvalidPortRange',
    ],
    [
      'an ICMP code alone',
      { direction: 'egress', protocol: 'icmp', port_range_max: 1 },
      400,
      'SecurityGroupMissingIcmpType',
    ],
    ['what is no prefix', { direction: 'egress', remote_ip_prefix: '10.0.0.0/33' }, 400, 'InvalidCIDR'],
    [
      'a prefix of the other family',
      { direction: 'egress', remote_ip_prefix: 'fd00::/64' },
      400,
      'SecurityGroupRuleParameterConflict',
    ],
    [
      'two remotes',
      { direction: 'egress', remote_group_id: NOBODY, remote_ip_prefix: '10.0.0.0/8' },
      400,
      'SecurityGroupMultipleRemoteEntites',
    ],
    ['a group nobody has', { direction: 'egress', remote_group_id: NOBODY }, 404, 'SecurityGroupNotFound'],
    [
      'an address group nobody has',
      { direction: 'egress', remote_address_group_id: NOBODY },
      404,
      'AddressGroupNotFound',
    ],
    ['a name of its own', { direction: 'egress', name: 'x' }, 400, 'HTTPBadRequest'],
  ])('refuse a rule with %s', async (_what, fields, status, type) => {
    const [own] = (await listed('/v2.0/security-groups?name=default')) as [Fields];
    expect(refusal(await addRule({ security_group_id: own.id, ...fields })).slice(0, 2)).toEqual([status, type]);
    expect(refusal(await addRule({ direction: 'egress', security_group_id: 'none' })).slice(0, 2)).toEqual([
      404,
      'SecurityGroupNotFound',
    ]);
  });

  it('take many rules at once, or none', async () => {
    const { id } = await group();
    const rules = [80, 443].map((port) => ({
      ...{ security_group_id: id, direction: 'ingress', protocol: 'tcp', port_range_min: port, port_range_max: port },
    }));
    const add = (each: object[]) => api.call('POST', '/v2.0/security-group-rules', { security_group_rules: each });
    expect(refusal(await add([...rules, { ...rules[0], protocol: '6' }])).slice(0, 2)).toEqual([
      409,
      'DuplicateSecurityGroupRuleInPost',
    ]);
    const other = await group();
    expect(refusal(await add([...rules, { ...rules[0], security_group_id: other.id }])).slice(0, 2)).toEqual([
      400,
      'SecurityGroupNotSingleGroupRules',
    ]);
    expect(await listed(`/v2.0/security-group-rules?security_group_id=${id}`)).toHaveLength(2);
    const made = await add(rules);
    expect(made).toMatchObject({ status: 201 });
    expect((made.body as { security_group_rules: Rule[] }).security_group_rules).toHaveLength(2);
  });

  it('admit one of many clients that ask for the same rule at once', async () => {
    const { id } = await group();
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, n) =>
        addRule({ security_group_id: id, direction: 'ingress', protocol: n % 2 ? 'udp' : '17' }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 15 }, () => 409)]);
  });

  it('cannot be deleted while ports are in them', async () => {
    const { id } = await group();
    const network = await api.make<Fields>('POST', '/v2.0/networks', { network: { name: 'n' } });
    const port = await api.make<Fields>('POST', '/v2.0/ports', {
      port: { network_id: network.id, security_groups: [id] },
    });
    expect(refusal(await api.call('DELETE', `/v2.0/security-groups/${id}`))).toEqual([
      409,
      'SecurityGroupInUse',
      `Security Group ${id} in use.`,
    ]);
    expect(await listed(`/v2.0/ports?security_groups=${id}`)).toEqual([port]);
    await api.call('DELETE', `/v2.0/ports/${port.id}`);
    expect(await api.call('DELETE', `/v2.0/security-groups/${id}`)).toMatchObject({ status: 204 });
  });

  it('are shared by policies', async () => {
    const { id } = await group();
    const policy = { object_type: 'security_group', object_id: id, action: 'access_as_shared', target_tenant: '*' };
    const opened = await api.make<Fields>('POST', '/v2.0/rbac-policies', { rbac_policy: policy });
    expect(await listed('/v2.0/security-groups?shared=true')).toMatchObject([{ id, shared: true }]);
    expect(await api.call('DELETE', `/v2.0/security-groups/${id}`)).toMatchObject({ status: 204 });
    expect(await api.call('GET', `/v2.0/rbac-policies/${opened.id}`)).toMatchObject({ status: 404 });
    expect((await api.call('PUT', `/v2.0/security-groups/${id}`, { security_group: { shared: true } })).status).toBe(
      400,
    );
  });

  it('have tags', async () => {
    const { id } = await group();
    expect(await api.call('PUT', `/v2.0/security-groups/${id}/tags/blue`)).toMatchObject({ status: 201 });
    expect((await listed('/v2.0/security-groups?tags=blue')).map((each) => each.id)).toEqual([id]);
  });
});

describe('address groups', () => {
  const address = (id: string, action: string, addresses: unknown) =>
    api.call('PUT', `/v2.0/address-groups/${id}/${action}`, { addresses });

  it('are sets of prefixes that rules name', async () => {
    const made = await api.make<Fields>('POST', '/v2.0/address-groups', {
      address_group: { name: 'offices', addresses: ['203.0.113.7/32', '198.51.100.9/24'] },
    });
    expect(made).toMatchObject({ name: 'offices', addresses: ['198.51.100.0/24', '203.0.113.7/32'] });
    const { id } = made;
    const grown = await address(id, 'add_addresses', ['fd00::/64']);
    expect(grown).toMatchObject({
      status: 200,
      body: {
        address_group: { id, addresses: ['198.51.100.0/24', '203.0.113.7/32', 'fd00::/64'], revision_number: 1 },
      },
    });
    expect((await api.call('GET', `/v2.0/address-groups/${id}`)).body).toEqual(grown.body);
    expect(refusal(await address(id, 'add_addresses', ['198.51.100.0/24']))).toEqual([
      400,
      'AddressesAlreadyExist',
      `Addresses ['198.51.100.0/24'] already exist in the address group ${id}.`,
    ]);
    expect(refusal(await address(id, 'remove_addresses', ['10.0.0.0/8'])).slice(0, 2)).toEqual([
      404,
      'AddressesNotFound',
    ]);
    expect(refusal(await address(id, 'add_addresses', ['10.0.0.0'])).slice(0, 2)).toEqual([400, 'HTTPBadRequest']);
    expect(refusal(await address(id, 'add_addresses', 'all')).slice(0, 2)).toEqual([400, 'HTTPBadRequest']);
    const wrapped = { address_group: { addresses: ['fd00::/64'] } };
    expect(await api.call('PUT', `/v2.0/address-groups/${id}/remove_addresses`, wrapped)).toMatchObject({
      status: 200,
      body: { address_group: { addresses: ['198.51.100.0/24', '203.0.113.7/32'] } },
    });
    const direct = await api.call('PUT', `/v2.0/address-groups/${id}`, { address_group: { addresses: [] } });
    expect(refusal(direct)).toEqual([400, 'HTTPBadRequest', 'Cannot update read-only attribute addresses']);

    const { id: groupId } = await group();
    const named = await rule({ security_group_id: groupId, direction: 'ingress', remote_address_group_id: id });
    expect(named['remote_address_group_id']).toBe(id);
    expect(refusal(await api.call('DELETE', `/v2.0/address-groups/${id}`))).toEqual([
      409,
      'AddressGroupInUse',
      `Address group ${id} is in use on one or more security group rules.`,
    ]);
    await api.call('DELETE', `/v2.0/security-groups/${groupId}`);
    expect(await api.call('DELETE', `/v2.0/address-groups/${id}`)).toMatchObject({ status: 204 });
    expect(refusal(await api.call('GET', `/v2.0/address-groups/${id}`))).toEqual([
      404,
      'AddressGroupNotFound',
      `Address group ${id} could not be found.`,
    ]);
  });

  it('lose nothing to two clients at once', async () => {
    const { id } = await api.make<Fields>('POST', '/v2.0/address-groups', { address_group: {} });
    const added = Array.from({ length: 16 }, (_, n) => `10.0.${n}.0/24`);
    const answers = await Promise.all(added.map((each) => address(id, 'add_addresses', [each])));
    expect(answers.map(({ status }) => status)).toEqual(added.map(() => 200));
    expect((await listed(`/v2.0/address-groups?id=${id}`))[0]).toMatchObject({ addresses: added });
  });
});
