"""What programs do with openstacksdk, unmodified, against a Plumbline API: each check makes what it needs, asserts what it reads back, and cleans up.

Connects by clouds.yaml (OS_CLIENT_CONFIG_FILE, OS_CLOUD). Runs the checks named in the arguments, all without any, and prints one JSON object a line: the check's
name and its failure, null when it held.
"""

import contextlib
import json
import sys
import traceback

import openstack
from openstack import exceptions, resource

CHECKS = {}


def check(title):
    def register(function):
        CHECKS[title] = function
        return function

    return register


@contextlib.contextmanager
def raises(kind, status=None, saying=''):
    try:
        yield
    except kind as error:
        assert type(error) is kind, f'{type(error)} is not {kind} itself'
        assert status is None or error.status_code == status, f'{error.status_code} is not {status}'
        assert saying in str(error), f'{error} does not say "{saying}"'
    else:
        raise AssertionError(f'{kind.__name__} was not raised')


def same(found, wanted):
    assert found == wanted, f'{found!r} is not {wanted!r}'


def names(resources):
    return sorted(each.name for each in resources)


@contextlib.contextmanager
def network_of(conn, name='sdk', cidr='10.0.0.0/24', **more):
    """A network with one subnet, and nothing of it afterwards."""
    network = conn.network.create_network(name=name, **more)
    try:
        subnet = conn.network.create_subnet(name=f'{name}-subnet', network_id=network.id, ip_version=4, cidr=cidr)
        yield network, subnet
    finally:
        for port in list(conn.network.ports(network_id=network.id)):
            conn.network.delete_port(port)
        conn.network.delete_network(network)


@contextlib.contextmanager
def routed(conn):
    """An external network, a tenant's network, a router between them, a port."""
    external = dict(is_router_external=True, provider_network_type='flat', provider_physical_network='physnet1')
    with network_of(conn, 'sdk-ext', '10.200.0.0/24', **external) as (outside, _):
        with network_of(conn, 'sdk-in') as (inside, subnet):
            router = conn.network.create_router(name='sdk-r', external_gateway_info={'network_id': outside.id})
            try:
                conn.network.add_interface_to_router(router, subnet_id=subnet.id)
                port = conn.network.create_port(network_id=inside.id, name='sdk-p')
                yield outside, router, port
            finally:
                for ip in list(conn.network.ips(floating_network_id=outside.id)):
                    conn.network.delete_ip(ip)
                conn.network.remove_interface_from_router(router, subnet_id=subnet.id)
                conn.network.delete_router(router)


@check('connects by clouds.yaml and finds its way')
def connects(conn):
    assert conn.network.get_endpoint().startswith('http://127.0.0.1:'), conn.network.get_endpoint()
    same(list(conn.network.networks(name='sdk-absent')), [])
    aliases = {each.alias for each in conn.network.extensions()}
    assert {'router', 'external-net', 'provider', 'sorting', 'pagination'} <= aliases, aliases
    same(conn.network.find_extension('router').alias, 'router')
    same(conn.network.find_extension('no-such'), None)


@check('finds by name and by id, and makes what it does not find')
def find_or_create(conn):
    def find_or_create_network(name):
        return conn.network.find_network(name) or conn.network.create_network(name=name)

    same(conn.network.find_network('sdk-f'), None)
    same(conn.network.find_network('00000000-0000-4000-8000-000000000000'), None)
    made = find_or_create_network('sdk-f')
    again = find_or_create_network('sdk-f')
    same(again.id, made.id)
    same(conn.network.find_network(made.id).name, 'sdk-f')
    with raises(exceptions.ResourceNotFound, saying='No Network found for sdk-g'):
        conn.network.find_network('sdk-g', ignore_missing=False)
    for kind in ('subnet', 'port', 'router', 'ip', 'security_group', 'subnet_pool', 'address_scope'):
        same(getattr(conn.network, f'find_{kind}')('sdk-absent'), None)
    twin = conn.network.create_network(name='sdk-f')
    with raises(exceptions.DuplicateResource):
        conn.network.find_network('sdk-f')
    conn.network.delete_network(twin)
    conn.network.delete_network(made)
    same(conn.network.delete_network(made), None)
    with raises(exceptions.ResourceNotFound, 404, 'could not be found'):
        conn.network.delete_network(made, ignore_missing=False)


