/** ip(8) of the fake node: exactly the lines that the driver sends, and no others; and what its kernel tells. */
import type { SeenLink, SeenNetwork, SeenPolicyRule, SeenRoute } from '@plumbline/exec';
import { linkLocalOf } from '@plumbline/l3-core';
import {
  allAddresses,
  dropKernelRoutes,
  FakeFailure,
  FakeHop,
  FakeLink,
  FakeNetns,
  FakeRoute,
  makeKernelRoutes,
} from './fake-kernel.js';

export type FakeNode = {
  readonly netnses: Map<string, FakeNetns>;
  readonly root: FakeNetns;
  nextIndex: number;
  /** A namespace is gone: what else hangs on it. */
  netnsGone(name: string): void;
  /** A device of the root namespace is new: the parameters that it is born with. */
  outsideBorn(device: string): void;
  /** Parameters of a device that is new or gone do not outlive it. */
  deviceGone(netns: string, device: string): void;
};

/** Runs one line in a namespace ('' for the root one). Throws FakeFailure with ip(8)'s complaint. */
export function ipLine(node: FakeNode, where: string, line: string): void {
  const words = line.split(' ');
  const here = where === '' ? node.root : netnsOf(node, where);
  const link = (name: string): FakeLink => here.links.get(name) ?? complain(`Cannot find device "${name}"`);
  switch (`${words[0]} ${words[1]}`) {
    case 'netns add': {
      const name = words[2] ?? '';
      if (node.netnses.has(name)) complain(`Cannot create namespace file "/run/netns/${name}": File exists`);
      const netns = new FakeNetns();
      netns.links.set('lo', newLink(node, 'lo', '00:00:00:00:00:00', 65536));
      node.netnses.set(name, netns);
      return;
    }
    case 'netns del': {
      const name = words[2] ?? '';
      const netns = node.netnses.get(name);
      if (!netns) return complain(`Cannot remove namespace file "/run/netns/${name}": No such file or directory`);
      node.netnses.delete(name);
      for (const each of netns.links.values()) removePeer(node, each);
      node.netnsGone(name);
      return;
    }
    case 'link add': {
      const match = /^link add (\S+) up mtu (\d+) type veth peer name (\S+) address (\S+) mtu (\d+) netns (\S+)$/.exec(
        line,
      );
      const [, outside = '', mtu, device = '', mac = '', innerMtu, name = ''] = match ?? complain(`unknown: ${line}`);
      const netns = netnsOf(node, name);
      if (node.root.links.has(outside) || netns.links.has(device)) complain('RTNETLINK answers: File exists');
      const outer = newLink(node, outside, '0e:00:00:00:00:01', Number(mtu));
      const inner = newLink(node, device, mac, Number(innerMtu));
      outer.up = true;
      outer.peer = inner;
      inner.peer = outer;
      node.root.links.set(outside, outer);
      node.outsideBorn(outside);
      netns.links.set(device, inner);
      return;
    }
    case 'link del': {
      const gone = link(words[2] ?? '');
      here.links.delete(gone.name);
      dropRoutes(here, gone.name);
      node.deviceGone(where, gone.name);
      removePeer(node, gone);
      return;
    }
    case 'link set': {
      const set = link(words[2] ?? '');
      const value = (key: string): string | undefined => words[words.indexOf(key) + 1];
      if (words.includes('address')) set.mac = value('address') ?? '';
      if (words.includes('mtu')) set.mtuBytes = Number(value('mtu'));
      if (words.at(-1) === 'up') {
        if (!set.up && set.mtuBytes >= 1280) set.linkLocal = { address: linkLocalOf(set.mac), broadcast: null };
        set.up = true;
        makeKernelRoutes(here, set);
      } else if (words.at(-1) === 'down') {
        set.up = false;
        set.linkLocal = null;
        set.addresses = set.addresses.filter(({ address }) => !address.includes(':'));
        dropRoutes(here, set.name);
      } else complain(`unknown: ${line}`);
      return;
    }
    case 'address replace': {
      const [, address = '', broadcast, device = ''] =
        /^address replace (\S+)(?: brd (\S+)| nodad)? dev (\S+)$/.exec(line) ?? complain(`unknown: ${line}`);
      const on = link(device);
      if (!on.addresses.some((each) => each.address === address))
        on.addresses.push({ address, broadcast: broadcast ?? null });
      makeKernelRoutes(here, on);
      return;
    }
    case 'address del': {
      const on = link(words[4] ?? '');
      const at = on.addresses.findIndex((each) => each.address === words[2]);
      if (at < 0) complain('Error: ipv4: Address not found.');
      for (const gone of on.addresses.splice(at, 1)) dropKernelRoutes(here, on, gone);
      return;
    }
    case 'route append':
    case 'route prepend':
    case 'route replace': {
      const made =
        /^route (?:append|prepend|replace) (?:(local|broadcast|multicast) )?(\S+) dev (\S+)(?: table local)? proto kernel (?:scope \S+|metric 256)(?: src (\S+))?$/.exec(
          line,
        );
      if (made) {
        const [, type = 'unicast', destination = '', device = '', source = null] = made;
        if (!link(device).up) complain('RTNETLINK answers: Network is down');
        const other = here.kernelRoutes.filter(
          (each) => each.type !== type || each.destination !== destination || each.device !== device,
        );
        here.kernelRoutes = [...other, { destination, device, type, source }];
        return;
      }
      const match =
        /^route replace (\S+)( proto 201(?: nexthop via \S+ dev \S+)+|(?: via \S+)? dev \S+ proto 201(?: scope link)?)$/.exec(
          line,
        );
      const [, destination = '', by = ''] = match ?? complain(`unknown: ${line}`);
      const hops = [...by.matchAll(/(?: via (\S+))? dev (\S+)/g)].map(([, via, device = '']) => ({
        via: via ?? null,
        device,
      }));
      for (const { device } of hops) if (!link(device).up) complain('RTNETLINK answers: Network is down');
      const route = { destination, hops, protocol: '201' };
      const same = (each: FakeRoute): boolean =>
        each.destination === destination &&
        (!destination.includes(':') || JSON.stringify(each.hops) === JSON.stringify(hops));
      here.routes = [...here.routes.filter((each) => !same(each)), route];
      return;
    }
    case 'route del': {
      const match = /^route del (\S+)(?: via (\S+))? dev (\S+)$/.exec(line);
      const [, destination = '', via, device = ''] = match ?? complain(`unknown: ${line}`);
      const at = here.routes.findIndex(
        (each) =>
          each.destination === destination &&
          each.hops.length === 1 &&
          each.hops[0]?.via === (via ?? null) &&
          each.hops[0].device === device,
      );
      if (at < 0) complain('RTNETLINK answers: No such process');
      here.routes.splice(at, 1);
      return;
    }
    default:
      complain(`the fake node does not know: ${line}`);
  }
}

