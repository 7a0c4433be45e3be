import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { endingsIn, notesOf, translationsIn, withNotes } from './endings.js';
import { render } from './render.js';
import { areAsWanted, rulesIn, savedFrom, stateText } from './rule-lines.js';
import { RuleBody, SavedTables } from './rule.js';
import { RouterState } from './state.js';
import { idOf, life, networkNode, Story, tutorial } from './testing/index.js';

const stateOf = (story: Story, router: string, length?: number): RouterState => {
  const rendered = render(story.view(length), { userspace: true }).get(idOf(router));
  if (rendered?.kind !== 'present') throw new Error(`not rendered: ${rendered?.kind}`);
  return rendered.state;
};
const { rules4 } = stateOf(tutorial(), 'c1');
const saved = savedFrom(rules4);
const withNat = (change: (chain: string, lines: readonly string[]) => readonly string[]): SavedTables =>
  new Map([
    ...saved,
    ['nat', new Map([...(saved.get('nat') ?? [])].map(([chain, lines]) => [chain, change(chain, lines)]))],
  ]);
const bodies = (rules: readonly RuleBody[]): unknown[] =>
  rules.map(({ table, chain, match, action, position }) => ({ table, chain, match, action, position }));

describe('rules found', () => {
  it('are the wanted ones where their lines are, and belong to whom those do', () => {
    const found = rulesIn(saved, 'nat', rules4);
    expect(found.length).toBeGreaterThan(8);
    const wanted = rules4.flatMap(({ table, chains }) => (table === 'nat' ? chains.flatMap(({ rules }) => rules) : []));
    expect(found.every((each) => wanted.some((rule) => rule === each))).toBe(true);
  });

  it('are the same, whatever was wanted, in whatever order and however many are missing', () => {
    const shuffled = fc.array(fc.nat({ max: 7 }), { maxLength: 8 });
    fc.assert(
      fc.property(shuffled, (places) => {
        const found = withNat((_chain, lines) => places.flatMap((at) => lines[at] ?? []));
        expect(bodies(rulesIn(found, 'nat', rules4))).toEqual(bodies(rulesIn(found, 'nat')));
      }),
    );
  });

  it('leave out what no rule of ours says, and chains that are not ours', () => {
    const found = withNat((_chain, lines) => ['-s 10.0.0.0/8 -j LOG', ...lines]);
    expect(rulesIn(found, 'nat', rules4)).toEqual(rulesIn(saved, 'nat', rules4));
    const foreign: SavedTables = new Map([
      ['nat', new Map([['other', ['-d 192.0.2.1/32 -j DNAT --to-destination 10.0.0.1']]])],
    ]);
    expect(rulesIn(foreign, 'nat')).toEqual([]);
  });

  it('are known to be the wanted ones where nothing of ours differs, and only there', () => {
    const are = (found: SavedTables): boolean => areAsWanted(found, 'nat', rules4);
    expect(are(saved)).toBe(true);
    expect(are(new Map([...saved, ['filter', new Map()]]))).toBe(true);
    const nat = saved.get('nat') ?? new Map<string, readonly string[]>();
    const ours = [...nat.keys()].filter((chain) => chain.startsWith('neutron'));
    expect(ours.length).toBeGreaterThan(4);
    const having = (...more: [string, readonly string[]][]): SavedTables =>
      new Map([['nat', new Map([...nat, ...more])]]);
    expect(are(having(['other', ['-j LOG']], ['INPUT', ['-j LOG']]))).toBe(true);
    expect(are(having(['neutron-l3-agent-more', []]))).toBe(false);
    for (const chain of ours) {
      const lines = nat.get(chain) ?? [];
      expect(are(having([chain, [...lines, '-j LOG']]))).toBe(false);
      if (lines.length > 0) expect(are(having([chain, lines.slice(1)]))).toBe(false);
      if (lines.length > 0) expect(are(having([chain, ['-j LOG', ...lines.slice(1)]]))).toBe(false);
      expect(are(new Map([['nat', new Map([...nat].filter(([name]) => name !== chain))]]))).toBe(false);
    }
    expect(are(new Map())).toBe(false);
  });

  it('say what floating addresses are translated to', () => {
    expect(translationsIn(rulesIn(saved, 'nat'))).toEqual(
      new Map([
        ['10.16.161.51', '10.0.0.3'],
        ['10.16.161.52', '10.0.0.4'],
      ]),
    );
  });
});

describe('notes of endings', () => {
  it('belong to the floating IP of their address, or to the router', () => {
    const endings = ['10.16.161.51', '10.16.161.53'].map((address) => ({ address, forwarded: null }));
    const notes = notesOf(endings, rules4, 'router/r');
    expect(notes.map(({ owner }) => owner)).toEqual([`floatingip/${idOf('71')}`, 'router/r']);
    expect(endingsIn(rulesIn(savedFrom(withNotes(rules4, notes)), 'nat'))).toEqual(endings);
  });
});

describe('a state as text', () => {
  it('is equal for equal states only', () => {
    const texts = life().log.flatMap(({ position }) => {
      const rendered = render(life().view(position), { userspace: true }).get(idOf('c4'));
      return rendered?.kind === 'present' ? [[stateText(rendered.state), JSON.stringify(rendered.state)]] : [];
    });
    for (const [text, json] of texts)
      for (const [other, otherJson] of texts) expect(text === other).toBe(json === otherJson);
    expect(stateText(stateOf(networkNode(), 'c2'))).toBe(stateText(stateOf(networkNode(), 'c2')));
  });
});
