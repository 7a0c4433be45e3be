import { describe, expect, it } from '@jest/globals';
import type { PortForwarding, PortRange } from '@plumbline/contracts';
import fc from 'fast-check';
import { checkPorts, Inside, Ports, rangesOverlap, refuseCollision } from './ranges.js';

const range = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 8 }))
  .map(([first, length]): PortRange => ({ first, last: first + length }));
const portsOf = ({ first, last }: PortRange): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);
const request = fc.record({
  protocol: fc.constantFrom('tcp', 'udp', 'sctp', 'dccp'),
  externalPorts: range,
  internalPorts: range,
  internalPortId: fc.constantFrom('a', 'b'),
  internalIpAddress: fc.constantFrom('10.0.0.5', '10.0.0.6'),
}) as fc.Arbitrary<Ports & Inside & { externalPorts: PortRange; internalPorts: PortRange }>;

const refused = (act: () => void): boolean => {
  try {
    act();
    return false;
  } catch {
    return true;
  }
};

describe('ports of forwardings', () => {
  it('overlap exactly when they have a port in common', () => {
    fc.assert(
      fc.property(range, range, (a, b) => {
        expect(rangesOverlap(a, b)).toBe(portsOf(a).some((port) => portsOf(b).includes(port)));
        expect(rangesOverlap(a, b)).toBe(rangesOverlap(b, a));
      }),
    );
  });

  it('taken one after the other never give an outside port, or an inside one, to two of a protocol', () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 12 }), (requests) => {
        const taken: PortForwarding[] = [];
        const outside = new Set<string>();
        const inside = new Set<string>();
        for (const each of requests) {
          const outsideOf = portsOf(each.externalPorts).map((port) => `${each.protocol} ${port}`);
          const insideOf = portsOf(each.internalPorts).map((port) =>
            [each.protocol, each.internalPortId, each.internalIpAddress, port].join(' '),
          );
          const free = !outsideOf.some((key) => outside.has(key)) && !insideOf.some((key) => inside.has(key));
          expect(refused(() => refuseCollision(each, taken))).toBe(!free);
          if (!free) continue;
          taken.push(each as unknown as PortForwarding);
          for (const key of outsideOf) outside.add(key);
          for (const key of insideOf) inside.add(key);
        }
      }),
    );
  });

  it('lead one to one, or all to one', () => {
    fc.assert(
      fc.property(request, (each) => {
        const [out, into] = [portsOf(each.externalPorts).length, portsOf(each.internalPorts).length];
        expect(refused(() => checkPorts(each))).toBe(into !== 1 && into !== out);
      }),
    );
  });

  it('are none where the protocol has none', () => {
    const none = { protocol: 'icmp', externalPorts: null, internalPorts: null } as const;
    expect(refused(() => checkPorts(none))).toBe(false);
    expect(refused(() => checkPorts({ ...none, externalPorts: { first: 1, last: 1 } }))).toBe(true);
    expect(refused(() => checkPorts({ ...none, protocol: 'tcp' }))).toBe(true);
    const all = { ...none, internalPortId: 'a', internalIpAddress: '10.0.0.5' };
    expect(refused(() => refuseCollision(all, [{ ...all, id: 'x' } as unknown as PortForwarding]))).toBe(true);
  });
});
