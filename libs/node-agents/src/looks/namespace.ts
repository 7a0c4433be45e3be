/** Looks: what is in the namespace of a router, or of a network's DHCP. */
import { type AnswerOf, MOST_SHOWN, type ParamsOf } from '@plumbline/contracts';
import { dhcpNetns } from '@plumbline/dhcp-core';
import { CommandFailed, type SeenNetwork, type Spawner } from '@plumbline/exec';
import {
  advertiserName,
  bornPolicyRules,
  dialect,
  isOurChain,
  isOurDevice,
  netnsOf,
  portOfProgram,
} from '@plumbline/l3-core';
import { markedPrograms } from '@plumbline/processes';

const COUNT = 'net/netfilter/nf_conntrack_count';
const MOST = 'net/netfilter/nf_conntrack_max';
const FORWARDS = 'net/ipv4/ip_forward';
const FORWARDS6 = 'net/ipv6/conf/all/forwarding';
const READ_MS = 2_800;
const NOTHING = {
  ...{ there: false, links: [], defaults: [], forwards: false, forwards6: false, advertises: [] },
  ...{ foreign: [], foreign6: [], foreignCount: 0, astray: [], connections: null, redirects: false, listens: [] },
};

/** Of `iptables-save`: rules that drop or reject in chains that are not ours, each behind its table. */
export function foreignDrops(saved: string): string[] {
  let table = '';
  return saved.split('\n').flatMap((line) => {
    if (line.startsWith('*')) table = line.slice(1);
    const [, chain = ''] = /^-A (\S+) /.exec(line) ?? [];
    return chain !== '' && !isOurChain(chain) && /-j (?:DROP|REJECT)\b/.test(line)
      ? [`${table} ${line}`.slice(0, 500)]
      : [];
  });
}

/** A process's own, so those of the namespace that it runs in. A kernel without IPv6 has only two. */
const SOCKETS = ['tcp', 'tcp6', 'udp', 'udp6'].map((name) => `/proc/self/net/${name}`);
/** State of a socket that listens (TCP), or is connected to nobody (UDP): include/net/tcp_states.h. */
const OPEN: Readonly<Record<string, string>> = { '0A': 'tcp', '07': 'udp' };

/** Of the kernel's tables of sockets (proc_net_tcp.rst in the kernel's documentation): `udp/67`. */
export const listenersIn = (text: string): string[] => [
  ...new Set(
    text.split('\n').flatMap((line) => {
      const [, local = '', state = ''] =
        /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /.exec(line) ?? [];
      const protocol = OPEN[state];
      return protocol === undefined ? [] : [`${protocol}/${parseInt(local, 16)}`];
    }),
  ),
];

export async function namespace(runner: Spawner, { sort, id }: ParamsOf<'namespace'>): Promise<AnswerOf<'namespace'>> {
  const netns = sort === 'router' ? netnsOf(id) : dhcpNetns(id);
  const reading = { netns, reads: true, timeoutMs: READ_MS };
  const question = {
    links: 'all',
    parts: ['addresses', 'routes', 'neighbours', 'policyRules'],
    sysctls: [COUNT, MOST, FORWARDS, FORWARDS6],
  } as const;
  const [seen] = await runner.look(question, [netns]);
  if (seen instanceof CommandFailed && seen.reason === 'netns') return NOTHING;
  if (!seen || seen instanceof CommandFailed) throw seen ?? new Error('nothing was seen');
  const [saved, saved6, sockets] = await Promise.all([
    runner.run(dialect.save[4], reading),
    runner.run(dialect.save[6], reading),
    runner.run(['cat', ...SOCKETS], { ...reading, okCodes: [0, 1] }),
  ]);
  const [foreign, foreign6] = [foreignDrops(saved.stdout), foreignDrops(saved6.stdout)];
  const [count, most] = [seen.sysctls.get(COUNT), seen.sysctls.get(MOST)].map(Number);
  return {
    there: true,
    links: seen.links
      .filter(({ name }) => name !== 'lo')
      .map(({ name, up, mac, addresses }) => ({
        ...{ device: name, up, mac },
        addresses: addresses.map(({ address }) => address),
      })),
    defaults: seen.routes
      .filter(({ destination, table }) => destination === 'default' && table === 'main')
      .flatMap(({ hops }) => hops.flatMap(({ via }) => via ?? [])),
    forwards: seen.sysctls.get(FORWARDS) === '1',
    forwards6: seen.sysctls.get(FORWARDS6) === '1',
    advertises: sort === 'router' ? advertisedBy(id) : [],
    foreign: foreign.slice(0, MOST_SHOWN),
    foreign6: foreign6.slice(0, MOST_SHOWN),
    foreignCount: foreign.length + foreign6.length,
    astray: sort === 'router' ? astrayIn(seen).slice(0, MOST_SHOWN) : [],
    connections:
      Number.isInteger(count) && Number.isInteger(most) ? { count: count as number, most: most as number } : null,
    redirects: /169\.254\.169\.254\/32.*-j REDIRECT/.test(saved.stdout),
    listens: listenersIn(sockets.stdout),
  };
}

/** Ports of a router for which radvd runs. */
const advertisedBy = (routerId: string): string[] =>
  markedPrograms(['radvd'])
    .filter((name) => name.startsWith(advertiserName(routerId, '')))
    .flatMap((name) => portOfProgram(name) ?? []);

/** Nobody of ours makes any of these in a router's namespace. */
export function astrayIn({
  neighbours,
  routes,
  policyRules,
}: Pick<SeenNetwork, 'neighbours' | 'routes' | 'policyRules'>): AnswerOf<'namespace'>['astray'] {
  const born = bornPolicyRules();
  return [
    ...neighbours
      .filter(({ device, proxy }) => !proxy && isOurDevice(device))
      .map(({ address, device }) => ({ what: `a permanent neighbour entry ${address} dev ${device}`, of: address })),
    ...routes
      .filter(({ type, table }) => STOPS.includes(type) && table === 'main')
      .map(({ type, destination }) => ({
        what: `a route "${type} ${destination}"`,
        of: destination === 'default' ? null : destination,
      })),
    ...[...policyRules].flatMap(([version, rules]) =>
      rules
        .filter(
          ({ priority, table, devices }) =>
            !born.get(version)?.some((each) => each.priority === priority && each.table === table) &&
            devices.every((device) => device === 'lo' || isOurDevice(device)),
        )
        .map(({ priority }) => ({
          what: `a policy rule of priority ${priority} (ip${version === 6 ? ' -6' : ''} rule)`,
          of: null,
        })),
    ),
  ];
}
/** Types of routes by which no packet goes on. */
const STOPS: readonly string[] = ['blackhole', 'unreachable', 'prohibit', 'throw'];
