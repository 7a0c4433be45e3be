/**
 * What real clients and the reference's own API tests expect, by the point where this server once answered otherwise. Each row tries one thing on the running API, as the
 * people of a cloud: `owner` and `reader` of project A, `other` of project B, `admin` of a third.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Answer } from './api-process.js';
import { NOBODY, type Persona, PolicyWorld } from './policy-world.js';

type Thing = { id: string; [name: string]: unknown };

let world: PolicyWorld;
beforeAll(async () => {
  world = await PolicyWorld.start();
});
afterAll(() => world?.stop());

const as = (...[persona, method, path, body]: Parameters<PolicyWorld['as']>): Promise<Answer> =>
  world.as(persona, method, path, body);
/** Segment of a path -> name of the resource in bodies. */
const NAMES: Readonly<Record<string, string>> = {
  networks: 'network',
  subnets: 'subnet',
  subnetpools: 'subnetpool',
  'address-scopes': 'address_scope',
  'address-groups': 'address_group',
  ports: 'port',
  routers: 'router',
  floatingips: 'floatingip',
  'security-groups': 'security_group',
  'security-group-rules': 'security_group_rule',
  'rbac-policies': 'rbac_policy',
};
const inside = (answer: Answer): unknown => Object.values(answer.body as object)[0];
async function done(persona: Persona, method: string, path: string, body?: unknown): Promise<Thing> {
  const answer = await as(persona, method, path, body);
  if (answer.status >= 300) throw new Error(`${persona} ${method} ${path}: ${JSON.stringify(answer)}`);
  return inside(answer) as Thing;
}
const create = (persona: Persona, segment: string, fields: object): Promise<Thing> =>
  done(persona, 'POST', segment, { [NAMES[segment] as string]: fields });
const update = (persona: Persona, path: string, fields: object): Promise<Answer> =>
  as(persona, 'PUT', path, { [NAMES[path.split('/')[0] as string] as string]: fields });
const show = (persona: Persona, path: string): Promise<Thing> => done(persona, 'GET', path);
const list = async (persona: Persona, path: string): Promise<Thing[]> =>
  (await done(persona, 'GET', path)) as unknown as Thing[];
const idsOf = (things: readonly Thing[]) => things.map(({ id }) => id).sort();
const told = ({ status, body }: Answer) => {
  const error = (body as { NeutronError?: { type: string; message: string } } | null)?.NeutronError;
  return { status, ...(error && { type: error.type, message: error.message }) };
};
const revision = async (path: string): Promise<number> => Number((await show('admin', path))['revision_number']);
/** A network of the owner with a subnet. */
async function subnetted(cidr: string, persona: Persona = 'owner', fields: object = {}) {
  const network = await create(persona, 'networks', fields);
  return { network, subnet: await create(persona, 'subnets', { network_id: network.id, ip_version: 4, cidr }) };
}
/** An external network with a subnet, of the administrator. */
const external = (n = world.next()) => subnetted(`10.210.${n}.0/24`, 'admin', { 'router:external': true });

