/** What the OVS agent has on its node, thing by thing: the switch, and what is in the node's own namespace. As its view wants it, and as it is found. Pure. */
import { effectOf, type SavedTables, targetOf } from '@plumbline/iptables';
import type { SeenNetwork } from '@plumbline/exec';
import {
  actionsOn,
  addressSet,
  type Asked,
  BR_INT,
  BR_TUN,
  CHAIN_PREFIX,
  flowLine,
  type FoundFilter,
  isOurSet,
  memberSet,
  type ObservedBridge,
  type ObservedSwitch,
  readCookie,
} from '@plumbline/ovs-core';
import type { FoundThing, WantedThing } from '@plumbline/reasons/things';
import { type HostView, objectIn, objectsOf } from '@plumbline/topology';

const TOOLS = { 4: 'iptables', 6: 'ip6tables' } as const;
/** Objects that one thing is said to serve; of more the first are named. */
const MOST_USES = 50;

/** All that is wanted, as of the last convergence. `observed`: the switch, for flows that send to the ports that are there. */
export function wantedOf(
  view: HostView,
  { desired, servedBy, filter }: Asked,
  observed: ObservedSwitch,
): WantedThing[] {
  const own = `node/${view.host}`;
  const at = (
    sort: string,
    place: string,
    name: string,
    owner: string,
    position: number | null,
    text = name,
  ): WantedThing => ({
    ...{ sort, place, name, text, position, uses: [], ...ownerOf(view, owner, own) },
  });
  const flows = [...desired.flows].flatMap(([bridge, all]) => {
    const has = (port: string): boolean => observed.get(bridge)?.ports.has(port) ?? false;
    return all.flatMap((flow): WantedThing[] => {
      const actions = actionsOn(flow, has);
      if (actions === null || !flow.ports.every(has)) return [];
      const thing = at('flow', bridge, flow.key, flow.owner, flow.position, flowLine(flow.key, flow.position, actions));
      const uses = flow.owner.startsWith('firewall/') ? servedBy(flow.key) : [];
      return [{ ...thing, ...(uses.length > 0 && { owner: uses[0] as string, uses: uses.slice(0, MOST_USES) }) }];
    });
  });
  return [
    ...desired.bridges.map(({ name, owner, position }) => at('bridge', '', name, owner, position)),
    ...desired.ports.map(({ bridge, name, type, options, owner, position }) =>
      at('port', bridge, name, owner, position, portText(name, { type, options, tag: null, ifaceId: null })),
    ),
    ...desired.tags.map(({ bridge, name, tag, owner, position }) =>
      at(
        'port',
        bridge,
        name,
        owner,
        position,
        portText(name, { type: '', options: {}, tag, ifaceId: owner.replace(/^port\//, '') }),
      ),
    ),
    ...flows,
    ...filter.sets.map(({ name, owner }) => at('set', '', name, owner, null)),
    ...filter.chains.flatMap(({ version, table, chain, lines, owner }) => [
      at(
        'chain',
        '',
        chainName(version, table, chain),
        owner,
        lines.flatMap((line) => positionIn(line) ?? [])[0] ?? null,
      ),
      ...lines.map((line) =>
        at(
          'rule',
          '',
          ruleName(version, table, chain, line),
          owner,
          positionIn(line),
          ruleText(version, table, chain, line),
        ),
      ),
    ]),
    ...filter.lines.map(({ version, table, chain, line, owner }) =>
      at(
        'rule',
        '',
        ruleName(version, table, chain, line),
        owner,
        positionIn(line),
        ruleText(version, table, chain, line),
      ),
    ),
  ];
}

/** The object of an owner (ovs-core, Owner), and further ones where it stands for several. */
function ownerOf(view: HostView, owner: string, own: string): Pick<WantedThing, 'owner'> & { uses?: string[] } {
  const slash = owner.indexOf('/');
  const [kind, id] = [owner.slice(0, Math.max(0, slash)), owner.slice(slash + 1)];
  switch (kind) {
    case 'fanout':
      return { owner: `network/${id}` };
    case 'forwardingentry':
      return { owner: `port/${id}` };
    case 'class': {
      const groups = (owner.split('/')[2] ?? '').split('+').map((group) => `securitygroup/${group}`);
      return { owner: groups[0] ?? own, uses: groups };
    }
    case 'set':
      return { owner: setOwner(view, id) ?? own };
    case 'port':
    case 'network':
    case 'node':
    case 'securitygroup':
      return { owner };
    default:
      return { owner: own };
  }
}

function setOwner(view: HostView, name: string): string | null {
  const named = (id: string, of: typeof memberSet): boolean => of(4, id) === name || of(6, id) === name;
  for (const { id } of objectsOf(view, 'securitygroup')) if (named(id, memberSet)) return `securitygroup/${id}`;
  for (const { id } of objectsOf(view, 'addressgroup')) if (named(id, addressSet)) return `addressgroup/${id}`;
  return null;
}

type PortFacts = Readonly<{
  type: string;
  options: Readonly<Record<string, string>>;
  tag: number | null;
  ifaceId: string | null;
}>;

const portText = (name: string, { type, options, tag, ifaceId }: PortFacts): string =>
  [
    name,
    ...(type === '' ? [] : [`type=${type}`]),
    ...(tag === null ? [] : [`tag=${tag}`]),
    ...(ifaceId ? [`iface-id=${ifaceId}`] : []),
    ...['remote_ip', 'peer'].flatMap((key) => (options[key] === undefined ? [] : [`${key}=${options[key]}`])),
  ].join(' ');
const positionIn = (line: string): number | null => {
  const position = /plumb:(\d+)/.exec(line)?.[1];
  return position === undefined ? null : Number(position);
};
const chainName = (version: 4 | 6, table: string, chain: string): string => `${TOOLS[version]} -t ${table} -N ${chain}`;
const ruleText = (version: 4 | 6, table: string, chain: string, line: string): string =>
  `${TOOLS[version]} -t ${table} -A ${chain} ${line}`;
const ruleName = (version: 4 | 6, table: string, chain: string, line: string): string =>
  ruleText(version, table, chain, effectOf(line));

/** What was read of a node. `flows`: bridge -> lines. `root`: its own namespace. `namespaces`: the names of all that there are. */
export type Read = Readonly<{
  observed: ObservedSwitch;
  flows: ReadonlyMap<string, readonly string[]>;
  filter: FoundFilter;
  root: SeenNetwork;
  namespaces: readonly string[];
}>;

/** Namespaces of the other agents: they say what is in them. */
const OTHERS = /^(?:qrouter|qdhcp)-[0-9a-f-]{36}$/;
/** Devices that Open vSwitch makes by itself. */
const SWITCHS_OWN = /^(?:ovs-system|ovs-netdev|(?:vxlan|genv|gre)_sys(?:_\d+)?)$/;
/** Devices of a port that its plugger made (os-vif). */
const PLUGGERS = /^(?:tap|qbr|qvb|qvo)([0-9a-f]{8}-[0-9a-f]{2})$/;

export function foundIn({ observed, flows, filter, root, namespaces }: Read, view: HostView): FoundThing[] {
  const things: FoundThing[] = [];
  const add = (sort: string, place: string, name: string, ours: boolean, more: Partial<FoundThing> = {}): void => {
    things.push({ sort, place, name, text: name, position: null, ours, ...more });
  };
  const isPort = (id: string | null): boolean => id !== null && objectIn(view, 'port', id) !== undefined;
  const own = `node/${view.host}`;
  const plugged = new Map<string, string>();
  for (const { name: bridge, mark, ports } of observed.values()) {
    add('bridge', '', bridge, mark !== null, { position: mark });
    for (const { name, ifaceId, type, options, tag, tagMark, mark: made } of ports.values()) {
      const known = isPort(ifaceId);
      if (known) plugged.set(name, `port/${ifaceId}`);
      const isBridge = name === bridge;
      add('port', bridge, name, made !== null || tagMark !== null || (isBridge && mark !== null), {
        text: portText(name, { type, options, tag, ifaceId }),
        position: made ?? tagMark ?? (isBridge ? mark : null),
        owner: known ? `port/${ifaceId}` : isBridge && mark !== null ? own : null,
        // Somebody plugs it in; what makes it wait for its tag is said of the port.
        ...((known || (isBridge && mark !== null)) && { as: 'ours' as const }),
      });
    }
  }
  for (const [bridge, lines] of flows) for (const line of lines) things.push(flowFound(bridge, line, own));
  const bridges = new Set([...observed.values()].flatMap(({ name, mark }) => (mark === null ? [] : [name])));
  for (const { name, mac, mtuBytes, addresses } of root.links) {
    const owner =
      plugged.get(name) ?? (bridges.has(name) || (SWITCHS_OWN.test(name) && bridges.has(BR_INT)) ? own : null);
    const [, short] = PLUGGERS.exec(name) ?? [];
    const port =
      owner === null && short !== undefined
        ? objectsOf(view, 'port').find(({ id }) => id.startsWith(short))
        : undefined;
    const as = owner === null ? {} : ({ as: 'ours' } as const);
    add('device', '', name, owner !== null, {
      text: `${name} ${mac} mtu ${mtuBytes}`,
      owner: owner ?? (port ? `port/${port.id}` : null),
      ...as,
    });
    for (const { address } of addresses) add('address', '', `${address} dev ${name}`, false);
  }
  for (const name of namespaces) if (!OTHERS.test(name)) add('namespace', '', name, false);
  for (const name of filter.sets.keys()) add('set', '', name, isOurSet(name));
  for (const version of [4, 6] as const) things.push(...rulesIn(filter.tables[version], version, own));
  return things;
}

/** A flow as `dump-flows --no-stats --names` prints it. */
function flowFound(bridge: string, line: string, own: string): FoundThing {
  const [, cookie = '0x0', key = line, actions = ''] =
    /^(?:cookie=(0x[0-9a-f]+), )?(.*?) ?actions=(.*)$/.exec(line) ?? [];
  const owner = readCookie(cookie);
  const thing = { sort: 'flow', place: bridge, name: key, position: null, ours: owner.ours };
  if (!owner.ours) return { ...thing, text: `cookie=${cookie}, ${key} actions=${actions}` };
  if (owner.learned) return { ...thing, text: line, owner: own, as: 'learned' };
  return { ...thing, position: owner.position, text: flowLine(key, owner.position, actions) };
}

function rulesIn(saved: SavedTables, version: 4 | 6, own: string): FoundThing[] {
  return [...saved].flatMap(([table, chains]) =>
    [...chains].flatMap(([chain, lines]): FoundThing[] => {
      const ours = chain.startsWith(CHAIN_PREFIX);
      const name = chainName(version, table, chain);
      // The hooks' own chains, and the jumps to them, are what all ports need: they are wanted as long as there is a port.
      const isHook = ours && /-[A-Z]+$/.test(chain);
      return [
        ...(ours || !/^[A-Z]+$/.test(chain)
          ? [
              {
                sort: 'chain',
                place: '',
                name,
                text: name,
                position: null,
                ours,
                ...(isHook && { owner: own, as: 'ours' as const }),
              },
            ]
          : []),
        ...lines.map((line): FoundThing => {
          const position = positionIn(line);
          const jumps = !ours && (targetOf(line)?.startsWith(CHAIN_PREFIX) ?? false);
          return {
            ...{
              sort: 'rule',
              place: '',
              name: ruleName(version, table, chain, line),
              text: ruleText(version, table, chain, line),
            },
            ...{ position, ours: position !== null || jumps, owner: jumps ? own : null },
            ...(jumps && { as: 'ours' as const }),
          };
        }),
      ];
    }),
  );
}

/** Bridges whose flows are read: those with a mark of ours. */
export const readable = (observed: ObservedSwitch): ObservedBridge[] =>
  [...observed.values()].filter(({ name, mark }) => mark !== null || name === BR_TUN);
