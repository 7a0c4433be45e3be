/** Beside what the reference implementation writes for six networks. What differs on purpose is listed here, each with its reason. */
import { describe, expect, it } from '@jest/globals';
import type { FixedIp, Subnet } from '@plumbline/contracts';
import { dnsmasqOf } from './process.js';
import { withAddresses, type ServedNetwork } from './served.js';
import { networkOf, portOf, subnetOf, TERMS } from './testing/index.js';
import { REFERENCE } from './testing/reference.js';

type Name = keyof typeof REFERENCE;
const names = Object.keys(REFERENCE) as Name[];

function servedLike(name: Name): ServedNetwork {
  const { network, subnets, ports } = REFERENCE[name];
  const all = ports.map((port) =>
    portOf({
      id: port.id,
      networkId: network.id,
      macAddress: port.mac_address,
      deviceOwner: port.device_owner,
      dnsName: port.dns_name,
      fixedIps: port.fixed_ips.map((ip): FixedIp => ({ subnetId: ip.subnet_id, ipAddress: ip.ip_address })),
      extraDhcpOpts: port.extra_dhcp_opts.map((each) => ({
        name: each.opt_name,
        value: each.opt_value,
        ipVersion: each.ip_version,
      })),
    }),
  );
  const server = all.find(({ deviceOwner }) => deviceOwner === 'network:dhcp');
  if (!server) throw new Error(`${name} has no DHCP port`);
  return {
    network: networkOf({ id: network.id, mtuBytes: network.mtu }),
    subnets: subnets.map((subnet) =>
      subnetOf({
        id: subnet.id,
        networkId: network.id,
        cidr: subnet.cidr,
        gatewayIp: subnet.gateway_ip,
        enableDhcp: subnet.enable_dhcp,
        ipv6AddressMode: subnet.ipv6_address_mode as Subnet['ipv6AddressMode'],
        ipv6RaMode: subnet.ipv6_ra_mode as Subnet['ipv6RaMode'],
        hostRoutes: [...subnet.host_routes],
        dnsNameservers: [...subnet.dns_nameservers],
      }),
    ),
    server,
    ports: all,
  };
}

const processOf = (name: Name) => {
  const process = dnsmasqOf(withAddresses(servedLike(name)), { ...TERMS, metadata: true });
  if (!process) throw new Error(`${name} is not served`);
  return process;
};
const fileOf = (name: Name, file: string): string[] =>
  (processOf(name).files.find((each) => each.name === file)?.content ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .sort();
const sorted = (lines: readonly string[]): string[] => [...lines].sort();

describe.each(names)('the files of %s', (name) => {
  it('name the same hosts, without the tags that dnsmasq dies of', () => {
    expect(fileOf(name, 'hosts')).toEqual(sorted(REFERENCE[name].host.map((line) => line.replace(/,set:port-.*/, ''))));
  });

  it('name the same addresses', () => {
    expect(fileOf(name, 'names')).toEqual(sorted(REFERENCE[name].addn_hosts));
  });

  it('have the same options', () => {
    expect(fileOf(name, 'opts')).toEqual(sorted(REFERENCE[name].opts));
  });
});

/** Arguments that only say where files are. */
const isPath = (argument: string): boolean =>
  /^--(pid-file|dhcp-(hosts|opts|lease)file|addn-hosts|servers-file)\b/.test(argument);
/** What we say besides. */
const MORE = [
  // Ours: it stays a child of nobody and its output is its folder's log.
  '--keep-in-foreground',
  '--log-facility=-',
  '--quiet-dhcp',
  '--quiet-dhcp6',
  // The log knows better than any lease.
  '--dhcp-authoritative',
];

it.each(names)('the command line of %s is the same but for what is listed', (name) => {
  const ours = processOf(name).argv.filter((each) => !isPath(each) && !/^--dhcp-(duid|mac)=/.test(each));
  const theirs = REFERENCE[name].argv.filter((each) => !isPath(each));
  expect(sorted(ours)).toEqual(sorted([...theirs, ...MORE]));
});

it('a port with options of its own is known by its MAC', () => {
  const [, ...tags] = REFERENCE.routed.host.flatMap((line) => /^([^,]*),.*,(set:port-.*)$/.exec(line)?.slice(1) ?? []);
  expect(processOf('routed').argv).toContain(`--dhcp-mac=${tags.at(-1)},fa:16:3e:e3:79:17`);
});