type Row = readonly [point: string, what: string, run: () => Promise<unknown>];
const ROWS: readonly Row[] = [
  [
    '1',
    'null is an empty list',
    async () => {
      const { subnet } = await subnetted('10.1.0.0/24');
      const router = await create('owner', 'routers', {});
      await done('owner', 'PUT', `routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
      const routes = [{ destination: '10.9.0.0/24', nexthop: '10.1.0.9' }];
      expect(await update('owner', `routers/${router.id}`, { routes })).toMatchObject({ status: 200 });
      const cleared = await update('owner', `routers/${router.id}`, { routes: null });
      expect(cleared).toMatchObject({ status: 200, body: { router: { routes: [] } } });
      const set = { dns_nameservers: ['9.9.9.9'], host_routes: [{ destination: '10.8.0.0/24', nexthop: '10.1.0.8' }] };
      expect(await update('owner', `subnets/${subnet.id}`, set)).toMatchObject({ status: 200, body: { subnet: set } });
      const none = { dns_nameservers: null, host_routes: null };
      expect(await update('owner', `subnets/${subnet.id}`, none)).toMatchObject({
        status: 200,
        body: { subnet: { dns_nameservers: [], host_routes: [] } },
      });
      const port = await create('owner', 'ports', {
        network_id: subnet['network_id'],
        ...{ allowed_address_pairs: null, extra_dhcp_opts: null },
      });
      expect(await update('owner', `ports/${port.id}`, { security_groups: null })).toMatchObject({
        status: 200,
        body: { port: { security_groups: [], allowed_address_pairs: [], extra_dhcp_opts: [] } },
      });
      expect(await create('owner', 'address-groups', { addresses: null })).toMatchObject({ addresses: [] });
    },
  ],
  [
    '1',
    'what means "none" of an attribute that is absent here is accepted, anything else refused',
    async () => {
      const { network, subnet } = await subnetted('10.2.0.0/24');
      const port = await create('owner', 'ports', { network_id: network.id });
      const router = await create('owner', 'routers', {});
      const { network: outside } = await external();
      const fip = await create('owner', 'floatingips', { floating_network_id: outside.id, qos_policy_id: null });
      const none: [string, object, object][] = [
        [`networks/${network.id}`, { qos_policy_id: null }, { qos_policy_id: NOBODY }],
        [`subnets/${subnet.id}`, { dns_publish_fixed_ip: 'False' }, { dns_publish_fixed_ip: true }],
        [`subnets/${subnet.id}`, { segment_id: null }, { segment_id: NOBODY }],
        [`ports/${port.id}`, { qos_policy_id: null, data_plane_status: null }, { qos_policy_id: NOBODY }],
        [`ports/${port.id}`, { numa_affinity_policy: null, dns_domain: '' }, { numa_affinity_policy: 'legacy' }],
        [`ports/${port.id}`, { dns_domain: '' }, { dns_domain: 'a.example.' }],
        [`routers/${router.id}`, { enable_ndp_proxy: null }, { enable_ndp_proxy: true }],
        [`floatingips/${fip.id}`, { qos_policy_id: null }, { qos_policy_id: NOBODY }],
      ];
      for (const [path, yes, no] of none) {
        expect([path, yes, (await update('admin', path, yes)).status]).toEqual([path, yes, 200]);
        expect([path, no, (await update('admin', path, no)).status]).toEqual([path, no, 400]);
      }
      for (const answer of [
        await create('owner', 'networks', { vlan_transparent: false, qos_policy_id: null }),
        await create('owner', 'ports', {
          network_id: network.id,
          ...{ propagate_uplink_status: false, device_profile: null, numa_affinity_policy: null, qos_policy_id: null },
        }),
        await create('owner', 'routers', { service_type_id: null, flavor_id: null, enable_ndp_proxy: false }),
        await create('admin', 'routers', {
          ...{ ha: null, distributed: null },
          external_gateway_info: { network_id: outside.id, qos_policy_id: null },
        }),
      ])
        expect(answer.id).toBeDefined();
      for (const word of ['yes', 'ON', 'T', 1, 'true'])
        expect((await create('owner', 'networks', { admin_state_up: word }))['admin_state_up']).toBe(true);
    },
  ],
  [
    '1',
    'what the reference takes for nothing is nothing; a subnet pool has a name; a DNS name does not end in a number',
    async () => {
      const { network, subnet } = await subnetted('10.1.1.0/24');
      const set = { dns_nameservers: ['9.9.9.9'], service_types: ['compute:nova'] };
      for (const nothing of [null, '', {}, []]) {
        expect((await update('owner', `subnets/${subnet.id}`, set)).status).toBe(200);
        const cleared = { dns_nameservers: nothing, service_types: nothing };
        expect([nothing, await update('owner', `subnets/${subnet.id}`, cleared)]).toMatchObject([
          nothing,
          { status: 200, body: { subnet: { dns_nameservers: [], service_types: [] } } },
        ]);
      }
      const { network: outside } = await external();
      const router = await create('owner', 'routers', {});
      for (const nothing of [null, '', {}, [], 0, false]) {
        const gateway = { external_gateway_info: { network_id: outside.id } };
        expect((await update('owner', `routers/${router.id}`, gateway)).status).toBe(200);
        expect([
          nothing,
          await update('owner', `routers/${router.id}`, { external_gateway_info: nothing }),
        ]).toMatchObject([nothing, { status: 200, body: { router: { external_gateway_info: null } } }]);
      }
      for (const segments of ['', {}, []]) await create('admin', 'networks', { segments });
      const prefixes = ['172.30.0.0/16'];
      for (const fields of [{ prefixes }, { prefixes, name: '' }, { prefixes, name: ' \t' }])
        expect(told(await as('owner', 'POST', 'subnetpools', { subnetpool: fields }))).toMatchObject({
          status: 400,
          type: 'HTTPBadRequest',
        });
      const pool = await create('owner', 'subnetpools', { prefixes, name: 'p' });
      expect(told(await update('owner', `subnetpools/${pool.id}`, { name: ' ' }))).toMatchObject({
        status: 400,
        message: /Blank strings are not permitted/,
      });
      const description = 'x'.repeat(1024);
      expect(await create('owner', 'address-groups', { description })).toMatchObject({ description });
      const port = await create('owner', 'ports', { network_id: network.id });
      expect(told(await update('owner', `ports/${port.id}`, { dns_name: 'www.5' }))).toMatchObject({
        status: 400,
        message: /TLD '5' must not be all numeric/,
      });
    },
  ],
  [
    '2',
    'lists are filtered by what the reference filters by, shown or not',
    async () => {
      const { network, subnet } = await subnetted('10.3.0.0/24', 'admin', { shared: true });
      const { subnet: own } = await subnetted('10.3.1.0/24');
      const subnets = (query: string) => list('owner', `subnets?${query}`).then(idsOf);
      expect(await subnets(`shared=true&network_id=${network.id}`)).toEqual([subnet.id]);
      expect(await subnets(`shared=True&id=${own.id}`)).toEqual([]);
      expect(await subnets(`shared=0&id=${own.id}`)).toEqual([own.id]);
      expect(await subnets(`shared=1&shared=0&id=${own.id}&id=${subnet.id}`)).toEqual([own.id, subnet.id].sort());
      expect(await list('admin', `subnets?shared=true&id=${subnet.id}`)).toHaveLength(1);
      expect(await subnets(`segment_id=${NOBODY}`)).toEqual([]);
      expect(await subnets(`segment_id=&id=${own.id}`)).toEqual([own.id]);
      const port = await create('owner', 'ports', { network_id: own['network_id'] });
      expect(await list('owner', `ports?ip_allocation=immediate&id=${port.id}`)).toHaveLength(1);
      expect(await list('owner', `ports?ip_allocation=none&ip_allocation=deferred&id=${port.id}`)).toEqual([]);
      expect(await list('owner', `networks?vlan_transparent=true`)).toEqual([]);
      expect(await list('owner', `networks?vlan_transparent=false&id=${network.id}`)).toHaveLength(1);
      expect(await list('owner', `routers?enable_ndp_proxy=true`)).toEqual([]);
      expect((await as('owner', 'GET', 'subnets?shared=perhaps')).status).toBe(400);
      for (const none of ['networks?revision_number=x', 'ports?revision_number=', 'subnetpools?ip_version=x'])
        expect([none, await list('owner', none)]).toEqual([none, []]);
      expect(await list('owner', 'subnets?ip_version=-1')).toEqual([]);
      expect((await as('owner', 'GET', 'subnets?ip_version=x')).status).toBe(400);
    },
  ],
  [
    '3',
    'an empty page leads back',
    async () => {
      const name = `page-${world.next()}`;
      for (const _n of [1, 2]) await create('owner', 'networks', { name });
      type Links = { rel: string; href: string }[];
      const links = async (query: string) => {
        const { body } = await as('owner', 'GET', `networks?name=${name}&${query}`);
        const { networks, networks_links: found = [] } = body as { networks: Thing[]; networks_links?: Links };
        return { ids: networks.map(({ id }) => id), rels: found.map(({ rel }) => rel), found };
      };
      const all = (await links('sort_key=id&sort_dir=asc')).ids;
      const beyond = await links(`limit=1&marker=${all[1]}`);
      expect(beyond).toMatchObject({ ids: [], rels: ['previous'] });
      expect(beyond.found[0]?.href).not.toContain('marker');
      const back = beyond.found[0]?.href as string;
      expect((await links(back.slice(back.indexOf('limit')))).ids).toEqual([all[1]]);
      expect(await links('limit=1&page_reverse=True')).toMatchObject({ ids: [all[1]], rels: ['next', 'previous'] });
      const before = await links(`limit=1&page_reverse=True&marker=${all[0]}`);
      expect(before).toMatchObject({ ids: [], rels: ['next'] });
      expect(before.found[0]?.href).not.toMatch(/marker|page_reverse/);
      expect((await links('limit=0')).rels).toEqual([]);
      for (const path of ['floatingip-pools', 'network-ip-availabilities', 'agents', 'subnets']) {
        const answer = await as('admin', 'GET', `${path}?limit=1&page_reverse=true`);
        const linked = Object.entries(answer.body as object).find(([key]) => key.endsWith('_links'));
        expect([path, answer.status, linked === undefined]).toEqual([path, 200, false]);
      }
    },
  ],
  [
    '4',
    'subnets of an external network are seen by whom it is shared with, and by nobody for being external',
    async () => {
      const { network, subnet } = await external();
      expect((await as('owner', 'GET', `networks/${network.id}`)).status).toBe(200);
      expect(await list('owner', `subnets?network_id=${network.id}`)).toEqual([]);
      expect(told(await as('owner', 'GET', `subnets/${subnet.id}`))).toMatchObject({
        status: 404,
        type: 'SubnetNotFound',
      });
      const router = await create('owner', 'routers', { external_gateway_info: { network_id: network.id } });
      const attach = (target: Thing) =>
        as('owner', 'PUT', `routers/${router.id}/add_router_interface`, { subnet_id: target.id });
      expect(told(await attach(subnet))).toMatchObject({ status: 404, type: 'SubnetNotFound' });
      const fip = await create('owner', 'floatingips', { floating_network_id: network.id, subnet_id: subnet.id });
      expect(fip['floating_ip_address']).toMatch(/^10\.210\./);
      expect(idsOf(await list('admin', `subnets?network_id=${network.id}`))).toEqual([subnet.id]);
      await create('admin', 'rbac-policies', {
        ...{ object_type: 'network', object_id: network.id, action: 'access_as_shared' },
        target_tenant: world.projectOf('owner'),
      });
      expect(idsOf(await list('owner', `subnets?network_id=${network.id}`))).toEqual([subnet.id]);
      expect(await list('other', `subnets?network_id=${network.id}`)).toEqual([]);
    },
  ],
  [
    '5',
    'free floating IPs go with their external network, those in use keep it',
    async () => {
      const { network } = await external();
      const fips = [await create('owner', 'floatingips', { floating_network_id: network.id })];
      fips.push(await create('other', 'floatingips', { floating_network_id: network.id }));
      const { network: inner, subnet } = await subnetted('10.5.0.0/24');
      const router = await create('owner', 'routers', { external_gateway_info: { network_id: network.id } });
      await done('owner', 'PUT', `routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
      const port = await create('owner', 'ports', { network_id: inner.id });
      await update('owner', `floatingips/${fips[0]?.id}`, { port_id: port.id });
      expect(told(await as('admin', 'DELETE', `networks/${network.id}`))).toMatchObject({
        status: 409,
        type: 'NetworkInUse',
      });
      expect((await as('other', 'GET', `floatingips/${fips[1]?.id}`)).status).toBe(200);
      await as('owner', 'DELETE', `ports/${port.id}`);
      await update('owner', `routers/${router.id}`, { external_gateway_info: null });
      expect((await as('admin', 'DELETE', `networks/${network.id}`)).status).toBe(204);
      for (const { id } of fips)
        expect(told(await as('admin', 'GET', `floatingips/${id}`))).toMatchObject({
          status: 404,
          type: 'FloatingIPNotFound',
        });
      expect(await list('admin', `ports?network_id=${network.id}`)).toEqual([]);
    },
  ],
  [
    '6',
    'a gateway may be outside the subnet; a prefix that begins with 0.0.0.0 has no DHCP',
    async () => {
      const network = await create('admin', 'networks', { 'router:external': true });
      const subnet = (fields: object) =>
        as('admin', 'POST', 'subnets', { subnet: { network_id: network.id, ip_version: 4, ...fields } });
      const outside = await subnet({ cidr: '10.97.0.0/24', gateway_ip: '10.96.0.1' });
      expect(outside).toMatchObject({
        status: 201,
        body: {
          subnet: { gateway_ip: '10.96.0.1', allocation_pools: [{ start: '10.97.0.1', end: '10.97.0.254' }] },
        },
      });
      const v6 = { ip_version: 6, cidr: '2001:db8:1::/64', gateway_ip: 'fe80::1' };
      expect(await subnet(v6)).toMatchObject({ status: 201, body: { subnet: { gateway_ip: 'fe80::1' } } });
      const { id } = inside(outside) as Thing;
      expect((await update('admin', `subnets/${id}`, { gateway_ip: '10.95.255.254' })).status).toBe(200);
      for (const gateway_ip of ['10.97.0.0', '10.97.0.255', '224.0.0.1', '127.0.0.1', '0.0.0.0', '255.255.255.255'])
        expect([gateway_ip, (await update('admin', `subnets/${id}`, { gateway_ip })).status]).toEqual([
          gateway_ip,
          400,
        ]);
      const router = await create('admin', 'routers', { external_gateway_info: { network_id: network.id } });
      expect(router['external_gateway_info']).toMatchObject({ network_id: network.id });
      const other = await create('admin', 'routers', {});
      expect(
        told(await as('admin', 'PUT', `routers/${other.id}/add_router_interface`, { subnet_id: id })),
      ).toMatchObject({ status: 400, type: 'InvalidIpForSubnet' });
      expect(told(await subnet({ cidr: '0.0.0.0/24' }))).toMatchObject({ status: 400, type: 'InvalidInput' });
      const still = await subnet({ cidr: '0.0.0.0/24', enable_dhcp: false });
      expect(still).toMatchObject({ status: 201 });
      expect(
        told(await update('admin', `subnets/${(inside(still) as Thing).id}`, { enable_dhcp: true })),
      ).toMatchObject({ status: 400, type: 'InvalidInput' });
    },
  ],
  [
    '7',
    'the port of a router or floating IP may be given its own addresses in any form',
    async () => {
      const { network: outside } = await external();
      const { subnet } = await subnetted('10.7.0.0/24');
      const router = await create('owner', 'routers', { external_gateway_info: { network_id: outside.id } });
      await done('owner', 'PUT', `routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
      await create('owner', 'floatingips', { floating_network_id: outside.id });
      type Ips = { subnet_id: string; ip_address: string }[];
      for (const owner of ['network:router_interface', 'network:router_gateway', 'network:floatingip']) {
        const network = owner === 'network:router_interface' ? subnet['network_id'] : outside.id;
        const [port] = (await list('admin', `ports?device_owner=${owner}&network_id=${network}`)) as [Thing];
        const ips = port['fixed_ips'] as Ips;
        for (const fixed_ips of [
          ips,
          ips.map(({ subnet_id }) => ({ subnet_id })),
          ips.map(({ ip_address }) => ({ ip_address })),
        ])
          expect([owner, fixed_ips, await update('admin', `ports/${port.id}`, { fixed_ips })]).toMatchObject([
            owner,
            fixed_ips,
            { status: 200, body: { port: { fixed_ips: ips, revision_number: port['revision_number'] } } },
          ]);
        for (const fixed_ips of [[], [{ subnet_id: subnet.id }, { subnet_id: subnet.id }]])
          expect(told(await update('admin', `ports/${port.id}`, { fixed_ips }))).toMatchObject({
            status: 409,
            type: 'ServicePortInUse',
          });
      }
    },
  ],
  [
    '8',
    'the revision of a whole grows when a part of it changes',
    async () => {
      const { network, subnet } = await subnetted('10.8.0.0/24');
      const path = `networks/${network.id}`;
      let before = await revision(path);
      const grows = async (what: string, change: Promise<unknown>) => {
        await change;
        const now = await revision(path);
        expect([what, now > before]).toEqual([what, true]);
        before = now;
        expect(
          (await list('owner', path.replace(/\/.*/, '') + `?revision_number=${now}&id=${network.id}`)).length,
        ).toBe(1);
      };
      await grows('subnet changed', update('owner', `subnets/${subnet.id}`, { name: 'x' }));
      const policy = create('owner', 'rbac-policies', {
        ...{ object_type: 'network', object_id: network.id, action: 'access_as_shared' },
        target_tenant: world.projectOf('other'),
      });
      await grows('policy made', policy);
      await grows('policy retargeted', update('owner', `rbac-policies/${(await policy).id}`, { target_tenant: 'zzz' }));
      await grows('policy deleted', as('owner', 'DELETE', `rbac-policies/${(await policy).id}`));
      await grows('subnet deleted', as('owner', 'DELETE', `subnets/${subnet.id}`));
      const group = await create('owner', 'security-groups', { name: 'g' });
      const groupAt = await revision(`security-groups/${group.id}`);
      expect(groupAt).toBe(group['revision_number']);
      const rule = { security_group_id: group.id, direction: 'ingress', protocol: 'tcp' };
      const made = await create('owner', 'security-group-rules', rule);
      const withRule = await revision(`security-groups/${group.id}`);
      expect(withRule).toBeGreaterThan(groupAt);
      await as('owner', 'DELETE', `security-group-rules/${made.id}`);
      expect(await revision(`security-groups/${group.id}`)).toBeGreaterThan(withRule);
      const sorted = await list('admin', 'networks?sort_key=revision_number&sort_dir=desc&fields=revision_number');
      const numbers = sorted.map((each) => Number(each['revision_number']));
      expect(numbers).toEqual([...numbers].sort((a, b) => b - a));
    },
  ],
  [
    '8',
    'If-Match compares with the revision that is shown, and a number that nothing has does not match',
    async () => {
      const { network } = await subnetted('10.8.1.0/24');
      const now = await revision(`networks/${network.id}`);
      const put = (condition: string) =>
        world.api.call(
          'PUT',
          `/v2.0/networks/${network.id}`,
          { network: { name: condition } },
          { ...world.tokenOf('owner'), 'if-match': condition },
        );
      for (const number of ['-1', `${now + 1}`, `${now - 1}`, '99999999999999999999'])
        expect(told(await put(`revision_number=${number}`))).toMatchObject({
          status: 412,
          type: 'RevisionNumberConstraintFailed',
        });
      expect((await put('revision_number=x')).status).toBe(400);
      expect((await put(`revision_number=${now}`)).status).toBe(200);
    },
  ],
  [
    '9',
    'floating IP pools are where clients look for them',
    async () => {
      const { network, subnet } = await external();
      const answer = await as('owner', 'GET', `floatingip-pools?network_id=${network.id}`);
      expect(answer).toMatchObject({ status: 200, body: { floatingip_pools: [{ subnet_id: subnet.id }] } });
    },
  ],
  [
    '9',
    'ports are created with tags',
    async () => {
      const network = await create('owner', 'networks', {});
      const ports = [{ network_id: network.id, tags: ['b', 'a', 'b'] }, { network_id: network.id }];
      const made = await done('owner', 'POST', 'ports', { ports });
      expect((made as unknown as Thing[]).map(({ tags }) => tags)).toEqual([['a', 'b'], []]);
      expect(await list('owner', `ports?tags=a,b&network_id=${network.id}`)).toHaveLength(1);
      expect((await as('owner', 'POST', 'ports', { port: { network_id: network.id, tags: [''] } })).status).toBe(400);
      const aliases = (await list('owner', 'extensions')).map(({ alias }) => alias);
      expect(aliases).toContain('tag-ports-during-bulk-creation');
    },
  ],
  [
    '9',
    'a member may not create for another project',
    async () => {
      for (const [segment, fields] of Object.entries({
        networks: {},
        routers: {},
        'security-groups': { name: 'x' },
        'address-groups': {},
        subnetpools: { name: 'x', prefixes: ['10.0.0.0/8'] },
        'address-scopes': { ip_version: 4 },
      }))
        for (const name of ['tenant_id', 'project_id'])
          expect(
            told(
              await as('owner', 'POST', segment, {
                [NAMES[segment] as string]: { ...fields, [name]: world.projectOf('other') },
              }),
            ),
          ).toMatchObject({ status: 400, type: 'HTTPBadRequest', message: /requires admin or advsvc privileges/ });
    },
  ],
  [
    '9',
    'an owner makes his own network external for a project by name',
    async () => {
      const { network } = await subnetted('10.211.0.0/24');
      const open = (persona: Persona, target_tenant: string) =>
        as(persona, 'POST', 'rbac-policies', {
          rbac_policy: {
            ...{ object_type: 'network', object_id: network.id, action: 'access_as_external' },
            target_tenant,
          },
        });
      expect((await open('owner', '*')).status).toBe(403);
      expect((await open('other', world.projectOf('other'))).status).toBe(404);
      const policy = inside(await open('owner', world.projectOf('other'))) as Thing;
      expect(await show('owner', `networks/${network.id}`)).toMatchObject({ 'router:external': true });
      const router = await create('other', 'routers', { external_gateway_info: { network_id: network.id } });
      expect(told(await as('owner', 'DELETE', `rbac-policies/${policy.id}`))).toMatchObject({
        status: 409,
        type: 'RbacPolicyInUse',
      });
      await as('other', 'DELETE', `routers/${router.id}`);
      expect((await as('owner', 'DELETE', `rbac-policies/${policy.id}`)).status).toBe(204);
      expect(await show('owner', `networks/${network.id}`)).toMatchObject({ 'router:external': false });
    },
  ],
  [
    '9',
    'another project has its default group once an administrator asks for it or makes something for it',
    async () => {
      const [asked, made, ported] = [1, 2, 3].map((n) => `${n}`.repeat(32)) as [string, string, string];
      const groups = (query: string) => list('admin', `security-groups?${query}`);
      expect(await groups(`project_id=${asked}`)).toMatchObject([{ name: 'default', project_id: asked }]);
      expect(await list('admin', `security-group-rules?tenant_id=${asked}`)).toHaveLength(4);
      const network = await create('admin', 'networks', { tenant_id: made });
      expect((await list('admin', 'security-groups?name=default')).map((each) => each['project_id'])).toContain(made);
      await create('admin', 'ports', { network_id: network.id, tenant_id: ported, port_security_enabled: false });
      expect((await list('admin', 'security-groups?name=default')).map((each) => each['project_id'])).toContain(ported);
      expect(await list('owner', `security-groups?project_id=${asked}`)).toEqual([]);
    },
  ],
  [
    '9',
    'address scopes of subnet pools',
    async () => {
      const pool = (persona: Persona, fields: object) =>
        as(persona, 'POST', 'subnetpools', {
          subnetpool: { name: 'p', prefixes: [`10.${100 + world.next()}.0.0/16`], ...fields },
        });
      expect(told(await pool('owner', { address_scope_id: NOBODY }))).toMatchObject({
        status: 404,
        type: 'AddressScopeNotFound',
      });
      const scope = await create('admin', 'address-scopes', { ip_version: 4 });
      expect(told(await pool('owner', { address_scope_id: scope.id }))).toMatchObject({
        status: 404,
        type: 'AddressScopeNotFound',
      });
      const unseen = { status: 400, type: 'InvalidInput', message: /doesn't have access to associated address scope/ };
      expect(told(await pool('admin', { address_scope_id: scope.id, shared: true }))).toMatchObject(unseen);
      const { id } = inside(await pool('admin', { address_scope_id: scope.id })) as Thing;
      const share = (object_type: string, object_id: string) =>
        as('admin', 'POST', 'rbac-policies', {
          rbac_policy: {
            ...{ object_type, object_id, action: 'access_as_shared' },
            target_tenant: world.projectOf('owner'),
          },
        });
      expect(told(await share('subnetpool', id))).toMatchObject(unseen);
      expect((await share('address_scope', scope.id)).status).toBe(201);
      const policy = inside(await share('subnetpool', id)) as Thing;
      expect(told(await update('admin', `rbac-policies/${policy.id}`, { target_tenant: '*' }))).toMatchObject(unseen);
      const hidden = await create('admin', 'address-scopes', { ip_version: 4 });
      expect(told(await update('admin', `subnetpools/${id}`, { address_scope_id: hidden.id }))).toMatchObject(unseen);
    },
  ],
  [
    '9',
    'members set service types; address groups take single addresses',
    async () => {
      const { subnet } = await subnetted('10.9.0.0/24');
      const service_types = ['compute:nova'];
      expect(await update('owner', `subnets/${subnet.id}`, { service_types })).toMatchObject({
        status: 200,
        body: { subnet: { service_types } },
      });
      const group = await create('owner', 'address-groups', {
        addresses: ['10.0.0.1/32', '10.0.0.2/32', 'fd00::1/128'],
      });
      const act = (action: string, addresses: unknown) =>
        as('owner', 'PUT', `address-groups/${group.id}/${action}`, { addresses });
      expect(await act('remove_addresses', ['10.0.0.1', 'fd00::1'])).toMatchObject({
        status: 200,
        body: { address_group: { addresses: ['10.0.0.2/32'] } },
      });
      expect(told(await act('remove_addresses', ['10.0.0.9']))).toMatchObject({
        status: 404,
        type: 'AddressesNotFound',
      });
      expect((await act('remove_addresses', ['10.0.0'])).status).toBe(400);
    },
  ],
  [
    '9',
    'an update of a floating IP that names nothing disassociates it',
    async () => {
      const { network: outside } = await external();
      const { network, subnet } = await subnetted('10.9.1.0/24');
      const router = await create('owner', 'routers', { external_gateway_info: { network_id: outside.id } });
      await done('owner', 'PUT', `routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
      const port = await create('owner', 'ports', { network_id: network.id });
      const fip = await create('owner', 'floatingips', { floating_network_id: outside.id, port_id: port.id });
      for (const kept of [{ description: 'x' }, { qos_policy_id: null }])
        expect(await update('owner', `floatingips/${fip.id}`, kept)).toMatchObject({
          body: { floatingip: { port_id: port.id } },
        });
      expect(await update('owner', `floatingips/${fip.id}`, {})).toMatchObject({
        status: 200,
        body: { floatingip: { port_id: null, fixed_ip_address: null, router_id: null } },
      });
    },
  ],
  [
    '11',
    'what an attribute opens is a policy of the object, which its project sees and can narrow',
    async () => {
      const project = world.projectOf('owner');
      const policies = (id: string) => list('owner', `rbac-policies?object_id=${id}`);
      const network = await create('admin', 'networks', { tenant_id: project, shared: true, 'router:external': true });
      const both = await policies(network.id);
      expect(both.map((each) => [each['action'], each['target_tenant'], each['project_id']]).sort()).toEqual([
        ['access_as_external', '*', project],
        ['access_as_shared', '*', project],
      ]);
      const one = (action: string) => both.find((each) => each['action'] === action) as Thing;
      expect(await show('other', `networks/${network.id}`)).toMatchObject({ shared: true, 'router:external': true });
      const narrow = await update('owner', `rbac-policies/${one('access_as_external').id}`, {
        target_tenant: world.projectOf('other'),
      });
      expect(narrow.status).toBe(200);
      expect((await as('owner', 'DELETE', `rbac-policies/${one('access_as_shared').id}`)).status).toBe(204);
      expect(await show('other', `networks/${network.id}`)).toMatchObject({ shared: false, 'router:external': true });
      expect((await update('admin', `networks/${network.id}`, { 'router:external': false })).status).toBe(200);
      expect((await as('other', 'GET', `networks/${network.id}`)).status).toBe(404);
      expect(await policies(network.id)).toEqual([]);
      for (const [segment, fields] of [
        ['subnetpools', { name: 's', prefixes: ['172.20.0.0/16'] }],
        ['address-scopes', { ip_version: 6 }],
      ] as const) {
        const { id } = await create('admin', segment, { ...fields, tenant_id: project, shared: true });
        expect(await policies(id)).toMatchObject([{ target_tenant: '*', project_id: project }]);
        expect(await show('other', `${segment}/${id}`)).toMatchObject({ shared: true });
        const [policy] = (await policies(id)) as [Thing];
        expect((await as('owner', 'DELETE', `rbac-policies/${policy.id}`)).status).toBe(204);
        expect((await as('other', 'GET', `${segment}/${id}`)).status).toBe(404);
      }
    },
  ],
  [
    '11',
    'the default external network stays open; a quota of policies counts those of attributes and refuses none of them',
    async () => {
      const network = await create('admin', 'networks', { 'router:external': true, is_default: true });
      const [policy] = (await list('admin', `rbac-policies?object_id=${network.id}`)) as [Thing];
      expect(told(await as('admin', 'DELETE', `rbac-policies/${policy.id}`))).toMatchObject({
        status: 409,
        type: 'RbacPolicyInUse',
        message: /Default external networks must be shared to everyone/,
      });
      expect((await as('admin', 'DELETE', `networks/${network.id}`)).status).toBe(204);
      const project = '4'.repeat(32);
      await done('admin', 'PUT', `quotas/${project}`, { quota: { rbac_policy: 1 } });
      const opened = [];
      for (const _n of [1, 2]) opened.push(await create('admin', 'networks', { tenant_id: project, shared: true }));
      expect((await done('admin', 'GET', `quotas/${project}/details`))['rbac_policy']).toMatchObject({
        used: 2,
        limit: 1,
      });
      const more = { object_type: 'network', object_id: opened[0]?.id, action: 'access_as_shared' };
      expect(
        told(
          await as('admin', 'POST', 'rbac-policies', {
            rbac_policy: { ...more, tenant_id: project, target_tenant: 'somebody' },
          }),
        ),
      ).toMatchObject({ status: 409, type: 'OverQuota' });
    },
  ],
  [
    '12',
    'what Nova asks for an instance: from its networks to its deletion, on the host that it names',
    async () => {
      const project = world.projectOf('owner');
      const { network, subnet } = await subnetted('10.12.0.0/24');
      const port = await create('owner', 'ports', { network_id: network.id, name: 'brought along' });
      const [group] = (await list('owner', 'security-groups?name=default')) as [Thing];
      const device = `${NOBODY.slice(0, -4)}0012`;
      const bind = { device_id: device, device_owner: 'compute:nova', 'binding:host_id': 'policy1' };
      // Which networks, is there room, what can the server do.
      expect(idsOf(await list('owner', `networks?id=${network.id}`))).toEqual([network.id]);
      expect((await as('owner', 'GET', `quotas/${project}`)).status).toBe(200);
      expect(idsOf(await list('admin', `ports?tenant_id=${project}&fields=id`))).toContain(port.id);
      const aliases = (await list('admin', 'extensions')).map(({ alias }) => alias);
      expect(aliases).toEqual(
        expect.arrayContaining(['binding', 'binding-extended', 'security-group', 'auto-allocated-topology']),
      );
      for (const absent of ['port-resource-request', 'multi-provider', 'trunk']) expect(aliases).not.toContain(absent);
      const fields = 'fields=provider%3Aphysical_network&fields=provider%3Anetwork_type';
      expect(await show('admin', `networks/${network.id}?${fields}`)).toEqual({
        'provider:physical_network': null,
        'provider:network_type': 'vxlan',
      });
      // A port of its own, and the one that was brought along, both bound as administrator.
      const own = await create('owner', 'ports', {
        ...{ device_id: device, network_id: network.id, admin_state_up: true, tenant_id: project },
        fixed_ips: [{ ip_address: '10.12.0.50' }],
      });
      for (const { id } of [own, port])
        expect(await update('admin', `ports/${id}`, bind)).toMatchObject({
          status: 200,
          body: {
            port: {
              'binding:vif_type': 'ovs',
              'binding:vif_details': { bridge_name: 'br-int', ovs_hybrid_plug: false },
            },
          },
        });
      // What it then shows people.
      expect(idsOf(await list('admin', `ports?tenant_id=${project}&device_id=${device}`))).toEqual(
        [own.id, port.id].sort(),
      );
      expect(await list('admin', `floatingips?fixed_ip_address=10.12.0.50&port_id=${own.id}`)).toEqual([]);
      expect(idsOf(await list('admin', `subnets?id=${subnet.id}`))).toEqual([subnet.id]);
      expect(await list('admin', `ports?network_id=${network.id}&device_owner=network%3Adhcp`)).toEqual([]);
      expect(await list('owner', `security-groups?id=${group.id}&fields=id&fields=name`)).toEqual([
        { id: group.id, name: 'default' },
      ]);
      // Another group, another host, and the end.
      const web = await create('owner', 'security-groups', { name: 'web' });
      expect((await update('owner', `ports/${own.id}`, { security_groups: [web.id, group.id] })).status).toBe(200);
      // A host that nobody knows enforces nothing; a port that needs nothing enforced is bound, and fails.
      const elsewhere = { ...bind, 'binding:host_id': 'cmp9.example.org' };
      expect(await update('admin', `ports/${own.id}`, elsewhere)).toMatchObject({
        status: 409,
        body: { NeutronError: { type: 'PortSecurityNotEnforced' } },
      });
      const open = { port_security_enabled: false, security_groups: [] };
      expect(await update('admin', `ports/${own.id}`, { ...elsewhere, ...open })).toMatchObject({
        status: 200,
        body: { port: { 'binding:host_id': 'cmp9.example.org', 'binding:vif_type': 'binding_failed' } },
      });
      const free = { device_id: '', device_owner: '', 'binding:host_id': null, 'binding:profile': {} };
      expect(await update('admin', `ports/${port.id}`, free)).toMatchObject({
        status: 200,
        body: { port: { device_id: '', 'binding:host_id': '', 'binding:vif_type': 'unbound' } },
      });
      expect((await as('owner', 'DELETE', `ports/${own.id}`)).status).toBe(204);
      expect(await list('admin', `ports?device_id=${device}`)).toEqual([]);
    },
  ],
  [
    '12',
    "what Horizon's forms send",
    async () => {
      const tenant_id = world.projectOf('owner');
      const network = await create('owner', 'networks', { name: 'hz', admin_state_up: true, shared: false, tenant_id });
      const subnet = await create('owner', 'subnets', {
        ...{ network_id: network.id, name: 'hz', cidr: '10.12.1.0/24', ip_version: 4, tenant_id, gateway_ip: null },
        ...{ enable_dhcp: true, allocation_pools: [{ start: '10.12.1.10', end: '10.12.1.99' }] },
        ...{ host_routes: [{ destination: '10.41.0.0/24', nexthop: '10.12.1.1' }], dns_nameservers: ['9.9.9.9'] },
      });
      await create('owner', 'subnets', {
        ...{ network_id: network.id, cidr: '2001:db8:12::/64', ip_version: 6, gateway_ip: null, tenant_id },
        ...{ enable_dhcp: true, ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' },
      });
      const pools = { allocation_pools: subnet['allocation_pools'], host_routes: [], dns_nameservers: [] };
      expect((await update('owner', `subnets/${subnet.id}`, { name: 'x', ...pools })).status).toBe(200);
      const port = await create('owner', 'ports', {
        ...{ network_id: network.id, admin_state_up: true, name: 'p', device_id: '', device_owner: '', tenant_id },
        ...{ fixed_ips: [{ ip_address: '10.12.1.50' }], port_security_enabled: true, 'binding:vnic_type': 'normal' },
      });
      const pairs = { allowed_address_pairs: [{ ip_address: '10.12.1.60' }] };
      expect((await update('owner', `ports/${port.id}`, pairs)).status).toBe(200);
      for (const provider of [
        { 'provider:network_type': 'local' },
        { 'provider:network_type': 'vlan', 'provider:physical_network': 'physnet1', 'provider:segmentation_id': 112 },
        { 'provider:network_type': 'vxlan', 'provider:segmentation_id': 4242 },
      ])
        expect(
          await create('admin', 'networks', { ...provider, tenant_id, shared: true, 'router:external': false }),
        ).toMatchObject(provider);
    },
  ],
  [
    '13',
    'local networks, and what is said of the types that are not there',
    async () => {
      const typed = (type: string, more: object = {}) =>
        as('admin', 'POST', 'networks', { network: { 'provider:network_type': type, ...more } });
      const local = await typed('local');
      expect(local).toMatchObject({
        status: 201,
        body: {
          network: {
            ...{ 'provider:network_type': 'local', 'provider:physical_network': null },
            ...{ 'provider:segmentation_id': null, mtu: 1500 },
          },
        },
      });
      expect((await typed('local')).status).toBe(201);
      expect((await typed('local', { 'provider:segmentation_id': 5 })).status).toBe(400);
      expect((await typed('local', { 'provider:physical_network': 'physnet1' })).status).toBe(400);
      for (const type of ['gre', 'geneve', 'whatever'])
        expect(told(await typed(type))).toMatchObject({
          status: 400,
          type: 'InvalidInput',
          message: /not supported: this server has flat, local, vlan and vxlan/,
        });
      const { id } = inside(local) as Thing;
      const { id: subnet } = await create('admin', 'subnets', { network_id: id, ip_version: 4, cidr: '10.13.0.0/24' });
      expect(await list('admin', `segments?network_id=${id}`)).toMatchObject([{ network_type: 'local' }]);
      const port = await create('admin', 'ports', { network_id: id, 'binding:host_id': 'policy1' });
      expect(port).toMatchObject({ 'binding:vif_type': 'ovs', fixed_ips: [{ subnet_id: subnet }] });
    },
  ],
];

describe('real clients', () => {
  it.each(ROWS)('point %s: %s', async (_point, _what, run) => {
    await run();
  });
});
