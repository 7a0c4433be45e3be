import { describe, expect, it } from '@jest/globals';
import { actionOf, walkChain } from './chain-walk.js';
import { tablesIn } from './index.js';

/** Lines without matches: all of them apply. */
function walked(...lines: readonly string[]): Readonly<{ verdict: string | null; passed: readonly string[] }> {
  const names = [...new Set(lines.map((line) => line.split(' ')[1] ?? ''))];
  const saved = ['*filter', ...names.map((name) => `:${name} - [0:0]`), ...lines].join('\n');
  const chains = tablesIn(saved).get('filter') ?? new Map<string, readonly string[]>();
  const passed: string[] = [];
  const verdict = walkChain(chains, 'FORWARD', (chain, line) => {
    passed.push(chain);
    const { name, comesBack } = actionOf(line) ?? { name: 'LOG', comesBack: true };
    if (name === 'ACCEPT') return 'accept';
    if (name === 'DROP') return 'drop';
    if (name === 'RETURN') return 'return';
    return name === 'LOG' ? 'on' : { chain: name, comesBack };
  });
  return { verdict, passed };
}

describe('the way through chains', () => {
  it.each([
    [
      'ends at the first line that ends it',
      ['-A FORWARD -j LOG', '-A FORWARD -j DROP', '-A FORWARD -j ACCEPT'],
      'drop',
    ],
    ['ends in a chain', ['-A FORWARD -j a', '-A FORWARD -j DROP', '-A a -j ACCEPT'], 'accept'],
    ['comes back from a chain', ['-A FORWARD -j a', '-A FORWARD -j DROP', '-A a -j LOG'], 'drop'],
    ['returns', ['-A FORWARD -j a', '-A FORWARD -j DROP', '-A a -j RETURN', '-A a -j ACCEPT'], 'drop'],
    ['returns from the hook', ['-A FORWARD -j RETURN', '-A FORWARD -j DROP'], null],
    [
      'does not come back from where it was sent for good',
      ['-A FORWARD -g a', '-A FORWARD -j DROP', '-A a -j LOG'],
      null,
    ],
    [
      'comes back to the chain before',
      ['-A FORWARD -j a', '-A FORWARD -j ACCEPT', '-A a -g b', '-A a -j DROP', '-A b -j LOG'],
      'accept',
    ],
  ])('%s', (_what, lines, verdict) => {
    expect(walked(...lines).verdict).toBe(verdict);
  });

  it('reads what a line does, and not what its comment says', () => {
    expect(actionOf('-p tcp -m comment --comment "x -j DROP" -j CT --zone 7')).toEqual({
      ...{ name: 'CT', options: '--zone 7', comesBack: true },
    });
    expect(actionOf('-m comment --comment -j')).toBeNull();
  });
});
