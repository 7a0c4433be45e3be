import { describe, expect, it } from '@jest/globals';
import { leftOverTroubles } from './left-over.js';

describe('ports that are enforced the way of before', () => {
  const of = (firewall: 'openflow' | 'hybrid') => ({
    bridgeMappings: {},
    tunnelIp: null,
    datapathType: 'netdev' as const,
    firewall,
  });

  it('are named, the first ten of many, with what an operator does', () => {
    expect(leftOverTroubles([], of('hybrid'))).toEqual([]);
    const [sentence] = leftOverTroubles(['p1', 'p2'], of('hybrid'));
    expect(sentence).toMatch(/2 ports are enforced by flows.*PLUMB_FIREWALL=hybrid.*plugged in anew.*: p1, p2$/);
    const many = Array.from({ length: 12 }, (_none, n) => `p${n}`);
    expect(leftOverTroubles(many, of('openflow'))[0]).toMatch(/12 ports are enforced on bridges.*p9 and 2 more$/);
  });
});
