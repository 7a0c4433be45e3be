# What programs do with fog-openstack, unmodified, against a Plumbline API: each check makes what it needs, asserts what it reads back, and cleans up.
#
# With OS_AUTH_URL it logs in with Identity v3; without it OS_ENDPOINT is the API, and nobody logs in. Prints one JSON object a line: the check's name and
# its failure, null when it held.
require 'fog/openstack'
require 'json'

LOGIN = ENV['OS_AUTH_URL']
CHECKS = {}

def check(title, &body)
  CHECKS[title] = body
end

def same(found, wanted)
  raise "#{found.inspect} is not #{wanted.inspect}" unless found == wanted
end

def refused(kind, saying)
  yield
rescue kind => error
  raise "#{error.message} does not say \"#{saying}\"" unless error.response.body.include?(saying)
else
  raise "#{kind} was not raised"
end

# A network with one subnet, and nothing of it afterwards.
def network_of(net, name, cidr, **more)
  network = net.networks.create(name: name, **more)
  yield network, net.subnets.create(name: "#{name}-subnet", network_id: network.id, ip_version: 4, cidr: cidr)
ensure
  net.ports.all(network_id: network.id).each(&:destroy)
  network.destroy
end

OUTSIDE = { router_external: true, provider_network_type: 'flat', provider_physical_network: 'physnet1' }.freeze

# An external network, a tenant's network, a router between them.
def routed(net)
  network_of(net, 'fog-ext', '10.16.0.0/16', **OUTSIDE) do |outside, _|
    network_of(net, 'fog-in', '10.0.0.0/24') do |inside, subnet|
      router = net.routers.create(name: 'fog-r', external_gateway_info: outside.id)
      same(net.add_router_interface(router.id, subnet.id).body['subnet_id'], subnet.id)
      yield outside, inside, router
    ensure
      net.floating_ips.all(floating_network_id: outside.id).each(&:destroy)
      net.remove_router_interface(router.id, subnet.id)
      router.destroy
    end
  end
end

check('finds the API and its extensions') do |net|
  aliases = net.extensions.all.map(&:alias)
  same(%w[router external-net provider security-group pagination] - aliases, [])
  same(net.networks.all(name: 'fog-absent').to_a, [])
end

check('does scenario A') do |net|
  routed(net) do |outside, inside, router|
    same(outside.router_external, true)
    same(router.external_gateway_info['network_id'], outside.id)
    inner, = net.ports.all(device_id: router.id, device_owner: 'network:router_interface')
    same(inner.fixed_ips.map { |each| each['ip_address'] }, ['10.0.0.1'])
    port = net.ports.create(network_id: inside.id, name: 'qvm1', fixed_ips: [{ ip_address: '10.0.0.3' }])
    ip = net.floating_ips.create(floating_network_id: outside.id, floating_ip_address: '10.16.161.51')
    same([ip.floating_ip_address, ip.port_id, ip.router_id], ['10.16.161.51', nil, nil])
    ip.associate(port.id)
    same([ip.port_id, ip.router_id, ip.fixed_ip_address], [port.id, router.id, '10.0.0.3'])
    second = net.ports.create(network_id: inside.id, name: 'qvm2')
    other = net.floating_ips.create(floating_network_id: outside.id, port_id: second.id)
    same(net.floating_ips.all(router_id: router.id).map(&:id).sort, [ip.id, other.id].sort)
    refused(Excon::Error::Conflict, 'RouterInterfaceInUseByFloatingIP') { net.remove_router_interface(router.id, inner.fixed_ips[0]['subnet_id']) }
    ip.disassociate
    same(net.floating_ips.get(ip.id).port_id, nil)
    ip.destroy
    same(net.floating_ips.get(ip.id), nil)
  end
end

check('changes what it made') do |net|
  network_of(net, 'fog-c', '10.1.0.0/24') do |network, subnet|
    network.name = 'fog-d'
    network.admin_state_up = false
    network.save
    same([net.networks.get(network.id).name, network.admin_state_up], ['fog-d', false])
    subnet.dns_nameservers = ['192.0.2.53']
    subnet.save
    same(net.subnets.get(subnet.id).dns_nameservers, ['192.0.2.53'])
    port = net.ports.create(network_id: network.id, name: 'p')
    port.name = 'q'
    port.save
    same(net.ports.get(port.id).name, 'q')
    router = net.routers.create(name: 'fog-c')
    router.name = 'fog-d'
    router.save
    same(net.routers.get(router.id).name, 'fog-d')
    router.destroy
  end
