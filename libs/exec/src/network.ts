/**
 * What there is in a network namespace, as rtnetlink(7) says it: links with their addresses, routes, neighbours, policy rules, queueing disciplines. The helper asks the
 * kernel (helper/kernel.pl, `look`) and passes on its messages; here they become data.
 *
 * Goal: many namespaces are looked into by one child of the helper, at some 0.2 ms each. ip(8), tc(8) and their like cost some ms a program and namespace.
 * Numbers are those of linux/rtnetlink.h, if_link.h, if_addr.h, neighbour.h, fib_rules.h, pkt_sched.h. The helper's architectures are all little-endian.
 */

export type SeenAddress = Readonly<{
  /** With its prefix length. */
  address: string;
  broadcast: string | null;
  /** Duplicate address detection is still going on, or has failed. */
  tentative: boolean;
}>;

export type SeenLink = Readonly<{
  name: string;
  index: number;
  /** As rtnetlink has it, e.g. `veth`; null: a device that no driver made by itself. */
  kind: string | null;
  mac: string;
  mtuBytes: number;
  up: boolean;
  /** False when the device or its lower one is down: it has no carrier. */
  running: boolean;
  answersArp: boolean;
  multicast: boolean;
  /** It is part of another device. */
  enslaved: boolean;
  qdisc: string | null;
  /** Index of the other end, in another namespace; null when there is none, or it is in this one. */
  peerIndex: number | null;
  addresses: readonly SeenAddress[];
}>;

export type SeenHop = Readonly<{ via: string | null; device: string }>;
export type SeenRoute = Readonly<{
  version: 4 | 6;
  /** `default`, or a prefix with its length. */
  destination: string;
  hops: readonly SeenHop[];
  /** As in ip-route(8). */
  type: string;
  /** `main`, `local`, or its number. */
  table: string;
  /** Made by the kernel. */
  kernel: boolean;
  source: string | null;
  metric: number | null;
  /** It has attributes beyond these: a type of service, metrics of TCP, a weight, an end. */
  odd: boolean;
}>;

/** An entry that somebody made by hand. `proxy`: this host answers for the address. */
export type SeenNeighbour = Readonly<{ device: string; address: string; proxy: boolean }>;

export type SeenPolicyRule = Readonly<{
  priority: number;
  /** `local`, `main`, `default`, or its number; null when the rule looks into none. */
  table: string | null;
  /** It is for all packets. */
  plain: boolean;
  /** Those that it names. */
  devices: readonly string[];
}>;

export type SeenQueue = Readonly<{ device: string; kind: string; receives: boolean }>;

export type SeenNetwork = Readonly<{
  links: readonly SeenLink[];
  routes: readonly SeenRoute[];
  neighbours: readonly SeenNeighbour[];
  /** By IP version; one that the kernel does not have is absent. */
  policyRules: ReadonlyMap<4 | 6, readonly SeenPolicyRule[]>;
  queues: readonly SeenQueue[];
  /** By key with slashes; one that does not exist is absent. */
  sysctls: ReadonlyMap<string, string>;
  /** Device -> whether transmit checksums are left to it. */
  txChecksum: ReadonlyMap<string, boolean>;
  /** Of the packet filter's rules; null where the kernel does not tell. */
  rulesRevision: RulesRevision | null;
}>;

/**
 * How often the rules of a namespace were changed: each transaction of nf_tables counts one, whatever is in it; iptables-nft(8) makes one a table. A new namespace begins
 * with 1. `namespace`: a number that no other namespace has as long as the node runs.
 */
export type RulesRevision = Readonly<{ namespace: string; changes: number }>;

/** Parts of a network, as helper/kernel.pl numbers them. */
export const PARTS = { addresses: 8, routes: 16, neighbours: 32, policyRules: 64, queues: 128 } as const;
export type NetworkPart = keyof typeof PARTS;

/** What to look at. What is not asked for is empty in the answer. */
export type NetworkQuestion = Readonly<{
  links: 'all' | readonly string[];
  parts?: readonly NetworkPart[];
  /** Of which devices parameters and checksum offload are read: how their names begin. Default: of none. */
  devices?: readonly string[];
  /** With slashes; one with `%` is read of each such device. */
  sysctls?: readonly string[];
  txChecksum?: boolean;
  rulesRevision?: boolean;
}>;