@check('filters lists')
def filters(conn):
    with network_of(conn, 'sdk-a') as (a, subnet), network_of(conn, 'sdk-b', '10.1.0.0/24', is_admin_state_up=False) as (b, _):
        same(names(conn.network.networks(name='sdk-a')), ['sdk-a'])
        same(names(conn.network.networks(name=['sdk-a', 'sdk-b'])), ['sdk-a', 'sdk-b'])
        same(names(conn.network.networks(is_admin_state_up=False)), ['sdk-b'])
        same(names(conn.network.networks(name=['sdk-a', 'sdk-b'], is_router_external=True)), [])
        same(names(conn.network.networks(name='nothing')), [])
        port = conn.network.create_port(network_id=a.id, name='p', fixed_ips=[{'subnet_id': subnet.id, 'ip_address': '10.0.0.9'}])
        same(names(conn.network.ports(fixed_ips='ip_address=10.0.0.9')), ['p'])
        same(names(conn.network.ports(fixed_ips=[f'subnet_id={subnet.id}', 'ip_address=10.0.0.9'])), ['p'])
        same(names(conn.network.ports(mac_address=port.mac_address, network_id=a.id)), ['p'])
        same(names(conn.network.ports(network_id=b.id)), [])
        same(names(conn.network.subnets(cidr='10.0.0.0/24', ip_version=4)), ['sdk-a-subnet'])
        with raises(exceptions.BadRequestException, 400, 'is invalid attribute for filtering'):
            exceptions.raise_from_response(conn.network.get('/networks', params={'colour': 'red'}))


@check('reads pages in both directions')
def pages(conn):
    made = [conn.network.create_network(name=f'sdk-{n}') for n in range(7)]
    wanted = sorted(each.id for each in made)
    asked = []
    get = conn.network.get
    conn.network.get = lambda *args, **kwargs: (asked.append(args[0]), get(*args, **kwargs))[1]
    try:
        found = [each.id for each in conn.network.networks(limit=2) if each.id in wanted]
        same(sorted(found), wanted)
        same(len(found), len(set(found)))
        assert len(asked) >= 4, f'{len(asked)} requests for seven networks by two'
        first_page = list(conn.network.networks(limit=2, paginated=False))
        same(len(first_page), 2)
    finally:
        conn.network.get = get

    def walk(rel, **params):
        url, seen = '/networks', []
        while url:
            body = conn.network.get(url, params=params).json()
            params = {}
            seen.append([each['name'] for each in body['networks']])
            url = next((link['href'] for link in body.get('networks_links', []) if link['rel'] == rel), None)
        return seen

    query = {'limit': 2, 'sort_key': 'name', 'sort_dir': 'asc', 'fields': ['name']}
    some = {'name': [f'sdk-{n}' for n in range(7)]}
    same(walk('next', **{**query, **some, 'limit': 7, 'sort_dir': 'desc'})[0], [f'sdk-{n}' for n in reversed(range(7))])
    same(walk('next', **query, **some), [['sdk-0', 'sdk-1'], ['sdk-2', 'sdk-3'], ['sdk-4', 'sdk-5'], ['sdk-6']])
    back = walk('previous', **query, **some, page_reverse='True')
    same(back, [['sdk-5', 'sdk-6'], ['sdk-3', 'sdk-4'], ['sdk-1', 'sdk-2'], ['sdk-0']])
    with raises(exceptions.ResourceNotFound, 404):
        list(conn.network.networks(limit=2, marker='00000000-0000-4000-8000-000000000000'))
    for each in made:
        conn.network.delete_network(each)


