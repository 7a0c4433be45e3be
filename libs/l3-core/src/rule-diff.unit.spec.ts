import { describe, expect, it } from '@jest/globals';
import { dialect } from './dialects/index.js';
import { editsFor, isOurJump } from './rule-diff.js';
import { savedFrom } from './rule-lines.js';
import { Action, Match, Rule, SavedTables, Table } from './rule.js';

const OWN = 'neutron-l3-agent-POSTROUTING';
const BOTTOM = 'neutron-postrouting-bottom';
const mark = (position: number): string => `-m comment --comment "plumb:${position}"`;
const first = `${mark(1)} -j ${OWN}`;
const last = `${mark(1)} -j ${BOTTOM}`;
const rule = (chain: string, position: number, match: readonly Match[], action: Action): Rule => ({
  table: 'nat',
  chain,
  match,
  action,
  owner: 'router/r',
  position,
});
const jump = (target: string): Rule => rule('POSTROUTING', 1, [], { do: 'jump', chain: target });
const wanted = (...rules: Rule[]): Table[] => [
  {
    table: 'nat',
    jumps: [
      { rule: jump(OWN), place: 'first' },
      { rule: jump(BOTTOM), place: 'last' },
    ],
    chains: [
      { name: OWN, rules },
      { name: BOTTOM, rules: [] },
    ],
  },
];
const found = (chains: Readonly<Record<string, readonly string[]>>): SavedTables =>
  new Map([
    ['nat', new Map(Object.entries({ ...Object.fromEntries(savedFrom(wanted()).get('nat') ?? []), ...chains }))],
  ]);
const accept = (position: number, address: string): Rule =>
  rule(OWN, position, [{ on: 'destination', address }], { do: 'accept' });
const [ruleA, ruleB, ruleC] = [accept(2, '192.0.2.1'), accept(3, '192.0.2.2'), accept(4, '192.0.2.3')];
const a = `-d 192.0.2.1/32 ${mark(2)} -j ACCEPT`;
const b = `-d 192.0.2.2/32 ${mark(3)} -j ACCEPT`;
const c = `-d 192.0.2.3/32 ${mark(4)} -j ACCEPT`;
const foreign = '-o eth9 -j MASQUERADE';

/** What is between `*nat` and `COMMIT`. */
const lines = (want: readonly Table[], have: SavedTables, mayRemove = true): string[] => {
  const all = dialect.inputOf(editsFor(want, have, mayRemove));
  if (all.length > 0) expect([all[0], all.at(-1)]).toEqual(['*nat', 'COMMIT']);
  return all.slice(1, -1);
};