end

check('makes security groups and their rules') do |net|
  group = net.security_groups.create(name: 'fog-g', description: 'd')
  same(group.security_group_rules.map { |rule| [rule.direction, rule.ethertype] }.sort, [%w[egress IPv4], %w[egress IPv6]])
  ssh = { security_group_id: group.id, direction: 'ingress', protocol: 'tcp', port_range_min: 22, port_range_max: 22 }
  rule = net.security_group_rules.create(**ssh, remote_ip_prefix: '192.0.2.0/24')
  same(net.security_group_rules.get(rule.id).port_range_max, 22)
  refused(Excon::Error::Conflict, 'SecurityGroupRuleExists') { net.security_group_rules.create(**ssh, remote_ip_prefix: '192.0.2.0/24') }
  network_of(net, 'fog-s', '10.1.0.0/24') do |network, _|
    same(net.ports.create(network_id: network.id, security_groups: [group.id]).security_groups, [group.id])
    refused(Excon::Error::Conflict, 'SecurityGroupInUse') { group.destroy }
  end
  rule.destroy
  group.destroy
  same(net.security_groups.all(name: 'fog-g').to_a, [])
end

check('filters lists and reads their pages') do |net|
  network_of(net, 'fog-a', '10.1.0.0/24') do |a, _|
    network_of(net, 'fog-b', '10.2.0.0/24', admin_state_up: false) do |b, _|
      both = { name: %w[fog-a fog-b], sort_key: 'name', sort_dir: 'desc' }
      same(net.networks.all(both).map(&:id), [b.id, a.id])
      same(net.networks.all(**both, admin_state_up: false).map(&:name), ['fog-b'])
      first = net.networks.all(**both, limit: 1)
      same(first.response.body['networks_links'].first['rel'], 'next')
      same(net.networks.all(**both, limit: 1, marker: first.first.id).map(&:name), ['fog-a'])
      refused(Excon::Error::BadRequest, 'is invalid attribute for filtering') { net.networks.all(colour: 'red') }
    end
  end
end

check('reads and sets limits') do |net|
  network_of(net, 'fog-q', '10.1.0.0/24') do |network, _|
    project = network.tenant_id
    same(net.update_quota(project, network: 7).body['quota']['network'], 7)
    same([net.get_quota(project).body['quota']['network'], net.get_quotas.body['quotas'].map { |quota| quota['network'] }], [7, [7]])
    net.delete_quota(project)
    same(net.get_quotas.body['quotas'], [])
  end
end

check('tells what is not there') do |net|
  %i[networks subnets ports routers floating_ips security_groups].each do |kind|
    same([net.public_send(kind).get('fog-absent'), net.public_send(kind).get('00000000-0000-4000-8000-000000000000')], [nil, nil])
  end
  begin
    net.delete_network('fog-absent')
  rescue Fog::OpenStack::Network::NotFound => error
    same(error.message.include?('fog-absent could not be found'), true)
  else
    raise 'what is not there was deleted'
  end
end

check('logs in again when its token is refused') do |net|
  net.instance_variable_set(:@auth_token, 'ended')
  same(net.networks.all(name: 'fog-absent').to_a, [])
end if LOGIN

def connect
  api = ENV['OS_ENDPOINT']
  return Fog::OpenStack::Network.new(openstack_auth_url: api, openstack_management_url: api, openstack_auth_token: 'none') unless LOGIN

  # With a slash at its end: fog adds "/v3/auth/tokens".
  Fog::OpenStack::Network.new(
    openstack_auth_url: LOGIN.delete_suffix('v3'), openstack_username: ENV['OS_USERNAME'], openstack_api_key: ENV['OS_PASSWORD'],
    openstack_project_name: ENV['OS_PROJECT_NAME'], openstack_domain_name: ENV['OS_DOMAIN_NAME'], openstack_region: ENV['OS_REGION_NAME']
  )
end

net = connect
CHECKS.each do |title, body|
  body.call(net)
  puts JSON.generate(check: title, failure: nil)
rescue StandardError => error
  puts JSON.generate(check: title, failure: error.full_message(highlight: false))
end
