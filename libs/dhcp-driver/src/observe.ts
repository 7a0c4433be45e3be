/** Reads a node: for each namespace one ip(8), and two requests to the exec helper, which start no program. Changes nothing. */
import {
  DHCP_DEVICE_PREFIX,
  dhcpNetns,
  METADATA6,
  networkOfNetns,
  type FoundDhcp,
  type FoundLink,
} from '@plumbline/dhcp-core';
import type { Runner } from '@plumbline/exec';
import type { Outsides } from '@plumbline/l3-driver';

type IpLink = {
  ifname: string;
  ifindex: number;
  link_index?: number;
  flags?: string[];
  mtu?: number;
  address?: string;
  addr_info?: { local: string; prefixlen: number; scope?: string }[];
};
type IpRoute = { dst: string; gateway?: string; dev?: string; table?: string };

const jsonLines = (text: string): unknown[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('['))
    .map((line) => JSON.parse(line) as unknown[]);

/** Networks that have a namespace. */
export async function observeNamespaces(runner: Runner): Promise<string[]> {
  const { stdout } = await runner.run(['ip', '-j', '-batch', '-'], { stdin: 'netns list\n', reads: true });
  return jsonLines(stdout)
    .flat()
    .flatMap((each) => networkOfNetns((each as { name: string }).name) ?? []);
}

/** As read, before its devices are matched with their outer ends. */
export type RawDhcp = Omit<FoundDhcp, 'links'> &
  Readonly<{ links: readonly IpLink[]; checksums: ReadonlyMap<string, boolean> }>;

/** Rejects when the namespace is not there (CommandFailed, reason `netns`) or cannot be read. `pid`: of its dnsmasq. */
export async function readNamespace(runner: Runner, id: string, pid: number | null): Promise<RawDhcp> {
  const netns = dhcpNetns(id);
  const identify = pid === null ? '' : `netns identify ${pid}\n`;
  const { stdout } = await runner.run(['ip', '-d', '-j', '-batch', '-'], {
    netns,
    reads: true,
    stdin: `address show\nroute show table all\n${identify}`,
  });
  const [all = [], routes = []] = jsonLines(stdout) as [IpLink[]?, IpRoute[]?];
  const links = all.filter(({ ifname }) => ifname.startsWith(DHCP_DEVICE_PREFIX));
  const names = links.map(({ ifname }) => ifname);
  const [sysctls, checksums] = await Promise.all([
    runner.readSysctls(
      [
        'net/ipv6/conf/default/accept_dad',
        'net/ipv6/conf/default/accept_ra',
        ...names.map((name) => `net/ipv6/conf/${name}/accept_ra`),
      ],
      { netns },
    ),
    names.length > 0 ? runner.readTxChecksum(names, { netns }) : new Map<string, boolean>(),
  ]);
  return {
    // A process lives on in a namespace that was deleted, also when there is another one of the name.
    strayProcess: pid !== null && !stdout.split('\n').includes(netns),
    loUp: all.some((link) => link.ifname === 'lo' && isUp(link)),
    links,
    checksums,
    sysctls: Object.fromEntries(sysctls),
    routes: routes.flatMap(({ dst, gateway, dev = '', table = 'main' }) =>
      dst === 'default' && gateway !== undefined && table === 'main' && names.includes(dev)
        ? [{ version: gateway.includes(':') ? (6 as const) : (4 as const), via: gateway, device: dev }]
        : [],
    ),
  };
}

const isUp = ({ flags = [] }: IpLink): boolean => flags.includes('UP');

export const foundDhcp = ({ links, checksums, ...rest }: RawDhcp, outsides: Outsides): FoundDhcp => ({
  ...rest,
  links: links.map((link): FoundLink => {
    // A veth's index of its peer does not say in which namespace the peer is: both must point at each other.
    const other = outsides.links.get(link.link_index ?? -1);
    return {
      device: link.ifname,
      mac: link.address ?? '',
      mtuBytes: link.mtu ?? 0,
      up: isUp(link),
      txChecksum: checksums.get(link.ifname) ?? true,
      addresses: (link.addr_info ?? [])
        .map(({ local, prefixlen, scope }) => ({ address: `${local}/${prefixlen}`, scope }))
        .filter(({ address, scope }) => scope !== 'link' || address === METADATA6)
        .map(({ address }) => address),
      outside: other?.peerIndex === link.ifindex ? other.name : null,
    };
  }),
});