/** What the kernel would tell of a namespace ('' for the root one). */
export function seenIn(node: FakeNode, where: string, names: 'all' | readonly string[]): SeenParts {
  const here = where === '' ? node.root : netnsOf(node, where);
  const links = [...here.links.values()];
  return {
    links: links.filter(({ name }) => names === 'all' || names.includes(name)).map(seenLink),
    routes: [
      ...here.routes.map(({ destination, hops }) =>
        seenRoute(destination === '::/0' ? 'default' : destination, hops, { kernel: false }),
      ),
      ...here.kernelRoutes.map(({ destination, device, type, source }) => {
        const table = type === 'unicast' ? 'main' : 'local';
        return seenRoute(destination, [{ via: null, device }], { kernel: true, type, table, source });
      }),
    ],
    neighbours: [],
    policyRules: new Map([
      [4, POLICY_RULES],
      [6, POLICY_RULES.slice(0, 2)],
    ]),
    queues: [],
  };
}
type SeenParts = Omit<SeenNetwork, 'sysctls' | 'txChecksum' | 'rulesRevision'>;

const seenLink = (link: FakeLink): SeenLink => ({
  name: link.name,
  index: link.index,
  kind: link.peer ? 'veth' : null,
  mac: link.mac,
  mtuBytes: link.mtuBytes,
  up: link.up,
  running: true,
  answersArp: true,
  multicast: true,
  enslaved: false,
  qdisc: link.up ? 'noqueue' : 'noop',
  peerIndex: link.peer?.index ?? null,
  addresses: allAddresses(link).map((each) => ({ ...each, tentative: false })),
});

const seenRoute = (destination: string, hops: readonly FakeHop[], more: Partial<SeenRoute>): SeenRoute => ({
  version: [destination, ...hops.map(({ via }) => via ?? '')].some((text) => text.includes(':')) ? 6 : 4,
  destination,
  hops,
  type: 'unicast',
  table: 'main',
  kernel: false,
  source: null,
  metric: null,
  odd: false,
  ...more,
});

/** Those that a namespace is born with: nothing that the driver sends changes them as long as they are there. IPv6 has no table `default`. */
const POLICY_RULES: readonly SeenPolicyRule[] = (
  [
    [0, 'local'],
    [32766, 'main'],
    [32767, 'default'],
  ] as const
).map(([priority, table]) => ({ priority, table, plain: true, devices: [] }));

function dropRoutes(netns: FakeNetns, device: string): void {
  netns.routes = netns.routes.filter(({ hops }) => !hops.some((hop) => hop.device === device));
  netns.kernelRoutes = netns.kernelRoutes.filter((route) => route.device !== device);
}

const newLink = (node: FakeNode, name: string, mac: string, mtuBytes: number): FakeLink => {
  node.nextIndex += 1;
  return { name, index: node.nextIndex, mac, mtuBytes, up: false, addresses: [], linkLocal: null, peer: null };
};

function removePeer(node: FakeNode, link: FakeLink): void {
  const { peer } = link;
  if (!peer) return;
  for (const [name, netns] of [['', node.root] as const, ...node.netnses])
    if (netns.links.get(peer.name) === peer) {
      netns.links.delete(peer.name);
      dropRoutes(netns, peer.name);
      node.deviceGone(name, peer.name);
    }
}

const netnsOf = (node: FakeNode, name: string): FakeNetns =>
  node.netnses.get(name) ?? complain(`Cannot open network namespace "${name}": No such file or directory`);

function complain(why: string): never {
  throw new FakeFailure(why);
}