export const NOTHING_SEEN: SeenNetwork = {
  links: [],
  routes: [],
  neighbours: [],
  policyRules: new Map(),
  queues: [],
  sysctls: new Map(),
  txChecksum: new Map(),
  rulesRevision: null,
};

const TYPE = { done: 3, link: 16, address: 20, route: 24, neighbour: 28, rule: 32, queue: 36 } as const;
const GET_RULE = 34;
const INET6 = 10;
const ROUTE_TYPES: readonly string[] = [
  ...['unspec', 'unicast', 'local', 'broadcast', 'anycast', 'multicast', 'blackhole', 'unreachable', 'prohibit'],
  ...['throw', 'nat'],
];
const TABLES: Readonly<Record<number, string>> = { 253: 'default', 254: 'main', 255: 'local' };
const tableName = (number: number): string => TABLES[number] ?? String(number);

/** `attributes` are read when they are asked for. */
type Message = Readonly<{ type: number; bytes: Buffer; attributes: ReadonlyMap<number, Buffer> }>;

/** Attributes (type without its flag bits -> value) in these bytes from `at` on. */
function attributesIn(bytes: Buffer, at: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  while (at + 4 <= bytes.length) {
    const size = bytes.readUInt16LE(at);
    if (size < 4) break;
    found.set(bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + size));
    at += (size + 3) & ~3;
  }
  return found;
}

/** Bytes before the attributes of a message, behind its header of 16. */
const HEADS: Readonly<Record<number, number>> = {
  [TYPE.link]: 16,
  [TYPE.address]: 8,
  [TYPE.route]: 12,
  [TYPE.neighbour]: 12,
  [TYPE.rule]: 12,
  [TYPE.queue]: 20,
};

class Told implements Message {
  constructor(
    readonly type: number,
    readonly bytes: Buffer,
    private readonly head: number,
  ) {}

  get attributes(): ReadonlyMap<number, Buffer> {
    return attributesIn(this.bytes, this.head);
  }
}

function* messagesIn(bytes: Buffer): Iterable<Message & { done?: number }> {
  for (let at = 0; at + 16 <= bytes.length;) {
    const length = bytes.readUInt32LE(at);
    if (length < 16) return;
    const type = bytes.readUInt16LE(at + 4);
    const head = HEADS[type];
    const body = bytes.subarray(at + 16, at + length);
    if (type === TYPE.done) yield { type, bytes: body, attributes: new Map(), done: bytes.readUInt32LE(at + 8) };
    else if (head !== undefined) yield new Told(type, body, head);
    at += (length + 3) & ~3;
  }
}

const text = (bytes: Buffer | undefined): string | null => bytes?.toString('latin1').replace(/\0.*$/s, '') ?? null;
const u32 = (bytes: Buffer | undefined): number | null => bytes?.readUInt32LE(0) ?? null;
const hex = (byte: number): string => byte.toString(16).padStart(2, '0');

/** As inet_ntop(3) writes it: of zeros the first longest run of at least two groups is `::`; mapped IPv4 in dots. */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return `::ffff:${bytes.subarray(12).join('.')}`;
  let [best, length] = [-1, 1];
  for (let at = 0; at < 8; at += 1) {
    let end = at;
    while (groups[end] === 0) end += 1;
    if (end - at > length) [best, length] = [at, end - at];
    if (end > at) at = end;
  }
  const words = groups.map((group) => group.toString(16));
  if (best < 0) return words.join(':');
  return `${words.slice(0, best).join(':')}::${words.slice(best + length).join(':')}`;
}

/** Addresses and routes of a namespace that are parsed faster than they would be remembered: a router of a few floating IPs has some thirty. */
const WORTH_KEEPING = 100;

/** What the addresses and routes of a namespace said when it was last looked into, by their bytes, and the devices that they spoke of. */
export type Known = { devices: string; said: Map<string, readonly SeenAddress[] | readonly SeenRoute[]> };

/**
 * What the kernel's messages say. `known` saves time and changes nothing: most of a namespace is as it was, and what is said again in the same words is the same object. It
 * is renewed by each call.
 */
