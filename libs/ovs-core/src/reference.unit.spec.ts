import { describe, expect, it } from '@jest/globals';
import type { ObservedPort } from './driver.js';
import { actionsOn } from './flow.js';
import { render } from './wanted.js';
import { flowsOfReference, idOf, REFERENCE_PORTS, referenceNode } from './testing/index.js';

describe('the reference node', () => {
  const plugged = ([name, n]: [string, number]): [string, ObservedPort] => {
    const rest = { bridge: 'br-int', tag: null, mark: null, tagMark: null, type: '', options: {}, error: null };
    return [name, { name, ifaceId: idOf(n), ofport: n, ...rest }];
  };
  const ports = new Map(Object.entries(REFERENCE_PORTS).map(plugged));
  const bridge = { name: 'br-int', datapathType: 'netdev', failMode: 'secure', mark: 1, adopted: false, ports };
  const config = { bridgeMappings: { physnet1: 'br-ex' }, tunnelIp: '192.0.2.1', datapathType: 'netdev' } as const;
  const desired = render(referenceNode().view, config, new Map([['br-int', bridge]]), { mayRemove: true });

  it.each(['br-int', 'br-tun', 'br-ex'])(
    'has the flows of the reference on %s, but for the differences that are documented',
    (name) => {
      const flows = desired.flows.get(name) ?? [];
      const lines = flows.map((flow) => `${flow.key} actions=${actionsOn(flow, () => true)}`).sort();
      expect(lines).toEqual(flowsOfReference(name));
    },
  );
});
