/** What the DHCP agent has on its node, thing by thing: as its view wants it, with object and event of each, and as it is found. Pure. */
import { canonicalAddress, type Port } from '@plumbline/contracts';
import {
  DHCP_DEVICE_PREFIX,
  dhcpNetns,
  type DhcpFound,
  type DhcpState,
  networkOfNetns,
  networkOfProcess,
} from '@plumbline/dhcp-core';
import type { SeenNetwork } from '@plumbline/exec';
import { kernelRoutesOf, linkLocalOf } from '@plumbline/l3-core';
import type { FoundThing, WantedThing } from '@plumbline/reasons/things';
import { type HostView, objectIn, objectsOf } from '@plumbline/topology';
import { isOwnOnLoopback, LOOPBACK } from '../things.js';

const kept = new WeakMap<DhcpState, Readonly<{ position: number; things: readonly WantedThing[] }>>();

/** All that the served networks want on the node. `view`: that of the states. */
export function wantedOf(states: Iterable<DhcpState>, view: HostView): WantedThing[] {
  return [...states].flatMap((state): readonly WantedThing[] => {
    const before = kept.get(state);
    // Ports of the network change with the state; what else is looked up is the same until the view goes on.
    if (before?.position === view.position) return before.things;
    const things = ofNetwork(state, view);
    kept.set(state, { position: view.position, things });
    return things;
  });
}

function ofNetwork(state: DhcpState, view: HostView): WantedThing[] {
  const { id, netns, device, outside, mac, mtuBytes, addresses, routes, sysctls, port, process } = state;
  const owner = `port/${port.portId}`;
  const server = objectIn(view, 'port', port.portId);
  const fixed = server?.setAt['fixedIps'] ?? port.position;
  const at = (sort: string, name: string, position = port.position, text = name): WantedThing => ({
    ...{ sort, place: netns, name, text, owner, position, uses: [] },
  });
  const all = [...addresses, { address: linkLocalOf(mac), broadcast: null }];
  return [
    { ...at('namespace', netns), place: '', owner: `network/${id}`, uses: [owner] },
    at('device', 'lo'),
    at('device', device, port.position, `${device} ${mac} mtu ${mtuBytes}`),
    { ...at('device', outside), place: '' },
    ...all.map(({ address }) => at('address', `${address} dev ${device}`, fixed)),
    ...routes.map(({ via }) => at('route', `default via ${via} dev ${device}`, ...ofGateway(view, id, via))),
    ...kernelRoutesOf({ device, mtuBytes, addresses: all }).map(({ type, destination }) =>
      at('route', kernelText(type, destination, device), fixed),
    ),
    ...Object.entries(sysctls).map(([key, value]) => at('sysctl', `${key} = ${value}`)),
    {
      ...at('process', process.name, port.position, `dnsmasq ${process.name}`),
      place: '',
      owner: `network/${id}`,
      uses: [owner],
    },
    ...process.files.flatMap(({ name, content }) =>
      linesOf(content).map((line): WantedThing => ({
        ...{ sort: 'entry', place: `${process.name}/${name}`, name: line, text: line, uses: [] },
        ...ofEntry(line, id, view, port),
      })),
    ),
  ];
}

/** Position of the subnet that names the gateway. */
function ofGateway(view: HostView, networkId: string, via: string): [number?] {
  const subnet = objectsOf(view, 'subnet').find(
    (each) => each.networkId === networkId && each.gatewayIp !== null && canonicalAddress(each.gatewayIp) === via,
  );
  return subnet ? [subnet.setAt['subnet'] ?? 0] : [];
}

const kernelText = (type: string, destination: string, device: string): string =>
  `${type === 'unicast' ? '' : `${type} `}${destination} dev ${device}`;

const linesOf = (content: string): string[] =>
  [...new Set(content.split('\n').map((line) => line.trim()))].filter((line) => line !== '');

/** The object that a line of a file of dnsmasq is for: a port by its MAC or address, a subnet or port by its tag; else the server's port. */
function ofEntry(
  line: string,
  networkId: string,
  view: HostView,
  server: DhcpState['port'],
): Pick<WantedThing, 'owner' | 'position'> {
  const tagged = /tag:(?:[^,]*,tag:)*?(subnet|port)-([0-9a-f-]{36})/.exec(line);
  const [, kind, id = ''] = tagged ?? [];
  if (kind === 'subnet')
    return { owner: `subnet/${id}`, position: objectIn(view, 'subnet', id)?.setAt['subnet'] ?? null };
  if (kind === 'port') return { owner: `port/${id}`, position: objectIn(view, 'port', id)?.setAt['port'] ?? null };
  const holders = holdersIn(view, networkId);
  const word = line.split(/[\s,[\]]+/).find((each) => holders.has(each));
  const port = word === undefined ? undefined : holders.get(word);
  return port
    ? { owner: `port/${port.id}`, position: port.setAt['fixedIps'] ?? null }
    : { owner: `port/${server.portId}`, position: server.position };
}