export function networkIn(
  messages: Buffer,
  known: Known = { devices: '', said: new Map() },
): Omit<SeenNetwork, 'sysctls' | 'txChecksum' | 'rulesRevision'> {
  const links: (Omit<SeenLink, 'addresses'> & { addresses: SeenAddress[] })[] = [];
  const names = new Map<number, string>();
  const byIndex = new Map<number, { addresses: SeenAddress[] }>();
  const routes: SeenRoute[] = [];
  const neighbours: SeenNeighbour[] = [];
  const policyRules = new Map<4 | 6, SeenPolicyRule[]>();
  const queues: SeenQueue[] = [];
  const device = (index: number | null): string => (index === null ? '' : (names.get(index) ?? ''));
  const rules: [4 | 6, SeenPolicyRule][] = [];
  const said: Known['said'] = new Map();
  let before: Known['said'] | null = null;
  const remembered = <T extends readonly SeenAddress[] | readonly SeenRoute[]>(message: Message, read: () => T): T => {
    // Links come first.
    before ??= known.devices === (known.devices = [...names].join()) ? known.said : new Map();
    const text = `${message.type} ${message.bytes.toString('latin1')}`;
    const same = before.get(text) as T | undefined;
    const all = same ?? read();
    said.set(text, all);
    return all;
  };
  for (const message of messagesIn(messages)) {
    const { bytes } = message;
    switch (message.type) {
      case TYPE.link: {
        const link = linkIn(message);
        if (names.has(link.index)) break;
        names.set(link.index, link.name);
        byIndex.set(link.index, link);
        links.push(link);
        break;
      }
      case TYPE.address:
        byIndex.get(bytes.readUInt32LE(4))?.addresses.push(...remembered(message, () => addressIn(message)));
        break;
      case TYPE.route:
        routes.push(...remembered(message, () => routeIn(message, device)));
        break;
      case TYPE.neighbour: {
        const proxy = (bytes.readUInt8(10) & 0x08) !== 0;
        // NUD_PERMANENT
        const address = proxy || (bytes.readUInt16LE(8) & 0x80) !== 0 ? message.attributes.get(1) : undefined;
        if (address) neighbours.push({ device: device(bytes.readInt32LE(4)), address: addressText(address), proxy });
        break;
      }
      case TYPE.rule:
        rules.push([bytes.readUInt8(0) === INET6 ? 6 : 4, policyRuleIn(message)]);
        break;
      case TYPE.queue: {
        // TC_H_INGRESS
        const receives = bytes.readUInt32LE(12) === 0xfffffff1;
        queues.push({ device: device(bytes.readInt32LE(4)), kind: text(message.attributes.get(1)) ?? '', receives });
        break;
      }
      default: {
        const { done = 0 } = message;
        if (done >>> 8 === GET_RULE) policyRules.set((done & 0xff) === INET6 ? 6 : 4, []);
      }
    }
  }
  known.said = said.size < WORTH_KEEPING ? new Map() : said;
  for (const [version, rule] of rules) policyRules.get(version)?.push(rule);
  return { links, routes, neighbours, policyRules, queues };
}

/** IFF_UP, IFF_NOARP, IFF_MULTICAST; and IFLA_OPERSTATE of a device that is down, or whose lower one is. */
const FLAG = { up: 0x1, noArp: 0x80, multicast: 0x1000 } as const;
const DOWN: readonly number[] = [2, 3];

function linkIn({ bytes, attributes }: Message) {
  const flags = bytes.readUInt32LE(8);
  const info = attributes.get(18);
  return {
    name: text(attributes.get(3)) ?? '',
    index: bytes.readInt32LE(4),
    kind: info ? text(attributesIn(info, 0).get(1)) : null,
    mac: [...(attributes.get(1) ?? [])].map(hex).join(':'),
    mtuBytes: u32(attributes.get(4)) ?? 0,
    up: (flags & FLAG.up) !== 0,
    running: !DOWN.includes(attributes.get(16)?.[0] ?? 0),
    answersArp: (flags & FLAG.noArp) === 0,
    multicast: (flags & FLAG.multicast) !== 0,
    enslaved: attributes.has(10),
    qdisc: text(attributes.get(6)),
    // IFLA_LINK_NETNSID: the other end is in another namespace.
    peerIndex: attributes.has(37) ? u32(attributes.get(5)) : null,
    addresses: [] as SeenAddress[],
  };
}

