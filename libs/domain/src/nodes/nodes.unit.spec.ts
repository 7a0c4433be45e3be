import { describe, expect, it } from '@jest/globals';
import { deletePort } from '../ports/ports.js';
import { scenarioA } from '../testing/requests.js';
import { World } from '../testing/world.js';
import { registerNode, removeNode } from './nodes.js';

describe('a node', () => {
  it('that changes or goes is told to the hosts that share a VXLAN network with it, while they do', () => {
    const world = new World();
    const { instance } = scenarioA(world);
    const moved = registerNode({ host: 'cmp1', tunnelIp: '10.9.0.9', bridgeMappings: {} });
    expect(world.told(moved)).toEqual(['cmp1', 'net1']);
    expect(world.told(removeNode('cmp1'))).toEqual(['cmp1', 'net1']);
    world.do(deletePort(instance));
    expect(world.told(moved)).toEqual(['cmp1']);
    expect(world.get('node', 'cmp1').tunnelIp).toBe('10.9.0.2');
  });
});