describe('the least that makes found into wanted', () => {
  it('nothing, when they are the same, whatever foreign rules are around ours', () => {
    expect(lines(wanted(ruleA, ruleB), found({ [OWN]: [a, b] }))).toEqual([]);
    expect(lines(wanted(ruleA), found({ [OWN]: [a], POSTROUTING: [foreign, first, foreign, last, foreign] }))).toEqual(
      [],
    );
    expect(lines(wanted(ruleA), found({ [OWN]: [a], 'operators-own': [foreign] }))).toEqual([]);
  });

  it('insertions where rules are only missing, each at its place', () => {
    expect(lines(wanted(ruleA, ruleB, ruleC), found({ [OWN]: [b] }))).toEqual([`-I ${OWN} 1 ${a}`, `-A ${OWN} ${c}`]);
  });

  it('the chain anew where one is too much, altered, or in another place', () => {
    const anew = [`:${OWN} - [0:0]`, `-A ${OWN} ${a}`, `-A ${OWN} ${b}`];
    expect(lines(wanted(ruleA, ruleB), found({ [OWN]: [a, b, c] }))).toEqual(anew);
    expect(lines(wanted(ruleA, ruleB), found({ [OWN]: [a, b.replace('ACCEPT', 'DROP')] }))).toEqual(anew);
    expect(lines(wanted(ruleA, ruleB), found({ [OWN]: [b, a] }))).toEqual(anew);
  });

  describe('of a long chain', () => {
    const numbers = Array.from({ length: 30 }, (_, n) => n + 10);
    const long = numbers.map((n) => accept(n, `198.51.100.${n}`));
    const text = numbers.map((n) => `-d 198.51.100.${n}/32 ${mark(n)} -j ACCEPT`);

    it('the rules that go, and those that come in their places', () => {
      const have = [...text.slice(0, 3), b, ...text.slice(3, 20), ...text.slice(21), c];
      expect(lines(wanted(...long), found({ [OWN]: have }))).toEqual([
        `-D ${OWN} ${b}`,
        `-D ${OWN} ${c}`,
        `-I ${OWN} 21 ${text[20]}`,
      ]);
    });

    it.each<[string, readonly string[]]>([
      ['many go', [...text, ...numbers.slice(0, 9).map((n) => `-d 192.0.2.${n}/32 ${mark(n)} -j ACCEPT`)]],
      ['one is there twice', [...text, text[4] as string]],
      ['the order is another one', [...text.slice(1), text[0] as string]],
      ['one cannot be a rule of ours', [...text, '-m u32 --u32 "6&0xFF=1" -j ACCEPT']],
    ])('the chain anew where %s', (_why, have) => {
      const anew = [`:${OWN} - [0:0]`, ...text.map((each) => `-A ${OWN} ${each}`)];
      expect(lines(wanted(...long), found({ [OWN]: have }))).toEqual(anew);
    });

    it('nothing is taken away without leave', () => {
      expect(lines(wanted(...long), found({ [OWN]: [...text, b] }), false)).toEqual([]);
    });
  });

  it('our jumps hung anew where one is missing, altered, or in another order', () => {
    const hung = [`-I POSTROUTING 1 ${first}`, `-A POSTROUTING ${last}`];
    const gone = (...rules: string[]): string[] => rules.map((rule) => `-D POSTROUTING ${rule}`);
    const older = last.replace('plumb:1', 'plumb:9');
    expect(lines(wanted(), found({ POSTROUTING: [foreign] }))).toEqual(hung);
    expect(lines(wanted(), found({ POSTROUTING: [first] }))).toEqual([...gone(first), ...hung]);
    expect(lines(wanted(), found({ POSTROUTING: [last, first] }))).toEqual([...gone(last, first), ...hung]);
    expect(lines(wanted(), found({ POSTROUTING: [first, older] }))).toEqual([...gone(first, older), ...hung]);
    expect(lines(wanted(), found({ POSTROUTING: [first, last, last] }))).toEqual([...gone(first, last, last), ...hung]);
  });

  it('a chain of ours that nothing wants is emptied and deleted, with its jump; a foreign one is not', () => {
    const have = found({ 'neutron-l3-agent-old': [a], PREROUTING: [`${mark(1)} -j neutron-l3-agent-old`], other: [a] });
    expect(lines(wanted(), have)).toEqual([
      ':neutron-l3-agent-old - [0:0]',
      `-D PREROUTING ${mark(1)} -j neutron-l3-agent-old`,
      '-X neutron-l3-agent-old',
    ]);
  });

  it('without leave to remove: what is missing is put where it belongs, and what is there stays', () => {
    expect(lines(wanted(ruleA, ruleB), found({ [OWN]: [c, a] }), false)).toEqual([`-I ${OWN} 3 ${b}`]);
    expect(lines(wanted(ruleA), found({ [OWN]: [a.replace('plumb:2', 'plumb:8')] }), false)).toEqual([]);
    expect(lines(wanted(), found({ 'neutron-l3-agent-old': [a] }), false)).toEqual([]);
  });
});

it('which jumps are ours', () => {
  expect([first, foreign, '-j neutron-linuxbri-x'].map(isOurJump)).toEqual([true, false, false]);
});