function addressIn({ bytes, attributes }: Message): SeenAddress[] {
  const own = attributes.get(2) ?? attributes.get(1);
  if (!own) return [];
  const broadcast = attributes.get(4);
  const flags = u32(attributes.get(8)) ?? bytes.readUInt8(2);
  return [
    {
      address: `${addressText(own)}/${bytes.readUInt8(1)}`,
      broadcast: broadcast ? addressText(broadcast) : null,
      tentative: (flags & 0x40) !== 0,
    },
  ];
}

/** RTA_*: destination, device, gateway, priority, preferred source, next hops, cache, table, preference. */
const ROUTE_ATTRIBUTES: readonly number[] = [1, 4, 5, 6, 7, 9, 12, 15, 20];
const CLONED = 0x200;

function routeIn({ bytes, attributes }: Message, device: (index: number | null) => string): SeenRoute[] {
  const [family, bits, fromBits, tos] = bytes;
  if ((bytes.readUInt32LE(8) & CLONED) !== 0) return [];
  const version = family === INET6 ? 6 : 4;
  const to = attributes.get(1) ?? Buffer.alloc(version === 6 ? 16 : 4);
  const hop = (all: ReadonlyMap<number, Buffer>, index: number | null): SeenHop => {
    const via = all.get(5);
    return { via: via ? addressText(via) : null, device: device(index) };
  };
  let odd = fromBits !== 0 || tos !== 0 || (attributes.get(20)?.[0] ?? 0) !== 0;
  for (const each of attributes.keys()) odd ||= !ROUTE_ATTRIBUTES.includes(each);
  // struct rta_cacheinfo: when it ends, and why nothing passes.
  const cache = attributes.get(12);
  odd ||= cache !== undefined && cache.length >= 16 && (cache.readInt32LE(8) !== 0 || cache.readUInt32LE(12) !== 0);
  const hops: SeenHop[] = [];
  const several = attributes.get(9);
  if (several)
    // struct rtnexthop: length, flags, weight less one, device, then attributes.
    for (let at = 0; at + 8 <= several.length;) {
      const size = several.readUInt16LE(at);
      if (size < 8) break;
      const own = attributesIn(several.subarray(at, at + size), 8);
      hops.push(hop(own, several.readInt32LE(at + 4)));
      odd ||= several[at + 3] !== 0 || [...own.keys()].some((each) => each !== 5);
      at += (size + 3) & ~3;
    }
  else hops.push(hop(attributes, u32(attributes.get(4))));
  const source = attributes.get(7);
  return [
    {
      version,
      destination: bits === 0 ? 'default' : `${addressText(to)}/${bits}`,
      hops,
      type: ROUTE_TYPES[bytes.readUInt8(7)] ?? String(bytes.readUInt8(7)),
      table: tableName(u32(attributes.get(15)) ?? bytes.readUInt8(4)),
      kernel: bytes.readUInt8(5) === 2,
      source: source ? addressText(source) : null,
      metric: u32(attributes.get(6)),
      odd,
    },
  ];
}

/** FRA_*: priority, the two suppressors, table, padding, who made it. */
const RULE_ATTRIBUTES: readonly number[] = [6, 13, 14, 15, 18, 21];
const TO_TABLE = 1;

function policyRuleIn({ bytes, attributes }: Message): SeenPolicyRule {
  const [, toBits, fromBits, tos] = bytes;
  const looks = bytes.readUInt8(7) === TO_TABLE;
  const unset = (attribute: number): boolean => (attributes.get(attribute)?.readInt32LE(0) ?? -1) === -1;
  return {
    priority: u32(attributes.get(6)) ?? 0,
    table: looks ? tableName(u32(attributes.get(15)) ?? bytes.readUInt8(4)) : null,
    plain:
      looks &&
      toBits === 0 &&
      fromBits === 0 &&
      tos === 0 &&
      bytes.readUInt32LE(8) === 0 &&
      unset(13) &&
      unset(14) &&
      [...attributes.keys()].every((each) => RULE_ATTRIBUTES.includes(each)),
    devices: [3, 17].flatMap((each) => text(attributes.get(each)) ?? []),
  };
}
