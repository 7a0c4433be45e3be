/**
 * What the rules found in a namespace do with one packet that is thought of: the kernel's way through tables and hooks (iptables(8), "traversal"), for those matches and
 * actions that we render (rule.ts). Pure: it reads what `save` printed and sends nothing.
 *
 *     comes in ─► raw, mangle, nat PREROUTING ─► route ─┬─► mangle, filter FORWARD ─► mangle, nat POSTROUTING ─► leaves
 *                                                       └─► mangle, filter INPUT ─► delivered
 *     sent here ─► route ─► raw, mangle, nat, filter OUTPUT ─► mangle, nat POSTROUTING ─► leaves
 *
 * nat is asked for the first packet of a connection alone: what answers it is translated back, as the connection says. Rules of others are judged as far as they are of the
 * same matches; one that is not is told (`unjudged`), and passed over as if it did not apply.
 *
 * Road not taken: `iptables -C`, or tracing by the kernel (nft monitor trace). The one knows no packets, the other needs a rule and a real packet.
 */
import {
  cidrContains,
  type MetRule,
  type PortRange,
  type TracedConnection,
  type TracedPacket,
} from '@plumbline/contracts';
import { actionOf, type Chains, type Leads, policiesIn, walkChain } from '@plumbline/iptables';
import { dialect } from './dialects/index.js';
import { isOurChain } from './marks.js';
import { isOurJump } from './rule-diff.js';
import type { Action, Hook, Match, SavedTables, TableName } from './rule.js';

/** Devices that it passes in this hook; absent: none. `local`: the address of the one that it came in by, to which a redirection leads. */
export type Passing = Readonly<{ input?: string; output?: string; local?: string }>;

export type Unjudged = Readonly<{ table: string; chain: string; line: string }>;

const NO_CHAINS: Chains = new Map();

export class PacketWalk {
  /** Rules that did something with the packet, in order. */
  readonly met: MetRule[] = [];
  readonly unjudged: Unjudged[] = [];
  private readonly tables: SavedTables;
  private readonly policies: ReadonlyMap<string, string>;
  private readonly connection: TracedConnection | null;
  private readonly opened: TracedPacket;
  private packetMark = 0;
  private connectionMark: number;

  /** `saved`: of the packet's IP version. `connection`: the packet answers one of it; if it does not fit, it begins one. */
  constructor(
    saved: string,
    public packet: TracedPacket,
    connection: TracedConnection | null,
  ) {
    this.tables = dialect.tablesIn(saved);
    this.policies = policiesIn(saved);
    this.connection = connection && answers(packet, connection.sent) ? connection : null;
    this.connectionMark = this.connection?.mark ?? 0;
    this.opened = packet;
  }

  /** For what answers the packet, once it has passed all hooks. */
  get tracked(): TracedConnection {
    return this.connection ?? { opened: this.opened, sent: this.packet, mark: this.connectionMark };
  }

  get mark(): number {
    return this.packetMark;
  }

  comesIn(passing: Passing): boolean {
    const passes = this.hook('raw', 'PREROUTING', passing) && this.hook('mangle', 'PREROUTING', passing);
    if (!passes) return false;
    if (!this.connection) return this.hook('nat', 'PREROUTING', passing);
    this.answerGoesTo('PREROUTING');
    return true;
  }

  isDelivered(passing: Passing): boolean {
    return this.hook('mangle', 'INPUT', passing) && this.hook('filter', 'INPUT', passing);
  }

  isForwarded(passing: Passing): boolean {
    return this.hook('mangle', 'FORWARD', passing) && this.hook('filter', 'FORWARD', passing);
  }

  isSent(passing: Passing): boolean {
    if (!this.hook('raw', 'OUTPUT', passing) || !this.hook('mangle', 'OUTPUT', passing)) return false;
    if (this.connection) this.answerGoesTo('OUTPUT');
    else if (!this.hook('nat', 'OUTPUT', passing)) return false;
    return this.hook('filter', 'OUTPUT', passing);
  }