@check('sets tags and lists by them')
def tags(conn):
    with network_of(conn, 'sdk-t1') as (one, _), network_of(conn, 'sdk-t2', '10.1.0.0/24') as (two, _):
        conn.network.set_tags(one, ['red', 'big'])
        conn.network.set_tags(two, ['red'])
        same(sorted(conn.network.get_network(one.id).tags), ['big', 'red'])
        mine = lambda **query: [name for name in names(conn.network.networks(**query)) if name.startswith('sdk-t')]
        same(mine(tags='red'), ['sdk-t1', 'sdk-t2'])
        same(mine(tags='red,big'), ['sdk-t1'])
        same(mine(any_tags='big,small'), ['sdk-t1'])
        same(mine(not_tags='big'), ['sdk-t2'])
        same(mine(not_any_tags='big,red'), [])
        one.add_tag(conn.network, 'new')
        one.check_tag(conn.network, 'new')
        with raises(exceptions.ResourceNotFound, 404):
            one.check_tag(conn.network, 'old')
        one.remove_tag(conn.network, 'red')
        same(sorted(one.fetch_tags(conn.network).tags), ['big', 'new'])
        one.remove_all_tags(conn.network)
        same(conn.network.get_network(one.id).tags, [])


@check('makes security groups and their rules')
def security_groups(conn):
    group = conn.network.create_security_group(name='sdk-g', description='d')
    same(sorted((rule.direction, rule.ether_type) for rule in conn.network.security_group_rules(security_group_id=group.id)),
         [('egress', 'IPv4'), ('egress', 'IPv6')])
    rule = conn.network.create_security_group_rule(
        security_group_id=group.id, direction='ingress', ether_type='IPv4', protocol='tcp', port_range_min=22, port_range_max=22)
    same(conn.network.get_security_group_rule(rule.id).port_range_max, 22)
    with raises(exceptions.ConflictException, 409, 'already exists'):
        conn.network.create_security_group_rule(
            security_group_id=group.id, direction='ingress', ether_type='IPv4', protocol='tcp', port_range_min=22, port_range_max=22)
    same(len(conn.network.get_security_group(group.id).security_group_rules), 3)
    with network_of(conn) as (network, _):
        port = conn.network.create_port(network_id=network.id, security_groups=[group.id])
        same(port.security_group_ids, [group.id])
        with raises(exceptions.ConflictException, 409, 'in use'):
            conn.network.delete_security_group(group)
        port = conn.network.update_port(port, security_groups=[], is_port_security_enabled=False)
        same((port.security_group_ids, port.is_port_security_enabled), ([], False))
    conn.network.delete_security_group_rule(rule)
    conn.network.delete_security_group(group)
    same(conn.network.find_security_group('sdk-g'), None)
    made = conn.create_security_group('sdk-cloud', 'by the cloud layer')
    conn.create_security_group_rule(made.id, port_range_min=80, port_range_max=80, protocol='tcp', remote_ip_prefix='192.0.2.0/24')
    same([rule['port_range_min'] for rule in conn.get_security_group('sdk-cloud').security_group_rules if rule['protocol']], [80])
    assert conn.delete_security_group('sdk-cloud')


@check('gives a port an outside address and takes it back')
def floating_ips(conn):
    with routed(conn) as (outside, router, port):
        ip = conn.network.create_ip(floating_network_id=outside.id, port_id=port.id)
        same((ip.router_id, ip.fixed_ip_address), (router.id, port.fixed_ips[0]['ip_address']))
        same(conn.network.find_ip(ip.floating_ip_address).id, ip.id)
        same([each.id for each in conn.network.ips(port_id=port.id)], [ip.id])
        with raises(exceptions.ConflictException, 409):
            conn.network.create_ip(floating_network_id=outside.id, port_id=port.id)
        ip = conn.network.update_ip(ip, port_id=None)
        same((ip.port_id, ip.router_id, ip.status), (None, None, 'DOWN'))
        same(conn.network.find_available_ip().id, ip.id)
        conn.network.delete_ip(ip)
        made = conn.create_floating_ip(network=outside.name)
        same([each.id for each in conn.list_floating_ips()], [made.id])
        assert conn.delete_floating_ip(made.id)
        same(conn.get_floating_ip(made.id), None)