type Holders = ReadonlyMap<string, Port>;
const byNetwork = new WeakMap<HostView['objects'], { position: number; of: ReadonlyMap<string, Holders> }>();

/** Ports of a network by their MACs and addresses: found once for each position of the view. */
function holdersIn(view: HostView, networkId: string): Holders {
  let known = byNetwork.get(view.objects);
  if (known?.position !== view.position) {
    const of = new Map<string, Map<string, Port>>();
    for (const port of objectsOf(view, 'port')) {
      const holders = of.get(port.networkId) ?? new Map<string, Port>();
      of.set(port.networkId, holders);
      for (const { ipAddress } of port.fixedIps) holders.set(ipAddress, port);
      holders.set(port.macAddress, port);
    }
    byNetwork.set(view.objects, (known = { position: view.position, of }));
  }
  return known.of.get(networkId) ?? NOBODY;
}
const NOBODY: Holders = new Map();

/** What was read of a node. `networks`: of namespaces of networks, by name. `files`: `<program>/<file>` -> its text. `others`: dnsmasq's that bear no mark of ours. */
export type Read = Readonly<{
  found: DhcpFound;
  networks: ReadonlyMap<string, SeenNetwork>;
  files: ReadonlyMap<string, string>;
  others: readonly string[];
}>;

export function foundIn({ found, networks, files, others }: Read): FoundThing[] {
  const things: FoundThing[] = [];
  const add = (sort: string, place: string, name: string, ours: boolean, more: Partial<FoundThing> = {}): void => {
    things.push({ sort, place, name, text: name, position: null, ours, ...more });
  };
  for (const id of [...found.namespaces.keys(), ...found.unreadable.keys()])
    add('namespace', '', dhcpNetns(id), true, { owner: `network/${id}` });
  for (const name of found.outsides.keys()) add('device', '', name, true);
  for (const [netns, { links, routes, neighbours }] of networks) {
    const owner = `network/${networkOfNetns(netns)}`;
    const isOurs = (name: string): boolean => name.startsWith(DHCP_DEVICE_PREFIX);
    for (const { name, mac, mtuBytes, addresses } of links) {
      const ours = isOurs(name) || name === 'lo';
      add('device', netns, name, ours, {
        ...(name !== 'lo' && { text: `${name} ${mac} mtu ${mtuBytes}` }),
        owner: ours ? owner : null,
      });
      for (const { address } of addresses) {
        const itIs = name === 'lo' ? LOOPBACK.includes(address) : ours;
        add('address', netns, `${address} dev ${name}`, itIs, {
          owner: itIs ? owner : null,
          ...(itIs && name === 'lo' && { as: 'ours' as const }),
        });
      }
    }
    const own = links.flatMap(({ name, addresses }) => (isOurs(name) ? addresses.map(({ address }) => address) : []));
    for (const { type, destination, hops, kernel } of routes)
      for (const { via, device } of hops) {
        const itIs = isOurs(device) || (device === 'lo' && kernel && isOwnOnLoopback(destination, own));
        add(
          'route',
          netns,
          via === null ? kernelText(type, destination, device) : `${destination} via ${via} dev ${device}`,
          itIs,
          {
            owner: itIs ? owner : null,
            // The kernel makes some of an address that nobody asks it for.
            ...(kernel && itIs && { as: 'ours' as const }),
          },
        );
      }
    for (const { device, address, proxy } of neighbours)
      add('neighbour', netns, `${proxy ? 'proxy ' : ''}${address} dev ${device}`, isOurs(device), { owner });
  }
  for (const [id, { sysctls }] of found.namespaces)
    for (const [key, value] of Object.entries(sysctls))
      add('sysctl', dhcpNetns(id), `${key} = ${value}`, true, { owner: `network/${id}` });
  for (const { name, main } of found.processes.processes)
    if (main) add('process', '', name, true, { text: `dnsmasq ${name}`, owner: `network/${networkOfProcess(name)}` });
  for (const [place, text] of files)
    for (const line of linesOf(text))
      add('entry', place, line, true, { owner: `network/${networkOfProcess(place.replace(/\/.*/, ''))}` });
  for (const text of others) add('process', '', text, false);
  return things;
}
