/**
 * iptables 1.8.9 (nft) as text: the commands, and what iptables-save prints, chain by chain. What a rule means, and how it is written, is known where it is rendered
 * (libs/l3-core for routers, libs/ovs-core for the bridges of instances); both compare lines, so both read them here.
 */
export { actionOf, type Chains, type Leads, type Target, walkChain } from './chain-walk.js';

export type IpVersion = 4 | 6;

/** Tables as found, chain by chain, ours and others', hooks among them. A rule is its line without `-A` and the chain. Counters and policies are left out. */
export type SavedTables = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

/** Prints all tables in the network namespace that it runs in. Changes nothing. */
export const SAVE: Readonly<Record<IpVersion, readonly string[]>> = { 4: ['iptables-save'], 6: ['ip6tables-save'] };

/** Reads lines from its input and applies each table whole or not at all; what they do not name stays. */
export const RESTORE: Readonly<Record<IpVersion, readonly string[]>> = {
  4: ['iptables-restore', '--noflush', '--wait'],
  6: ['ip6tables-restore', '--noflush', '--wait'],
};

/** What SAVE printed. */
export function tablesIn(saved: string): SavedTables {
  const tables = new Map<string, Map<string, string[]>>();
  let chains = new Map<string, string[]>();
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) tables.set(line.slice(1), (chains = new Map()));
    else if (line.startsWith(':')) chains.set(line.slice(1, line.indexOf(' ')), []);
    else if (line.startsWith('-A ')) {
      const end = line.indexOf(' ', 3);
      chains.get(line.slice(3, end))?.push(line.slice(end + 1));
    }
  }
  return tables;
}

/** What becomes of a packet that no rule of a hook ended: `<table> <hook>` -> ACCEPT or DROP. Of what SAVE printed. */
export function policiesIn(saved: string): ReadonlyMap<string, string> {
  const policies = new Map<string, string>();
  let table = '';
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    const [, hook, policy] = /^:(\S+) (ACCEPT|DROP)\b/.exec(line) ?? [];
    if (hook !== undefined && policy !== undefined) policies.set(`${table} ${hook}`, policy);
  }
  return policies;
}

const UNREADABLE = /^# Table `(\w+)' is incompatible/gm;

/** Tables that are there and that SAVE cannot print: somebody wrote rules into them by another tool. What is in them is not known. */
export const unreadableIn = (saved: string): string[] =>
  [...saved.matchAll(UNREADABLE)].flatMap(([, name = '']) => name);

/** How to see and take away what makes a table unreadable. `enter`: what comes before a command so that it runs in the table's namespace. */
export function mendingOf(enter: string, version: IpVersion, table: string): string {
  const family = version === 4 ? 'ip' : 'ip6';
  return `list it with "${enter}nft -a list table ${family} ${table}", and delete each rule that was written with nft by "${enter}nft delete rule ${family} ${table} CHAIN handle NUMBER"`;
}

/** The comment by which a rule of ours says which event set it. Behind the last match, as SAVE prints it. */
export const positionComment = (position: number): string => `-m comment --comment "plumb:${position}" `;

const POSITION = / ?-m comment --comment "?plumb:\d+"?/;

/** A line without the position in it: equal for rules that do the same. */
export const effectOf = (line: string): string => line.replace(POSITION, '');

/** The chain that a line leads to; null when it leads to none. */
export const targetOf = (line: string): string | null => /(?:^| )-[jg] (\S+)$/.exec(line)?.[1] ?? null;
