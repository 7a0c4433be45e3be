import { describe, expect, it } from '@jest/globals';
import { dialect } from './dialects/index.js';
import { render } from './render.js';
import { savedFrom } from './rule-lines.js';
import { SavedTables } from './rule.js';
import { RouterState } from './state.js';
import { idOf, reference, Story } from './testing/index.js';
import { REFERENCE_V4, REFERENCE_V6 } from './testing/reference-rules.js';

const stateOf = (story: Story, router: string, metadata: boolean): RouterState => {
  const rendered = render(story.view(), { userspace: true, metadata }).get(idOf(router));
  if (rendered?.kind !== 'present') throw new Error(`not rendered: ${rendered?.kind}`);
  return rendered.state;
};

/** The reference's rules that lead to its metadata proxy: not ours where metadata is not answered. */
const METADATA: readonly RegExp[] = [/--dport 80 .*(REDIRECT|MARK)/, /^-m mark --mark 0x1\/0xffff -j ACCEPT$/];
/** What we have beyond the reference (docs/design/l3-dataplane.md, table of differences): what the router itself sends to a forwarded address is forwarded, too. */
const MORE: Readonly<Record<string, readonly string[]>> = {
  'neutron-l3-agent-OUTPUT': ['-j neutron-l3-agent-fip-pf'],
};

function normal(tables: SavedTables, more: typeof MORE = {}, without: readonly RegExp[] = []): unknown {
  return Object.fromEntries(
    [...tables].map(([table, chains]) => [
      table,
      Object.fromEntries(
        [...chains]
          .filter(([chain, rules]) => chain.startsWith('neutron-') || rules.length > 0)
          .map(([chain, rules]) => [
            chain,
            rules
              .map((rule) =>
                dialect
                  .effectOf(rule)
                  .trim()
                  .replace(/-m comment --comment "[^"]*" /, ''),
              )
              .filter((rule) => !without.some((each) => each.test(rule)))
              .filter((rule) => !(table === 'nat' && more[chain]?.includes(rule))),
          ]),
      ),
    ]),
  );
}

describe('the rules of the reference implementation, for the same router', () => {
  const ours = stateOf(reference(), '81d9fe72', true);
  const without = stateOf(reference(), '81d9fe72', false);

  it('IPv4: chain by chain, rule by rule, in the same order', () => {
    expect(normal(savedFrom(ours.rules4), MORE)).toEqual(normal(dialect.tablesIn(REFERENCE_V4)));
  });

  it('IPv6 likewise', () => {
    expect(normal(savedFrom(ours.rules6))).toEqual(normal(dialect.tablesIn(REFERENCE_V6)));
  });

  it('without metadata the same but for what leads to it', () => {
    expect(normal(savedFrom(without.rules4), MORE)).toEqual(normal(dialect.tablesIn(REFERENCE_V4), {}, METADATA));
    expect(normal(savedFrom(without.rules6))).toEqual(normal(dialect.tablesIn(REFERENCE_V6), {}, METADATA));
  });

  it('addresses, routes and links', () => {
    expect(ours.links).toEqual([
      {
        device: 'qg-fd9c7daf-34',
        outside: 'tapfd9c7daf-34',
        mac: 'fa:16:3e:bb:33:e5',
        mtuBytes: 1500,
        up: true,
        txChecksum: false,
        addresses: [
          { address: '10.200.3.156/16', broadcast: '10.200.255.255' },
          { address: '10.200.2.182/32', broadcast: '10.200.2.182' },
          { address: '10.200.3.41/32', broadcast: '10.200.3.41' },
        ],
        port: { portId: idOf('fd9c7daf-34'), mac: 'fa:16:3e:bb:33:e5', position: 12 },
      },
      {
        device: 'qr-a075f8a5-71',
        outside: 'tapa075f8a5-71',
        mac: 'fa:16:3e:7c:4a:c3',
        mtuBytes: 1450,
        up: true,
        txChecksum: false,
        addresses: [{ address: '192.168.7.1/24', broadcast: '192.168.7.255' }],
        port: { portId: idOf('a075f8a5-71'), mac: 'fa:16:3e:7c:4a:c3', position: 10 },
      },
    ]);
    expect(ours.routes).toEqual([{ version: 4, destination: 'default', via: '10.200.0.1', device: 'qg-fd9c7daf-34' }]);
  });
});
