/**
 * What the rules found on a node do with one packet that is thought of, on the bridge of an instance: the kernel's way of a bridged packet through tables and hooks
 * (br_netfilter), by what iptables-save and ipset(8) print. Pure. Rules of others are judged as far as their matches are known (line-match.ts); any other is told (`unjudged`),
 * and passed over as if it did not apply.
 *
 *     raw ─► conntrack ─► mangle, nat PREROUTING ─► bridged ─► mangle, filter, security FORWARD ─► mangle, nat POSTROUTING
 *
 * Conntrack knows each instance's connections by themselves (a zone for each port). So a packet is the first of one, or answers the packet that it is said to answer, which
 * these rules let pass before; that a rule went since then counts, since all packets are judged by the rules of today (wanted.ts).
 */
import type { MetRule } from '@plumbline/contracts';
import { actionOf, type Leads, type SavedTables, type Target, walkChain } from '@plumbline/iptables';
import { type BridgedPacket, lineHolds, type Seen } from './line-match.js';
import { bridgeEnd, bridgeOf, isOurChain, tapOf } from './names.js';
import type { Sets } from './sets.js';

/** Of the packet's IP version. */
export type FoundRules = Readonly<{ tables: SavedTables; policies: ReadonlyMap<string, string>; sets: Sets }>;
type Line = Readonly<{ table: string; chain: string; line: string }>;
export type BridgeSays = Readonly<{
  passes: boolean;
  /** Rules that let it on or not, in order. */
  met: readonly Omit<MetRule, 'packet'>[];
  unjudged: readonly Line[];
}>;

/** `ours`, by the event that the line names. What is in a chain of ours without it somebody else wrote. */
const MARK = /-m comment --comment "?plumb:(\d+)"? /;

/** `opened`: the packet that opened the connection, which this one answers; null: this is the first. */
export function walkBridge(
  rules: FoundRules,
  portId: string,
  direction: 'egress' | 'ingress',
  packet: BridgedPacket,
  opened: BridgedPacket | null,
): BridgeSays {
  const walk = new Walk(rules, { opened: opened ?? packet, isReply: opened !== null });
  const [bridge, near, tap] = [bridgeOf(portId), bridgeEnd(portId), tapOf(portId)];
  const [physicalIn, physicalOut] = direction === 'egress' ? [tap, near] : [near, tap];
  const comes = { packet, input: bridge, physicalIn };
  const crosses = { packet, input: bridge, output: bridge, physicalIn, physicalOut };
  const goes = { packet, output: bridge, physicalIn, physicalOut };
  const first = opened === null;
  const passes =
    walk.hook('raw', 'PREROUTING', comes) &&
    walk.hook('mangle', 'PREROUTING', comes) &&
    (!first || walk.hook('nat', 'PREROUTING', comes)) &&
    walk.hook('mangle', 'FORWARD', crosses) &&
    walk.hook('filter', 'FORWARD', crosses) &&
    walk.hook('security', 'FORWARD', crosses) &&
    walk.hook('mangle', 'POSTROUTING', goes) &&
    (!first || walk.hook('nat', 'POSTROUTING', goes));
  return { passes, met: walk.met, unjudged: walk.unjudged };
}

class Walk {
  readonly met: Omit<MetRule, 'packet'>[] = [];
  readonly unjudged: Line[] = [];
  /** By the first rule that says so. */
  private tracking: 'by-default' | 'tracked' | 'not' = 'by-default';

  constructor(
    private readonly rules: FoundRules,
    private readonly connection: NonNullable<Seen['connection']>,
  ) {}

  /** Whether it goes on behind the hook. A packet that no rule of table filter judges is told: that is what is otherwise ours to do. */
  hook(table: string, hook: string, devices: Omit<Seen, 'connection' | 'sets'>): boolean {
    const connection = this.tracking === 'not' ? null : this.connection;
    const seen = { ...devices, connection, sets: this.rules.sets };
    const chains = this.rules.tables.get(table) ?? new Map<string, readonly string[]>();
    const ended = walkChain(chains, hook, (chain, line) => this.leads({ table, chain, line }, chains, seen));
    if (ended !== null) return ended === 'accept';
    const drops = this.rules.policies.get(`${table} ${hook}`) === 'DROP';
    if (drops || table === 'filter')
      this.met.push({ table, chain: hook, line: '', did: drops ? 'drop' : 'accept', of: 'foreign', position: null });
    return !drops;
  }

  private leads(at: Line, chains: ReadonlyMap<string, unknown>, seen: Seen): Leads {
    const action = actionOf(at.line);
    if (!action || PASSES_ON.has(action.name)) return 'on';
    const holds = lineHolds(at.line, seen);
    if (holds === false) return 'on';
    if (holds === true && chains.has(action.name)) return { chain: action.name, comesBack: action.comesBack };
    if (holds === true) {
      const leads = this.acts(at, action);
      if (leads !== null) return leads;
    }
    this.unjudged.push(at);
    return 'on';
  }

  /** Null: not known. */
  private acts(at: Line, { name, options }: Target): Leads | null {
    const position = isOurChain(at.chain) ? MARK.exec(at.line)?.[1] : undefined;
    const did = (what: MetRule['did'], leads: Leads): Leads => {
      const of = position === undefined ? 'foreign' : 'ours';
      this.met.push({ ...at, did: what, of, position: position === undefined ? null : Number(position) });
      return leads;
    };
    switch (name) {
      case 'ACCEPT':
        return did('accept', 'accept');
      case 'DROP':
        return did('drop', 'drop');
      case 'REJECT':
        return did('reset', 'drop');
      case 'RETURN':
        return 'return';
      case 'CT':
      case 'NOTRACK':
        if (this.tracking === 'by-default')
          this.tracking = name === 'NOTRACK' || options.includes('--notrack') ? 'not' : 'tracked';
        return did('mark', 'on');
      default:
        return null;
    }
  }
}

/** Targets that do nothing to where a packet goes. Marks that they set are not known to matches, which say so. */
const PASSES_ON: ReadonlySet<string> = new Set([
  ...['LOG', 'NFLOG', 'TRACE', 'MARK', 'CONNMARK', 'CHECKSUM', 'TCPMSS', 'DSCP', 'TOS', 'CLASSIFY'],
]);
