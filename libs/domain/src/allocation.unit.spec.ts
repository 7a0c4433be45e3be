import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createPorts, deletePort } from './ports/ports.js';
import { make, port } from './testing/requests.js';
import { World } from './testing/world.js';

describe('addresses', () => {
  it('are never given twice, run out with the known error, and come back when freed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 26, max: 29 }), fc.array(fc.nat(), { maxLength: 60 }), (prefix, moves) => {
        const world = new World();
        const networkId = make.network(world);
        make.subnet(world, networkId, `10.0.0.0/${prefix}`);
        const room = 2 ** (32 - prefix) - 3;
        const live: string[] = [];
        for (const move of moves) {
          if (move % 3 === 0 && live.length > 0) world.do(deletePort(live.splice(move % live.length, 1)[0] as string));
          else if (live.length < room) live.push(make.port(world, networkId));
        }
        const addresses = () => live.map((id) => world.get('port', id).fixedIps[0]?.ipAddress);
        expect(new Set(addresses()).size).toBe(live.length);
        while (live.length < room) live.push(make.port(world, networkId));
        expect(new Set(addresses()).size).toBe(room);
        expect(world.refusal(createPorts([port(networkId)]))).toBe(
          `IpAddressGenerationFailure: No more IP addresses available on network ${networkId}.`,
        );
        const freed = world.get('port', live[0] as string).fixedIps[0]?.ipAddress;
        world.do(deletePort(live[0] as string));
        live[0] = make.port(world, networkId);
        expect(world.get('port', live[0]).fixedIps[0]?.ipAddress).toBe(freed);
        world.heldClaims();
      }),
      { numRuns: 40 },
    );
  });

  it('are distinct in one bulk, and a bulk that asks for more than there are makes none', () => {
    const world = new World();
    const networkId = make.network(world);
    make.subnet(world, networkId, '10.0.0.0/29');
    const five = Array.from({ length: 5 }, () => port(networkId));
    expect(world.refusal(createPorts([...five, port(networkId)]))).toMatch(/^IpAddressGenerationFailure/);
    const ids = world.do(createPorts(five));
    expect(new Set(ids.map((id) => world.get('port', id).fixedIps[0]?.ipAddress)).size).toBe(5);
  });
});
