/**
 * iptables 1.8.9 (nft): rules as iptables-save and ip6tables-save print them, and the input of `iptables-restore --noflush`.
 *
 * A line is written exactly as it will be printed, because found and wanted rules are compared as text: addresses with their prefix length, options in the order
 * in which iptables-save has them, the comment behind the last match. rules.node.spec.ts holds it against the real thing. Every value in a line is an address, a
 * number or a name of ours that was parsed when it entered the system; nothing here is user text.
 *
 * Writing is a switch over each union (the compiler names what is missing), reading a list of patterns, one a kind. Road not taken: one grammar for both ways.
 * It is shorter and hides the one thing that matters here, the exact text.
 */
import * as text from '@plumbline/iptables';
import { isOurChain } from '../marks.js';
import { Action, Edit, Mark, Match, Protocol, RuleBody, TableName } from '../rule.js';
import { Dialect } from './dialect.js';

const TABLE_NAMES: readonly TableName[] = ['mangle', 'raw', 'filter', 'nat'];
const TABLES: readonly string[] = TABLE_NAMES;

/** Protocols by iptables' names. */
const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  tcp: 'tcp',
  udp: 'udp',
  sctp: 'sctp',
  dccp: 'dccp',
  icmp: 'icmp',
  'ipv6-icmp': 'icmp6',
};
const NAMES = new Map(Object.entries(PROTOCOLS).map(([name, protocol]) => [protocol, name]));

/** The first five are printed in this order whatever was written, the others as they were: we write them in this one. */
const PRINTED: Readonly<Record<Match['on'], number>> = {
  source: 0,
  destination: 1,
  input: 2,
  output: 3,
  protocol: 4,
  'packet-mark': 5,
  'connection-mark': 6,
  'connection-state': 7,
};
const inOrder = (match: readonly Match[]): readonly Match[] =>
  match.length < 2 ? match : [...match].sort((a, b) => PRINTED[a.on] - PRINTED[b.on]);

const hex = (value: number): string => `0x${value.toString(16)}`;
const markText = ({ value, mask }: Mark): string => `${hex(value)}/${hex(mask)}`;
const host = (address: string): string => `${address}/${address.includes(':') ? 128 : 32}`;

/** Each ends in a blank. */
function matchText(match: Match): string {
  switch (match.on) {
    case 'source':
      return `-s ${host(match.address)} `;
    case 'destination':
      return `-d ${host(match.address)} `;
    case 'input':
      return `${match.not ? '! ' : ''}-i ${match.device} `;
    case 'output':
      return `${match.not ? '! ' : ''}-o ${match.device} `;
    case 'protocol': {
      const name = NAMES.get(match.protocol) ?? match.protocol;
      if (!match.ports) return `-p ${name} `;
      const { first, last } = match.ports;
      return `-p ${name} -m ${name} --dport ${first === last ? first : `${first}:${last}`} `;
    }
    case 'packet-mark':
      return `-m mark ${match.not ? '! ' : ''}--mark ${markText(match.mark)} `;
    case 'connection-mark':
      return `-m connmark ${match.not ? '! ' : ''}--mark ${markText(match.mark)} `;
    case 'connection-state':
      return `-m conntrack ${match.not ? '! ' : ''}--ctstate ${match.state} `;
  }
}

function actionText(action: Action): string {
  switch (action.do) {
    case 'accept':
      return '-j ACCEPT';
    case 'drop':
      return '-j DROP';
    case 'reset':
      return '-j REJECT --reject-with tcp-reset';
    case 'jump':
      return `-j ${action.chain}`;
    case 'dnat': {
      const { to, ports, base } = action;
      const range = ports && (ports.first === ports.last ? `:${ports.first}` : `:${ports.first}-${ports.last}`);
      // Behind the slash: with it the kernel counts from there, without it it takes the first free port of the range.
      return `-j DNAT --to-destination ${to}${range ?? ''}${base === null ? '' : `/${base}`}`;
    }
    case 'redirect':
      return `-j REDIRECT --to-ports ${action.port}`;
    case 'snat':
      return `-j SNAT --to-source ${action.to} --random-fully`;
    case 'set-mark':
      return `-j MARK --set-xmark ${markText(action.mark)}`;
    case 'save-mark':
    case 'restore-mark':
      return `-j CONNMARK --${action.do} --nfmask ${hex(action.mask)} --ctmask ${hex(action.mask)}`;
    case 'note-ending':
      return '-j RETURN';
  }
}

/** What is written of a rule that is for people and for us and not for packets. */
function commentOf({ action, position }: RuleBody): string | null {
  if (action.do === 'note-ending') return action.answeredBy === null ? 'ending' : `ending:${action.answeredBy}`;
  return position === null ? null : String(position);
}

function lineOf(rule: RuleBody): string {
  let line = '';
  for (const match of inOrder(rule.match)) line += matchText(match);
  const comment = commentOf(rule);
  if (comment !== null) line += `-m comment --comment "plumb:${comment}" `;
  return line + actionText(rule.action);
}

type Form<T> = readonly [pattern: RegExp, read: (...groups: string[]) => T | null];

const ADDRESS = '((?:[0-9.]+(?=/32 ))|(?:[0-9a-f:]+(?=/128 )))/\\d+ ';
const NUMBER = '0x([0-9a-f]+)';
const bits = (text: string): number => parseInt(text, 16);