  leaves(passing: Passing): boolean {
    if (!this.hook('mangle', 'POSTROUTING', passing)) return false;
    if (!this.connection) return this.hook('nat', 'POSTROUTING', passing);
    const { destination: source, destinationPort: sourcePort } = this.connection.opened;
    this.turnedBack('POSTROUTING', { ...this.packet, source, sourcePort });
    return true;
  }

  private answerGoesTo(hook: Hook): void {
    const { source: destination, sourcePort: destinationPort } = this.connection?.opened ?? this.packet;
    this.turnedBack(hook, { ...this.packet, destination, destinationPort });
  }

  private turnedBack(hook: Hook, packet: TracedPacket): void {
    const { source, destination, sourcePort, destinationPort } = this.packet;
    const isSame =
      packet.source === source &&
      packet.destination === destination &&
      packet.sourcePort === sourcePort &&
      packet.destinationPort === destinationPort;
    if (isSame) return;
    this.packet = packet;
    this.met.push({ table: 'nat', chain: hook, line: '', did: 'back', of: 'ours', position: null, packet });
  }

  /** Whether it goes on behind the hook. */
  private hook(table: TableName, hook: Hook, passing: Passing): boolean {
    const chains = this.tables.get(table) ?? NO_CHAINS;
    const verdict = walkChain(chains, hook, (chain, line) => this.rule(table, chain, line, passing));
    if (verdict === 'drop') return false;
    if (verdict === 'accept' || this.policies.get(`${table} ${hook}`) !== 'DROP') return true;
    this.met.push({ table, chain: hook, line: '', did: 'drop', of: 'foreign', position: null, packet: this.packet });
    return false;
  }

  private rule(table: TableName, chain: string, line: string, passing: Passing): Leads {
    const parsed = dialect.parse(table, chain, line);
    if (!parsed) return this.foreign(table, chain, line, passing);
    if (!parsed.match.every((match) => this.holds(match, passing))) return 'on';
    const of = isOurChain(chain) || isOurJump(line) ? 'ours' : 'foreign';
    return this.act({ table, chain, line, of, position: parsed.position }, parsed.action, passing);
  }

  /** What dialects know no rule of: what it matches is judged, if only its target is strange. */
  private foreign(table: TableName, chain: string, line: string, passing: Passing): Leads {
    const { rest, holds } = withoutAddresses(line, this.packet);
    if (!holds) return 'on';
    const target = actionOf(rest);
    const matches = rest.replace(/(^| )-[jg] \S.*$/, '$1');
    const parsed = dialect.parse(table, chain, `${matches}-j ACCEPT`);
    if (!parsed) {
      this.unjudged.push({ table, chain, line });
      return 'on';
    }
    if (!parsed.match.every((match) => this.holds(match, passing))) return 'on';
    const met = { table, chain, line, of: 'foreign', position: null } as const;
    const { name, comesBack } = target ?? { name: 'LOG', comesBack: true };
    switch (name) {
      case 'ACCEPT':
        return this.act(met, { do: 'accept' }, passing);
      case 'DROP':
        return this.act(met, { do: 'drop' }, passing);
      case 'REJECT':
        return this.act(met, { do: 'reset' }, passing);
      case 'RETURN':
        return 'return';
      case 'LOG':
      case 'NFLOG':
        return 'on';
      default:
        if (this.tables.get(table)?.has(name)) return { chain: name, comesBack };
        this.unjudged.push({ table, chain, line });
        return 'on';
    }
  }