@check('forwards ports of a floating IP')
def port_forwardings(conn):
    with routed(conn) as (outside, router, port):
        ip = conn.network.create_ip(floating_network_id=outside.id)
        inner = port.fixed_ips[0]['ip_address']
        made = conn.network.create_floating_ip_port_forwarding(
            ip, internal_port_id=port.id, internal_ip_address=inner, internal_port=22, external_port=2222, protocol='tcp')
        same((made.internal_port, made.external_port, made.protocol), (22, 2222, 'tcp'))
        same([each.id for each in conn.network.floating_ip_port_forwardings(ip)], [made.id])
        changed = conn.network.update_floating_ip_port_forwarding(ip, made.id, external_port=2223)
        same(changed.external_port, 2223)
        same(conn.network.get_floating_ip_port_forwarding(ip, made.id).external_port, 2223)
        same(conn.network.get_ip(ip.id).port_details, None)
        conn.network.delete_floating_ip_port_forwarding(ip, made.id)
        same(list(conn.network.floating_ip_port_forwardings(ip)), [])


@check('makes ports in bulk: all or none')
def bulk(conn):
    with network_of(conn) as (network, subnet):
        made = list(conn.network.create_ports([{'network_id': network.id, 'name': f'b{n}'} for n in range(5)]))
        same(names(made), [f'b{n}' for n in range(5)])
        same(len({port.fixed_ips[0]['ip_address'] for port in made}), 5)
        taken = made[0].fixed_ips
        with raises(exceptions.ConflictException, 409):
            list(conn.network.create_ports([{'network_id': network.id}, {'network_id': network.id, 'fixed_ips': taken}]))
        same(names(conn.network.ports(network_id=network.id)), [f'b{n}' for n in range(5)])


@check('changes only what it has seen')
def revisions(conn):
    with network_of(conn) as (network, _):
        seen = conn.network.get_network(network.id)
        changed = conn.network.update_network(seen, if_revision=seen.revision_number, description='first')
        assert changed.revision_number > 0 and changed.description == 'first', changed
        with raises(exceptions.PreconditionFailedException, 412):
            conn.network.update_network(network.id, if_revision=changed.revision_number - 1, description='second')
        same(conn.network.get_network(network.id).description, 'first')


@check('tells what went wrong by its type')
def errors(conn):
    with network_of(conn) as (network, subnet):
        with raises(exceptions.ResourceNotFound, 404, 'could not be found'):
            conn.network.get_network('00000000-0000-4000-8000-000000000000')
        with raises(exceptions.ResourceNotFound, 404, 'could not be found'):
            conn.network.create_port(network_id='00000000-0000-4000-8000-000000000000')
        with raises(exceptions.BadRequestException, 400, 'overlaps with another subnet'):
            conn.network.create_subnet(network_id=network.id, ip_version=4, cidr='10.0.0.0/25')
        with raises(exceptions.BadRequestException, 400, 'is not in a CIDR format'):
            conn.network.create_subnet(network_id=network.id, ip_version=4, cidr='10.0.0.300/24')
        port = conn.network.create_port(network_id=network.id, fixed_ips=[{'ip_address': '10.0.0.7'}])
        with raises(exceptions.ConflictException, 409, 'already allocated in subnet'):
            conn.network.create_port(network_id=network.id, fixed_ips=[{'ip_address': '10.0.0.7'}])
        with raises(exceptions.ConflictException, 409, 'ports still in use on the network'):
            conn.network.delete_network(network)
        with raises(exceptions.ConflictException, 409, 'One or more ports have an IP allocation'):
            conn.network.delete_subnet(subnet)
        try:
            conn.network.delete_subnet(subnet)
        except exceptions.ConflictException as error:
            assert error.request_id.startswith('req-'), error.request_id
        same(resource.wait_for_status(conn.network, port, 'DOWN', [], 1, 5).id, port.id)
        conn.network.delete_port(port)
        resource.wait_for_delete(conn.network, port, 1, 5)


@check('works by the cloud layer')
def cloud_layer(conn):
    network = conn.create_network('sdk-cloud')
    subnet = conn.create_subnet('sdk-cloud', cidr='10.7.0.0/24', subnet_name='sdk-cs', gateway_ip='10.7.0.9')
    same((subnet.gateway_ip, subnet.network_id), ('10.7.0.9', network.id))
    router = conn.create_router('sdk-cr')
    conn.add_router_interface(router, subnet_id=subnet.id)
    inside = list(conn.list_router_interfaces(router, 'internal'))
    same([inner.fixed_ips[0]['ip_address'] for inner in inside], ['10.7.0.9'])
    port = conn.create_port(network.id, name='sdk-cp')
    same([each.id for each in conn.search_ports('sdk-cp')], [port.id])
    same([each.id for each in conn.search_networks(filters={'name': 'sdk-cloud'})], [network.id])
    assert conn.update_port('sdk-cp', name='sdk-cq').name == 'sdk-cq'
    assert conn.delete_port('sdk-cq')
    conn.remove_router_interface(router, subnet_id=subnet.id)
    assert conn.delete_router('sdk-cr')
    assert conn.delete_subnet('sdk-cs')
    assert conn.delete_network('sdk-cloud')
    assert conn.delete_network('sdk-cloud') is False
    same(conn.get_network('sdk-cloud'), None)


