/** ip(8) of the fake node: exactly the lines that the driver sends, and no others. */
import { FakeFailure, FakeLink, FakeNetns } from './fake-kernel.js';

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
      here.routes = here.routes.filter((route) => route.device !== gone.name);
      node.deviceGone(where, gone.name);
      removePeer(node, gone);
      return;
    }
    case 'link set': {
      const set = link(words[2] ?? '');
      const value = (key: string): string | undefined => words[words.indexOf(key) + 1];
      if (words.includes('address')) set.mac = value('address') ?? '';
      if (words.includes('mtu')) set.mtuBytes = Number(value('mtu'));
      if (words.at(-1) === 'up') set.up = true;
      else if (words.at(-1) === 'down') {
        set.up = false;
        set.addresses = set.addresses.filter(({ address }) => !address.includes(':'));
        here.routes = here.routes.filter((route) => route.device !== set.name);
      } else complain(`unknown: ${line}`);
      return;
    }
    case 'address replace': {
      const [, address = '', broadcast, device = ''] =
        /^address replace (\S+)(?: brd (\S+)| nodad)? dev (\S+)$/.exec(line) ?? complain(`unknown: ${line}`);
      const on = link(device);
      if (!on.addresses.some((each) => each.address === address))
        on.addresses.push({ address, broadcast: broadcast ?? null });
      return;
    }
    case 'address del': {
      const on = link(words[4] ?? '');
      const at = on.addresses.findIndex((each) => each.address === words[2]);
      if (at < 0) complain('Error: ipv4: Address not found.');
      on.addresses.splice(at, 1);
      return;
    }
    case 'route replace': {
      const match = /^route replace (\S+)(?: via (\S+))? dev (\S+) proto 201(?: scope link)?$/.exec(line);
      const [, destination = '', via, device = ''] = match ?? complain(`unknown: ${line}`);
      if (!link(device).up) complain('RTNETLINK answers: Network is down');
      const route = { destination, via: via ?? null, device, protocol: '201' };
      const same = (each: typeof route): boolean =>
        each.destination === destination && (!destination.includes(':') || each.via === route.via);
      here.routes = [...here.routes.filter((each) => !same(each)), route];
      return;
    }
    case 'route del': {
      const match = /^route del (\S+)(?: via (\S+))? dev (\S+)$/.exec(line);
      const [, destination = '', via, device = ''] = match ?? complain(`unknown: ${line}`);
      const at = here.routes.findIndex(
        (each) => each.destination === destination && each.via === (via ?? null) && each.device === device,
      );
      if (at < 0) complain('RTNETLINK answers: No such process');
      here.routes.splice(at, 1);
      return;
    }
    default:
      complain(`the fake node does not know: ${line}`);
  }
}

/** JSON of `ip -d -j -batch -`, a line a command. */
export function ipShow(node: FakeNode, where: string, line: string): string {
  const here = where === '' ? node.root : netnsOf(node, where);
  const links = [...here.links.values()];
  const name = /^link show dev (\S+)$/.exec(line)?.[1];
  if (name !== undefined) {
    const link = here.links.get(name);
    return link ? JSON.stringify([shown(link)]) : '';
  }
  switch (line) {
    case 'netns list':
      return JSON.stringify([...node.netnses.keys()].map((name) => ({ name })));
    case 'link show type veth':
      return JSON.stringify(links.filter((link) => link.peer).map((link) => shown(link)));
    case 'address show':
      return JSON.stringify(
        links.map((link) => ({
          ...shown(link),
          addr_info: link.addresses.map(({ address, broadcast }) => ({
            family: address.includes(':') ? 'inet6' : 'inet',
            local: address.split('/')[0],
            prefixlen: Number(address.split('/')[1]),
            scope: 'global',
            ...(broadcast !== null && { broadcast }),
          })),
        })),
      );
    case 'route show table all':
      return JSON.stringify(
        here.routes.map(({ destination, via, device, protocol }) => ({
          type: 'unicast',
          dst: destination === '::/0' ? 'default' : destination.replace(/\/(32|128)$/, ''),
          ...(via !== null && { gateway: via }),
          dev: device,
          table: 'main',
          protocol,
        })),
      );
    default:
      return complain(`the fake node does not know: ${line}`);
  }
}

const shown = (link: FakeLink): object => ({
  ifname: link.name,
  ifindex: link.index,
  ...(link.peer && { link_index: link.peer.index }),
  flags: link.up ? ['UP'] : [],
  mtu: link.mtuBytes,
  address: link.mac,
});

const newLink = (node: FakeNode, name: string, mac: string, mtuBytes: number): FakeLink => {
  node.nextIndex += 1;
  return { name, index: node.nextIndex, mac, mtuBytes, up: false, addresses: [], peer: null };
};

function removePeer(node: FakeNode, link: FakeLink): void {
  const { peer } = link;
  if (!peer) return;
  for (const [name, netns] of [['', node.root] as const, ...node.netnses])
    if (netns.links.get(peer.name) === peer) {
      netns.links.delete(peer.name);
      netns.routes = netns.routes.filter((route) => route.device !== peer.name);
      node.deviceGone(name, peer.name);
    }
}

const netnsOf = (node: FakeNode, name: string): FakeNetns =>
  node.netnses.get(name) ?? complain(`Cannot open network namespace "${name}": No such file or directory`);

function complain(why: string): never {
  throw new FakeFailure(why);
}