  private act(met: Omit<MetRule, 'did' | 'packet'>, action: Action, passing: Passing): Leads {
    const did = (what: MetRule['did'], leads: Leads): Leads => {
      this.met.push({ ...met, did: what, packet: this.packet });
      return leads;
    };
    switch (action.do) {
      case 'accept':
        return did('accept', 'accept');
      case 'drop':
        return did('drop', 'drop');
      case 'reset':
        return did('reset', 'drop');
      case 'jump':
        return { chain: action.chain, comesBack: true };
      case 'dnat':
        this.packet = { ...this.packet, destination: action.to, destinationPort: portAfter(this.packet, action) };
        return did('dnat', 'accept');
      case 'redirect':
        this.packet = {
          ...this.packet,
          destination: passing.local ?? this.packet.destination,
          destinationPort: action.port,
        };
        return did('redirect', 'accept');
      case 'snat':
        this.packet = { ...this.packet, source: action.to };
        return did('snat', 'accept');
      case 'set-mark':
        this.packetMark = merged(this.packetMark, action.mark.mask, action.mark.value);
        return did('mark', 'on');
      case 'save-mark':
        this.connectionMark = merged(this.connectionMark, action.mask, this.packetMark & action.mask);
        return did('mark', 'on');
      case 'restore-mark':
        this.packetMark = merged(this.packetMark, action.mask, this.connectionMark & action.mask);
        return did('mark', 'on');
      case 'note-ending':
        return 'return';
    }
  }

  private holds(match: Match, { input, output }: Passing): boolean {
    const { source, destination, protocol, destinationPort } = this.packet;
    switch (match.on) {
      case 'source':
        return match.address === source;
      case 'destination':
        return match.address === destination;
      case 'input':
        return isDevice(match.device, input) !== match.not;
      case 'output':
        return isDevice(match.device, output) !== match.not;
      case 'protocol': {
        const name = protocol === 'icmp' && source.includes(':') ? 'icmp6' : protocol;
        return match.protocol === name && (match.ports === null || isWithin(match.ports, destinationPort));
      }
      case 'packet-mark':
        return hasBits(this.packetMark, match.mark) !== match.not;
      case 'connection-mark':
        return hasBits(this.connectionMark, match.mark) !== match.not;
      case 'connection-state':
        return this.isTranslatedInwards() !== match.not;
    }
  }

  private isTranslatedInwards(): boolean {
    const { opened, sent } = this.connection ?? { opened: this.opened, sent: this.packet };
    return opened.destination !== sent.destination || opened.destinationPort !== sent.destinationPort;
  }
}

const answers = (packet: TracedPacket, sent: TracedPacket): boolean =>
  packet.protocol === sent.protocol &&
  packet.source === sent.destination &&
  packet.destination === sent.source &&
  packet.sourcePort === sent.destinationPort &&
  packet.destinationPort === sent.sourcePort;

const isWithin = ({ first, last }: PortRange, port: number): boolean => port >= first && port <= last;
const isDevice = (pattern: string, device: string | undefined): boolean =>
  device !== undefined && (pattern.endsWith('+') ? device.startsWith(pattern.slice(0, -1)) : device === pattern);
/** Numbers of 32 bits without a sign. */
const merged = (before: number, mask: number, value: number): number => ((before & ~mask) ^ value) >>> 0;
const hasBits = (found: number, { value, mask }: Readonly<{ value: number; mask: number }>): boolean =>
  (found & mask) >>> 0 === value >>> 0;

function portAfter(
  { destinationPort }: TracedPacket,
  { ports, base }: Readonly<{ ports: PortRange | null; base: number | null }>,
): number {
  if (!ports) return destinationPort;
  return base === null ? ports.first : ports.first + (destinationPort - base);
}

const PREFIX = /(! )?-([sd]) ([0-9a-f.:]+\/\d+) /g;
/** Our own ones are read by the dialect. */
const COMMENT = /-m comment --comment (?:"(?:[^"\\]|\\.)*"|\S+) /g;

/** The line without its comment and without the prefixes that hold for the packet. `holds`: none of them excludes it. */
function withoutAddresses(line: string, packet: TracedPacket): { rest: string; holds: boolean } {
  let holds = true;
  const rest = line
    .replace(COMMENT, '')
    .replace(PREFIX, (_whole, not: string | undefined, way: string, cidr: string) => {
      if (cidrContains(cidr, way === 's' ? packet.source : packet.destination) === (not !== undefined)) holds = false;
      return '';
    });
  return { rest, holds };
}