@check('sees agents and moves a router')
def agents(conn):
    l3 = {agent.host: agent for agent in conn.network.agents(agent_type='L3 agent')}
    same(sorted(l3), ['net1', 'net2'])
    assert all(agent.is_alive and agent.is_admin_state_up for agent in l3.values())
    with routed(conn) as (outside, router, port):
        (host,) = [agent.host for agent in conn.network.routers_hosting_l3_agents(router)]
        other = 'net2' if host == 'net1' else 'net1'
        conn.network.remove_router_from_agent(l3[host], router)
        conn.network.add_router_to_agent(l3[other], router)
        same([agent.host for agent in conn.network.routers_hosting_l3_agents(router)], [other])
        same([each.id for each in conn.network.agent_hosted_routers(l3[other])], [router.id])
        same(list(conn.network.agent_hosted_routers(l3[host])), [])
    changed = conn.network.update_agent(l3['net1'], admin_state_up=False)
    same(changed.is_admin_state_up, False)
    conn.network.update_agent(l3['net1'], admin_state_up=True)
    same({zone.name for zone in conn.network.availability_zones()}, {'nova'})


@check('reads, sets and meets limits')
def quotas(conn):
    with network_of(conn) as (network, _):
        project = network.project_id
        default = conn.network.get_quota_default(project)
        assert default.networks > 0 and default.ports > 0, default
        same(conn.network.get_quota(project).networks, default.networks)
        used = conn.network.get_quota(project, details=True).networks
        same((used['limit'], used['used'] >= 1, used['reserved']), (default.networks, True, 0))
        conn.network.update_quota(project, networks=used['used'])
        same(conn.network.get_quota(project).networks, used['used'])
        same([quota.project_id for quota in conn.network.quotas()], [project])
        with raises(exceptions.ConflictException, 409, "Quota exceeded for resources: ['network']"):
            conn.network.create_network(name='sdk-one-too-many')
        conn.network.delete_quota(project)
        same(conn.network.get_quota(project).networks, default.networks)


@check('shares by RBAC, from pools, in scopes')
def sharing(conn):
    scope = conn.network.create_address_scope(name='sdk-s', ip_version=4)
    pool = conn.network.create_subnet_pool(
        name='sdk-p', prefixes=['10.40.0.0/16'], default_prefix_length=24, address_scope_id=scope.id)
    network = conn.network.create_network(name='sdk-n')
    subnet = conn.network.create_subnet(network_id=network.id, ip_version=4, subnet_pool_id=pool.id)
    same(subnet.cidr, '10.40.0.0/24')
    same(conn.network.get_network(network.id).ipv4_address_scope_id, scope.id)
    same(conn.network.get_network_ip_availability(network.id).total_ips, 253)
    policy = conn.network.create_rbac_policy(
        object_type='network', object_id=network.id, action='access_as_shared', target_tenant='*')
    same(conn.network.get_network(network.id).is_shared, True)
    same([each.id for each in conn.network.rbac_policies(object_id=network.id)], [policy.id])
    conn.network.delete_rbac_policy(policy)
    same(conn.network.get_network(network.id).is_shared, False)
    conn.network.delete_network(network)
    conn.network.delete_subnet_pool(pool)
    conn.network.delete_address_scope(scope)


def run(conn, title):
    try:
        CHECKS[title](conn)
    except Exception:
        return traceback.format_exc()
    return None


def main():
    conn = openstack.connect()
    for title in sys.argv[1:] or CHECKS:
        print(json.dumps({'check': title, 'failure': run(conn, title)}), flush=True)


main()
