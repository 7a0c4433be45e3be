/**
 * What the reference implementation (OpenStack Neutron 21.0.0, dnsmasq 2.90, `dns_domain = example.test.`, `enable_isolated_metadata = true`) writes for six networks,
 * and what its API shows of them: the fields that decide the files.
 */

export const REFERENCE = {
  routed: {
    network: {
      id: '06adb14a-2ecb-4a3f-ad07-4f83fefe919b',
      mtu: 1400,
    },
    subnets: [
      {
        id: 'f8d46a83-9962-4b5b-b796-262695c80d79',
        cidr: '10.30.1.0/24',
        gateway_ip: '10.30.1.1',
        enable_dhcp: true,
        ipv6_ra_mode: null,
        ipv6_address_mode: null,
        host_routes: [
          {
            destination: '10.99.0.0/16',
            nexthop: '10.30.1.254',
          },
        ],
        dns_nameservers: ['203.0.113.53', '203.0.113.54'],
      },
    ],
    ports: [
      {
        id: '3c8a8cae-c572-4076-b5d2-94bd49279b42',
        mac_address: 'fa:16:3e:22:8d:cf',
        device_owner: 'network:router_interface',
        fixed_ips: [
          {
            subnet_id: 'f8d46a83-9962-4b5b-b796-262695c80d79',
            ip_address: '10.30.1.1',
          },
        ],
        dns_name: '',
        extra_dhcp_opts: [],
      },
      {
        id: '83e5c2b6-b33f-4fc1-b172-63e9ff9eee5e',
        mac_address: 'fa:16:3e:42:6d:82',
        device_owner: 'network:dhcp',
        fixed_ips: [
          {
            subnet_id: 'f8d46a83-9962-4b5b-b796-262695c80d79',
            ip_address: '10.30.1.2',
          },
        ],
        dns_name: '',
        extra_dhcp_opts: [],
      },
      {
        id: '8fddb8bb-10c8-4e88-953c-4783c5f321f5',
        mac_address: 'fa:16:3e:e3:79:17',
        device_owner: 'compute:nova',
        fixed_ips: [
          {
            subnet_id: 'f8d46a83-9962-4b5b-b796-262695c80d79',
            ip_address: '10.30.1.111',
          },
        ],
        dns_name: 'web1',
        extra_dhcp_opts: [
          {
            opt_name: 'tftp-server',
            opt_value: '203.0.113.70',
            ip_version: 4,
          },
          {
            opt_name: 'dns-server',
            opt_value: '2001:db8::99',
            ip_version: 6,
          },
          {
            opt_name: 'bootfile-name',
            opt_value: 'pxelinux.0',
            ip_version: 4,
          },
          {
            opt_name: 'server-ip-address',
            opt_value: '203.0.113.69',
            ip_version: 4,
          },
          {
            opt_name: '42',
            opt_value: '203.0.113.123',
            ip_version: 4,
          },
          {
            opt_name: 'ntp-server',
            opt_value: '203.0.113.124',
            ip_version: 4,
          },
        ],
      },
      {
        id: '9a377ac6-d3a7-4032-a5a1-d33c84d533af',
        mac_address: 'fa:16:3e:dd:37:eb',
        device_owner: 'compute:nova',
        fixed_ips: [
          {
            subnet_id: 'f8d46a83-9962-4b5b-b796-262695c80d79',
            ip_address: '10.30.1.32',
          },
        ],
        dns_name: '',
        extra_dhcp_opts: [],
      },
    ],
    host: [
      'fa:16:3e:22:8d:cf,host-10-30-1-1.example.test.,10.30.1.1',
      'fa:16:3e:e3:79:17,web1.example.test.,10.30.1.111,set:port-8fddb8bb-10c8-4e88-953c-4783c5f321f5',
      'fa:16:3e:dd:37:eb,host-10-30-1-32.example.test.,10.30.1.32',
    ],
    addn_hosts: [
      '10.30.1.1\thost-10-30-1-1.example.test. host-10-30-1-1',
      '10.30.1.111\tweb1.example.test. web1',
      '10.30.1.32\thost-10-30-1-32.example.test. host-10-30-1-32',
    ],
    opts: [
      'tag:subnet-f8d46a83-9962-4b5b-b796-262695c80d79,option:dns-server,203.0.113.53,203.0.113.54',
      'tag:subnet-f8d46a83-9962-4b5b-b796-262695c80d79,option:classless-static-route,10.99.0.0/16,10.30.1.254,169.254.169.254/32,10.30.1.1,0.0.0.0/0,10.30.1.1',
      'tag:subnet-f8d46a83-9962-4b5b-b796-262695c80d79,249,10.99.0.0/16,10.30.1.254,169.254.169.254/32,10.30.1.1,0.0.0.0/0,10.30.1.1',
      'tag:subnet-f8d46a83-9962-4b5b-b796-262695c80d79,option:router,10.30.1.1',
      'tag:port-8fddb8bb-10c8-4e88-953c-4783c5f321f5,option:tftp-server,203.0.113.70',
      'tag:port-8fddb8bb-10c8-4e88-953c-4783c5f321f5,option:bootfile-name,pxelinux.0',
      'tag:port-8fddb8bb-10c8-4e88-953c-4783c5f321f5,option:server-ip-address,203.0.113.69',
      'tag:port-8fddb8bb-10c8-4e88-953c-4783c5f321f5,42,203.0.113.123',
      'tag:port-8fddb8bb-10c8-4e88-953c-4783c5f321f5,option:ntp-server,203.0.113.124',
    ],
    argv: [
      'dnsmasq',
      '--no-hosts',
      '--no-resolv',
      '--pid-file=<folder>/pid',
      '--dhcp-hostsfile=<folder>/host',
      '--addn-hosts=<folder>/addn_hosts',
      '--dhcp-optsfile=<folder>/opts',
      '--dhcp-leasefile=<folder>/leases',
      '--dhcp-match=set:ipxe,175',
      '--dhcp-userclass=set:ipxe6,iPXE',
      '--local-service',
      '--bind-dynamic',
      '--dhcp-range=set:subnet-f8d46a83-9962-4b5b-b796-262695c80d79,10.30.1.0,static,255.255.255.0,86400s',
      '--dhcp-option-force=option:mtu,1400',
      '--dhcp-lease-max=256',
      '--conf-file=/dev/null',
      '--domain=example.test.',
    ],
  },
  isolated: {
    network: {
      id: '35fc08da-16bf-444e-8390-c4e85d41051a',
      mtu: 1450,
    },
    subnets: [
      {
        id: '8c04ccc7-1933-4f0e-bcf4-2f84a9aee798',
        cidr: '10.30.2.0/24',
        gateway_ip: '10.30.2.1',
        enable_dhcp: true,
        ipv6_ra_mode: null,
        ipv6_address_mode: null,
        host_routes: [],
        dns_nameservers: [],
      },
    ],
    ports: [
      {
        id: '0b6653ec-c9ca-4b11-a98f-519501e3c3da',
        mac_address: 'fa:16:3e:c3:ea:0f',
        device_owner: 'compute:nova',
        fixed_ips: [
          {
            subnet_id: '8c04ccc7-1933-4f0e-bcf4-2f84a9aee798',
            ip_address: '10.30.2.154',
          },
        ],
        dns_name: '',
        extra_dhcp_opts: [],
      },
      {
        id: 'a52bf219-c7a3-4b55-8cc0-62b7fcdfd726',
        mac_address: 'fa:16:3e:f3:b6:29',
        device_owner: 'network:dhcp',
        fixed_ips: [
          {
            subnet_id: '8c04ccc7-1933-4f0e-bcf4-2f84a9aee798',
            ip_address: '10.30.2.2',
          },
        ],
        dns_name: '',
        extra_dhcp_opts: [],
      },
    ],
    host: ['fa:16:3e:c3:ea:0f,host-10-30-2-154.example.test.,10.30.2.154'],
    addn_hosts: ['10.30.2.154\thost-10-30-2-154.example.test. host-10-30-2-154'],
    opts: [
      'tag:subnet-8c04ccc7-1933-4f0e-bcf4-2f84a9aee798,option:classless-static-route,169.254.169.254/32,10.30.2.2,0.0.0.0/0,10.30.2.1',
      'tag:subnet-8c04ccc7-1933-4f0e-bcf4-2f84a9aee798,249,169.254.169.254/32,10.30.2.2,0.0.0.0/0,10.30.2.1',
      'tag:subnet-8c04ccc7-1933-4f0e-bcf4-2f84a9aee798,option:router,10.30.2.1',
    ],
    argv: [
      'dnsmasq',
      '--no-hosts',
      '--no-resolv',
      '--pid-file=<folder>/pid',
      '--dhcp-hostsfile=<folder>/host',
      '--addn-hosts=<folder>/addn_hosts',
      '--dhcp-optsfile=<folder>/opts',
      '--dhcp-leasefile=<folder>/leases',
      '--dhcp-match=set:ipxe,175',
      '--dhcp-userclass=set:ipxe6,iPXE',
      '--local-service',
      '--bind-dynamic',
      '--dhcp-range=set:subnet-8c04ccc7-1933-4f0e-bcf4-2f84a9aee798,10.30.2.0,static,255.255.255.0,86400s',
      '--dhcp-option-force=option:mtu,1450',
      '--dhcp-lease-max=256',
      '--conf-file=/dev/null',
      '--domain=example.test.',
    ],
  },
  nogateway: {
    network: {
      id: 'af4b0245-a53a-4caf-bf11-add27350ffe0',
      mtu: 1450,
    },
    subnets: [
      {
        id: '599c9e7e-cebb-457a-98df-9cfb0c47011f',
        cidr: '10.30.6.0/24',
        gateway_ip: null,
        enable_dhcp: true,
        ipv6_ra_mode: null,
        ipv6_address_mode: null,
        host_routes: [],
        dns_nameservers: ['0.0.0.0'],
      },
    ],
    ports: [
      {
        id: '10f3942c-b3f0-4576-975d-00bf904ec997',
        mac_address: 'fa:16:3e:87:5e:6e',
        device_owner: 'compute:nova',
        fixed_ips: [
          {
            subnet_id: '599c9e7e-cebb-457a-98df-9cfb0c47011f',
            ip_address: '10.30.6.200',
          },
        ],
        dns_name: '',
        extra_dhcp_opts: [],
      },
      {
        id: '3b99ff90-3d2c-4eff-9b76-497c7ddd40bb',
        mac_address: 'fa:16:3e:76:d3:f6',
        device_owner: 'network:dhcp',
        fixed_ips: [
          {
            subnet_id: '599c9e7e-cebb-457a-98df-9cfb0c47011f',
            ip_address: '10.30.6.1',
          },
        ],
        dns_name: '',
        extra_dhcp_opts: [],
      },
    ],
    host: ['fa:16:3e:87:5e:6e,host-10-30-6-200.example.test.,10.30.6.200'],
    addn_hosts: ['10.30.6.200\thost-10-30-6-200.example.test. host-10-30-6-200'],
    opts: [
      'tag:subnet-599c9e7e-cebb-457a-98df-9cfb0c47011f,option:dns-server',
      'tag:subnet-599c9e7e-cebb-457a-98df-9cfb0c47011f,option:classless-static-route,169.254.169.254/32,10.30.6.1',
      'tag:subnet-599c9e7e-cebb-457a-98df-9cfb0c47011f,249,169.254.169.254/32,10.30.6.1',
      'tag:subnet-599c9e7e-cebb-457a-98df-9cfb0c47011f,option:router',
    ],
    argv: [
      'dnsmasq',
      '--no-hosts',
      '--no-resolv',
      '--pid-file=<folder>/pid',
      '--dhcp-hostsfile=<folder>/host',
      '--addn-hosts=<folder>/addn_hosts',
      '--dhcp-optsfile=<folder>/opts',
      '--dhcp-leasefile=<folder>/leases',
      '--dhcp-match=set:ipxe,175',
      '--dhcp-userclass=set:ipxe6,iPXE',
      '--local-service',
      '--bind-dynamic',
      '--dhcp-range=set:subnet-599c9e7e-cebb-457a-98df-9cfb0c47011f,10.30.6.0,static,255.255.255.0,86400s',
      '--dhcp-option-force=option:mtu,1450',
      '--dhcp-lease-max=256',
      '--conf-file=/dev/null',
      '--domain=example.test.',
    ],
  },
  dual: {
    network: {
      id: 'e6c69e7d-f0e5-4142-a83a-e44a6e97337d',
      mtu: 1450,
    },
    subnets: [
      {
        id: '08b0c605-8726-46db-8b24-4fddc5e81a07',
        cidr: '2001:db8:3::/64',
        gateway_ip: '2001:db8:3::',
        enable_dhcp: true,
        ipv6_ra_mode: 'slaac',
        ipv6_address_mode: 'slaac',
        host_routes: [],
        dns_nameservers: ['2001:db8::53'],
      },
      {
        id: 'bef444be-cbaf-4ebf-9103-6e32eb6e1eac',
        cidr: '10.30.3.0/24',
        gateway_ip: '10.30.3.1',
        enable_dhcp: true,
        ipv6_ra_mode: null,
        ipv6_address_mode: null,
        host_routes: [],
        dns_nameservers: [],
      },
    ],
    ports: [
      {
        id: '3ecb9b81-c248-40d6-8716-2d108b2eb6ed',
        mac_address: 'fa:16:3e:3e:fd:28',
        device_owner: 'network:router_interface',
        fixed_ips: [
          {
            subnet_id: 'bef444be-cbaf-4ebf-9103-6e32eb6e1eac',
            ip_address: '10.30.3.1',
          },
        ],
        dns_name: '',
        extra_dhcp_opts: [],
      },
      {
        id: '4069b74d-a7d8-4274-88f0-91d1eacb4b2d',
        mac_address: 'fa:16:3e:fe:a1:25',
        device_owner: 'compute:nova',
        fixed_ips: [
          {
            subnet_id: 'bef444be-cbaf-4ebf-9103-6e32eb6e1eac',
            ip_address: '10.30.3.17',
          },
          {
            subnet_id: '08b0c605-8726-46db-8b24-4fddc5e81a07',
            ip_address: '2001:db8:3:0:f816:3eff:fefe:a125',
          },
        ],
        dns_name: '',
        extra_dhcp_opts: [],
      },
      {
        id: 'c29013c2-c9d3-4c0b-9703-bfd95fdb5a5a',
        mac_address: 'fa:16:3e:b1:d4:5c',
        device_owner: 'network:dhcp',
        fixed_ips: [
          {
            subnet_id: 'bef444be-cbaf-4ebf-9103-6e32eb6e1eac',
            ip_address: '10.30.3.2',
          },
          {
            subnet_id: '08b0c605-8726-46db-8b24-4fddc5e81a07',
            ip_address: '2001:db8:3:0:f816:3eff:feb1:d45c',
          },
        ],
        dns_name: '',
        extra_dhcp_opts: [],
      },
      {
        id: 'e0b5c057-8657-4ca3-b81f-6f026c0ee191',
        mac_address: 'fa:16:3e:36:3a:09',
        device_owner: 'network:router_interface',
        fixed_ips: [
          {
            subnet_id: '08b0c605-8726-46db-8b24-4fddc5e81a07',
            ip_address: '2001:db8:3::',
          },
        ],
        dns_name: '',
        extra_dhcp_opts: [],
      },
    ],
    host: [
      'fa:16:3e:3e:fd:28,host-10-30-3-1.example.test.,10.30.3.1',
      'fa:16:3e:fe:a1:25,host-10-30-3-17.example.test.,10.30.3.17',
    ],
    addn_hosts: [
      '10.30.3.1\thost-10-30-3-1.example.test. host-10-30-3-1',
      '2001:db8:3::\thost-2001-db8-3--.example.test. host-2001-db8-3--',
      '10.30.3.17\thost-10-30-3-17.example.test. host-10-30-3-17',
      '2001:db8:3:0:f816:3eff:fefe:a125\thost-2001-db8-3-0-f816-3eff-fefe-a125.example.test. host-2001-db8-3-0-f816-3eff-fefe-a125',
    ],
    opts: [
      'tag:subnet-bef444be-cbaf-4ebf-9103-6e32eb6e1eac,option:classless-static-route,169.254.169.254/32,10.30.3.1,0.0.0.0/0,10.30.3.1',
      'tag:subnet-bef444be-cbaf-4ebf-9103-6e32eb6e1eac,249,169.254.169.254/32,10.30.3.1,0.0.0.0/0,10.30.3.1',
      'tag:subnet-bef444be-cbaf-4ebf-9103-6e32eb6e1eac,option:router,10.30.3.1',
    ],
    argv: [
      'dnsmasq',
      '--no-hosts',
      '--no-resolv',
      '--pid-file=<folder>/pid',
      '--dhcp-hostsfile=<folder>/host',
      '--addn-hosts=<folder>/addn_hosts',
      '--dhcp-optsfile=<folder>/opts',
      '--dhcp-leasefile=<folder>/leases',
      '--dhcp-match=set:ipxe,175',
      '--dhcp-userclass=set:ipxe6,iPXE',
      '--local-service',
      '--bind-dynamic',
      '--dhcp-range=set:subnet-bef444be-cbaf-4ebf-9103-6e32eb6e1eac,10.30.3.0,static,255.255.255.0,86400s',
      '--dhcp-option-force=option:mtu,1450',
      '--dhcp-lease-max=256',
      '--conf-file=/dev/null',
      '--domain=example.test.',
    ],
  },
  v6stateful: {
    network: {
      id: '4ba5f0e8-f987-46a5-8dd5-02de241c593b',
      mtu: 1450,
    },
    subnets: [
      {
        id: '555e9247-ba08-421c-a8c5-d26fc4770509',
        cidr: '2001:db8:4::/64',
        gateway_ip: '2001:db8:4::',
        enable_dhcp: true,
        ipv6_ra_mode: 'dhcpv6-stateful',
        ipv6_address_mode: 'dhcpv6-stateful',
        host_routes: [],
        dns_nameservers: ['2001:db8::53', '2001:db8::54'],
      },
    ],
    ports: [
      {
        id: '9709ac69-9ae7-4b55-9d0e-67b28680b186',
        mac_address: 'fa:16:3e:34:34:72',
        device_owner: 'network:dhcp',
        fixed_ips: [
          {
            subnet_id: '555e9247-ba08-421c-a8c5-d26fc4770509',
            ip_address: '2001:db8:4::1',
          },
        ],
        dns_name: '',
        extra_dhcp_opts: [],
      },
      {
        id: 'a17fdcc0-abe5-4d12-baa7-f42087cdea1c',
        mac_address: 'fa:16:3e:8e:5b:6f',
        device_owner: 'network:router_interface',
        fixed_ips: [
          {
            subnet_id: '555e9247-ba08-421c-a8c5-d26fc4770509',
            ip_address: '2001:db8:4::',
          },
        ],
        dns_name: '',
        extra_dhcp_opts: [],
      },
      {
        id: 'a9d638c1-b65f-4d2f-ae50-a0b88801b750',
        mac_address: 'fa:16:3e:2e:c3:51',
        device_owner: 'compute:nova',
        fixed_ips: [
          {
            subnet_id: '555e9247-ba08-421c-a8c5-d26fc4770509',
            ip_address: '2001:db8:4::2ac',
          },
        ],
        dns_name: 'six',
        extra_dhcp_opts: [
          {
            opt_name: 'dns-server',
            opt_value: '2001:db8::99',
            ip_version: 6,
          },
        ],
      },
    ],
    host: [
      'fa:16:3e:8e:5b:6f,tag:dhcpv6,host-2001-db8-4--.example.test.,[2001:db8:4::]',
      'fa:16:3e:2e:c3:51,tag:dhcpv6,six.example.test.,[2001:db8:4::2ac],set:port-a9d638c1-b65f-4d2f-ae50-a0b88801b750',
    ],
    addn_hosts: [
      '2001:db8:4::\thost-2001-db8-4--.example.test. host-2001-db8-4--',
      '2001:db8:4::2ac\tsix.example.test. six',
    ],
    opts: [
      'tag:subnet-555e9247-ba08-421c-a8c5-d26fc4770509,option6:dns-server,[2001:db8::53],[2001:db8::54]',
      'tag:subnet-555e9247-ba08-421c-a8c5-d26fc4770509,option6:domain-search,example.test.',
      'tag:port-a9d638c1-b65f-4d2f-ae50-a0b88801b750,option6:dns-server,2001:db8::99',
    ],
    argv: [
      'dnsmasq',
      '--no-hosts',
      '--no-resolv',
      '--pid-file=<folder>/pid',
      '--dhcp-hostsfile=<folder>/host',
      '--addn-hosts=<folder>/addn_hosts',
      '--dhcp-optsfile=<folder>/opts',
      '--dhcp-leasefile=<folder>/leases',
      '--dhcp-match=set:ipxe,175',
      '--dhcp-userclass=set:ipxe6,iPXE',
      '--local-service',
      '--bind-dynamic',
      '--dhcp-range=set:subnet-555e9247-ba08-421c-a8c5-d26fc4770509,2001:db8:4::,static,64,86400s',
      '--dhcp-option-force=option:mtu,1450',
      '--dhcp-lease-max=16777216',
      '--conf-file=/dev/null',
      '--domain=example.test.',
    ],
  },
  v6stateless: {
    network: {
      id: '726728c0-1643-4f46-9400-d438038ea024',
      mtu: 1450,
    },
    subnets: [
      {
        id: '5b8c02c9-a15b-4f7f-9556-1741459258b8',
        cidr: '2001:db8:5::/64',
        gateway_ip: '2001:db8:5::',
        enable_dhcp: true,
        ipv6_ra_mode: 'dhcpv6-stateless',
        ipv6_address_mode: 'dhcpv6-stateless',
        host_routes: [],
        dns_nameservers: ['2001:db8::53'],
      },
    ],
    ports: [
      {
        id: '1b5dafab-b42c-4a6b-9212-209fdcb3bfa0',
        mac_address: 'fa:16:3e:30:04:ae',
        device_owner: 'network:dhcp',
        fixed_ips: [
          {
            subnet_id: '5b8c02c9-a15b-4f7f-9556-1741459258b8',
            ip_address: '2001:db8:5:0:f816:3eff:fe30:4ae',
          },
        ],
        dns_name: '',
        extra_dhcp_opts: [],
      },
      {
        id: '9de44a7e-266f-4574-bf0d-73c481e7cddf',
        mac_address: 'fa:16:3e:6b:bb:a9',
        device_owner: 'compute:nova',
        fixed_ips: [
          {
            subnet_id: '5b8c02c9-a15b-4f7f-9556-1741459258b8',
            ip_address: '2001:db8:5:0:f816:3eff:fe6b:bba9',
          },
        ],
        dns_name: '',
        extra_dhcp_opts: [],
      },
      {
        id: 'ab96f46a-bc3a-4e35-aac6-6a1d8cb316c6',
        mac_address: 'fa:16:3e:d6:3c:cb',
        device_owner: 'network:router_interface',
        fixed_ips: [
          {
            subnet_id: '5b8c02c9-a15b-4f7f-9556-1741459258b8',
            ip_address: '2001:db8:5::',
          },
        ],
        dns_name: '',
        extra_dhcp_opts: [],
      },
    ],
    host: [],
    addn_hosts: [
      '2001:db8:5::\thost-2001-db8-5--.example.test. host-2001-db8-5--',
      '2001:db8:5:0:f816:3eff:fe6b:bba9\thost-2001-db8-5-0-f816-3eff-fe6b-bba9.example.test. host-2001-db8-5-0-f816-3eff-fe6b-bba9',
    ],
    opts: [
      'tag:subnet-5b8c02c9-a15b-4f7f-9556-1741459258b8,option6:dns-server,[2001:db8::53]',
      'tag:subnet-5b8c02c9-a15b-4f7f-9556-1741459258b8,option6:domain-search,example.test.',
    ],
    argv: [
      'dnsmasq',
      '--no-hosts',
      '--no-resolv',
      '--pid-file=<folder>/pid',
      '--dhcp-hostsfile=<folder>/host',
      '--addn-hosts=<folder>/addn_hosts',
      '--dhcp-optsfile=<folder>/opts',
      '--dhcp-leasefile=<folder>/leases',
      '--dhcp-match=set:ipxe,175',
      '--dhcp-userclass=set:ipxe6,iPXE',
      '--local-service',
      '--bind-dynamic',
      '--dhcp-range=set:subnet-5b8c02c9-a15b-4f7f-9556-1741459258b8,2001:db8:5::,static,64,86400s',
      '--dhcp-option-force=option:mtu,1450',
      '--dhcp-lease-max=16777216',
      '--conf-file=/dev/null',
      '--domain=example.test.',
    ],
  },
} as const;
