/**
 * TCP connections through a link that is about to go are reset, in both directions, while it is still there: without it there would be no answer, and both ends
 * would wait for minutes. The rules are in a chain of ours in front of all others; once the link is gone they are not wanted any more, and go like any other
 * that is too much. So are those that a dead agent left.
 *
 * Road not taken: to reset each connection by itself. That takes its sequence numbers, which conntrack does not tell.
 */
import { ObjectKey } from '@plumbline/contracts';
import { dialect } from './dialects/index.js';
import { ownChain } from './marks.js';
import { Rule, SavedTables, Table, TableEdits } from './rule.js';

const CHAIN = ownChain('FORWARD');

export const farewellRules = (devices: readonly string[], owner: ObjectKey): Rule[] =>
  devices.flatMap((device) =>
    (['input', 'output'] as const).map((on): Rule => ({
      table: 'filter',
      chain: CHAIN,
      match: [
        { on, device, not: false },
        { on: 'protocol', protocol: 'tcp', ports: null },
      ],
      action: { do: 'reset' },
      owner,
      position: null,
    })),
  );

/** Wanted tables with these rules. */
export const withFarewell = (tables: readonly Table[], rules: readonly Rule[]): readonly Table[] =>
  rules.length === 0
    ? tables
    : tables.map((each) =>
        each.table !== 'filter'
          ? each
          : {
              ...each,
              chains: each.chains.map((chain) =>
                chain.name === CHAIN ? { ...chain, rules: [...rules, ...chain.rules] } : chain,
              ),
            },
      );

/** What puts these rules into the chain of a router that is to go whole; nothing where they are, or where the chain is not. */
export function farewellEdits(found: SavedTables, devices: readonly string[], owner: ObjectKey): TableEdits[] {
  const lines = found.get('filter')?.get(CHAIN);
  if (!lines) return [];
  const missing = farewellRules(devices, owner).filter((rule) => !lines.includes(dialect.lineOf(rule)));
  if (missing.length === 0) return [];
  return [{ table: 'filter', edits: missing.map((rule, index) => ({ edit: 'insert', rule, at: index + 1 })) }];
}