/** All patterns are sticky: they match where the one before ended. */
const MATCHES: readonly Form<Match>[] = [
  [new RegExp(`-s ${ADDRESS}`, 'y'), (address = '') => ({ on: 'source', address })],
  [new RegExp(`-d ${ADDRESS}`, 'y'), (address = '') => ({ on: 'destination', address })],
  [/(! )?-i (\S+) /y, (not, device = '') => ({ on: 'input', device, not: not !== undefined })],
  [/(! )?-o (\S+) /y, (not, device = '') => ({ on: 'output', device, not: not !== undefined })],
  [
    /-p (\S+) (?:-m \1 --dport (\d+)(?::(\d+))? )?/y,
    (name = '', first, last) => {
      const protocol = PROTOCOLS[name];
      if (!protocol) return null;
      return {
        on: 'protocol',
        protocol,
        ports: first === undefined ? null : { first: Number(first), last: Number(last ?? first) },
      };
    },
  ],
  [
    new RegExp(`-m (conn)?mark (! )?--mark ${NUMBER}/${NUMBER} `, 'y'),
    (connection, not, value = '', mask = '') => ({
      on: connection === undefined ? 'packet-mark' : 'connection-mark',
      mark: { value: bits(value), mask: bits(mask) },
      not: not !== undefined,
    }),
  ],
  [/-m conntrack (! )?--ctstate DNAT /y, (not) => ({ on: 'connection-state', state: 'DNAT', not: not !== undefined })],
];

const COMMENT = /-m comment --comment "?plumb:(?:(\d+)|ending(?::([0-9.]+))?)"? /y;

const ACTIONS: readonly Form<Action>[] = [
  [/-j REJECT --reject-with tcp-reset$/y, () => ({ do: 'reset' })],
  [/-j (ACCEPT|DROP)$/y, (verdict) => ({ do: verdict === 'ACCEPT' ? 'accept' : 'drop' })],
  [
    /-j DNAT --to-destination ([0-9.]+)(?::(\d+)(?:-(\d+))?)?(?:\/(\d+))?$/y,
    (to = '', first, last, base) => ({
      do: 'dnat',
      to,
      ports: first === undefined ? null : { first: Number(first), last: Number(last ?? first) },
      base: base === undefined ? null : Number(base),
    }),
  ],
  [/-j REDIRECT --to-ports (\d+)$/y, (port) => ({ do: 'redirect', port: Number(port) })],
  [/-j SNAT --to-source (\S+) --random-fully$/y, (to = '') => ({ do: 'snat', to })],
  [
    new RegExp(`-j MARK --set-xmark ${NUMBER}/${NUMBER}$`, 'y'),
    (value = '', mask = '') => ({ do: 'set-mark', mark: { value: bits(value), mask: bits(mask) } }),
  ],
  [
    new RegExp(`-j CONNMARK --(save|restore)-mark --nfmask ${NUMBER} --ctmask ${NUMBER}$`, 'y'),
    (way, from = '', to = '') =>
      from === to ? { do: way === 'save' ? 'save-mark' : 'restore-mark', mask: bits(from) } : null,
  ],
  [/-j (\S+)$/y, (chain = '') => (isOurChain(chain) ? { do: 'jump', chain } : null)],
];

/** The first form that matches at `at`, and where it ends. */
function readAt<T>(forms: readonly Form<T>[], line: string, at: number): { value: T | null; end: number } | null {
  for (const [pattern, read] of forms) {
    pattern.lastIndex = at;
    const found = pattern.exec(line);
    if (found) return { value: read(...found.slice(1)), end: pattern.lastIndex };
  }
  return null;
}

function parse(table: string, chain: string, line: string): RuleBody | null {
  if (!TABLES.includes(table)) return null;
  const match: Match[] = [];
  let at = 0;
  for (;;) {
    const read = readAt(MATCHES, line, at);
    if (!read) break;
    if (!read.value) return null;
    match.push(read.value);
    at = read.end;
  }
  COMMENT.lastIndex = at;
  const comment = COMMENT.exec(line);
  if (comment) at = COMMENT.lastIndex;
  const body = { table: table as TableName, chain, match, position: comment?.[1] ? Number(comment[1]) : null };
  if (comment && !comment[1])
    return line.slice(at) === '-j RETURN'
      ? { ...body, action: { do: 'note-ending', answeredBy: comment[2] ?? null } }
      : null;
  const action = readAt(ACTIONS, line, at)?.value;
  return action ? { ...body, action } : null;
}

/** Tables of ours that cannot be printed. */
const unreadableIn = (saved: string): TableName[] =>
  text.unreadableIn(saved).flatMap((name) => TABLE_NAMES.find((each) => each === name) ?? []);

function editText(edit: Edit): string {
  switch (edit.edit) {
    case 'declare':
      return `:${edit.chain} - [0:0]`;
    case 'append':
      return `-A ${edit.rule.chain} ${lineOf(edit.rule)}`;
    case 'insert':
      return `-I ${edit.rule.chain} ${edit.at} ${lineOf(edit.rule)}`;
    case 'remove':
      return `-D ${edit.rule.chain} ${lineOf(edit.rule)}`;
    case 'remove-line':
      return `-D ${edit.hook} ${edit.line}`;
    case 'delete-chain':
      return `-X ${edit.chain}`;
  }
}

export const iptables: Dialect = {
  save: text.SAVE,
  restore: text.RESTORE,
  tablesIn: text.tablesIn,
  unreadableIn,
  mendingOf: (netns, version, table) => text.mendingOf(`ip netns exec ${netns} `, version, table),
  lineOf,
  parse,
  effectOf: text.effectOf,
  targetOf: text.targetOf,
  inputOf: (edits) =>
    edits.flatMap(({ table, edits: all }) => (all.length === 0 ? [] : [`*${table}`, ...all.map(editText), 'COMMIT'])),
};
