/**
 * What iptables does with a packet of a bridge, written without iptables: it follows the lines from the kernel's hooks. A match that it does not know is an error.
 */
import { canonicalCidr, cidrContains, versionOf } from '@plumbline/contracts';
import type { FoundFilter } from '../hybrid/driver.js';
import type { Packet } from './rule-model.js';

/** `devices` of the port's bridge; `reply`: the packet that answers `opening`, which goes the other way. */
type Seen = Readonly<{
  bridge: string;
  inside: string;
  opening: Packet;
  reply: boolean;
}>;

/** Whether a packet of a tracked connection is forwarded. */
export function forwards(found: FoundFilter, seen: Seen): boolean {
  const version = versionOf(seen.opening.remote);
  const chains = found.tables[version].get('filter') ?? new Map<string, readonly string[]>();
  const walk = (chain: string): boolean | null => {
    for (const line of chains.get(chain) ?? []) {
      const { fits, action } = readLine(line, seen, found);
      if (!fits) continue;
      const [, target = ''] = /^-j (\S+)$/.exec(action) ?? [];
      if (target === 'RETURN') return null;
      if (action.startsWith('-j NFLOG ')) continue;
      if (target === 'ACCEPT' || target === 'DROP') return target === 'ACCEPT';
      if (!chains.has(target)) throw new Error(`the model knows no ${action}`);
      const verdict = walk(target);
      if (verdict !== null) return verdict;
    }
    return null;
  };
  return walk('FORWARD') ?? true;
}

function readLine(line: string, seen: Seen, found: FoundFilter): { fits: boolean; action: string } {
  const words: readonly string[] = line.match(/"[^"]*"|\S+/g) ?? [];
  const at = words.indexOf('-j');
  let fits = true;
  for (let index = 0; index < at;) {
    const word = words[index] ?? '';
    if (word === '-m') {
      index += 2;
      continue;
    }
    const values = word === '--match-set' ? 2 : word === '--physdev-is-bridged' ? 0 : 1;
    fits &&= match(word, words.slice(index + 1, index + 1 + values), seen, found);
    index += 1 + values;
  }
  return { fits, action: words.slice(at).join(' ') };
}

const ICMP = [1, 58];

function match(name: string, [value = '', side = '']: readonly string[], seen: Seen, found: FoundFilter): boolean {
  const { opening, reply, bridge, inside } = seen;
  const toPort = (opening.direction === 'ingress') !== reply;
  const [sport, dport] = reply ? [opening.dport, opening.sport] : [opening.sport, opening.dport];
  const icmp = ICMP.includes(opening.protocol);
  switch (name) {
    case '--comment':
    case '--physdev-is-bridged':
    case '--pkt-type':
    case '--limit':
    case '--limit-burst':
      return true;
    case '-i':
      return value === bridge;
    case '--physdev-in':
      return toPort && value === inside;
    case '--physdev-out':
      return !toPort && value === inside;
    case '-s':
      return toPort && isIn(value, opening.remote);
    case '-d':
      return !toPort && isIn(value, opening.remote);
    case '-p':
      return Number(value) === opening.protocol;
    case '--sport':
      return !icmp && inRange(value, sport);
    case '--dport':
      return !icmp && inRange(value, dport);
    case '--icmp-type':
    case '--icmpv6-type': {
      const [type, code = opening.dport] = value.split('/').map(Number);
      return !reply && type === opening.sport && code === opening.dport;
    }
    case '--ctorigdstport':
      return inRange(value, icmp ? opening.sport * 256 + opening.dport : opening.dport);
    case '--ctdir':
      return value === (reply ? 'REPLY' : 'ORIGINAL');
    case '--ctstate':
      return value.split(',').includes(reply ? 'ESTABLISHED' : 'NEW');
    case '--match-set':
      return (
        (side === 'src') === toPort && [...(found.sets.get(value) ?? [])].some((each) => isIn(each, opening.remote))
      );
    default:
      throw new Error(`the model knows no match ${name}`);
  }
}

function inRange(text: string, value: number): boolean {
  const [first = 0, last = first] = text.split(':').map(Number);
  return value >= first && value <= last;
}

function isIn(text: string, address: string): boolean {
  const prefix = text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`;
  return versionOf(text) === versionOf(address) && cidrContains(canonicalCidr(prefix), address);
}
