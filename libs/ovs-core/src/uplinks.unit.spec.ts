import { describe, expect, it } from '@jest/globals';
import type { DeviceFault, ObservedBridge, ObservedPort, ObservedSwitch } from './driver.js';
import { uplinksOf } from './uplinks.js';

const port = (bridge: string, name: string, more: Partial<ObservedPort> = {}): ObservedPort => ({
  ...{
    name,
    bridge,
    tag: null,
    mark: null,
    tagMark: null,
    ifaceId: null,
    type: '',
    options: {},
    ofport: 1,
    error: null,
  },
  ...more,
});
const bridge = (name: string, ...ports: ObservedPort[]): [string, ObservedBridge] => [
  name,
  {
    ...{ name, datapathType: 'system', failMode: null, mark: 1, adopted: true },
    ports: new Map(ports.map((each) => [each.name, each])),
  },
];
const uplink = (on: string, name: string, ...faults: DeviceFault['fault'][]) =>
  port(on, name, { uplink: { devices: 1, faults: faults.map((fault) => ({ device: name, fault })) } });
const patch = (on: string, name: string, peer: string, more: Partial<ObservedPort> = {}) =>
  port(on, name, { type: 'patch', options: { peer }, ...more });
const of = (...bridges: [string, ObservedBridge][]): ReturnType<typeof uplinksOf> =>
  uplinksOf('br-ex', new Map(bridges) satisfies ObservedSwitch);

describe('the uplinks of a provider bridge', () => {
  it('are none where there never was one: then nothing is missing', () => {
    const nothing = { known: '', cut: null, failing: [], stale: [] };
    expect(of()).toEqual(nothing);
    expect(of(bridge('br-ex', port('br-ex', 'br-ex', { type: 'internal' })), bridge('br-int'))).toEqual(nothing);
  });

  it('that it had once are missed when it has none; one that it has takes the place of others', () => {
    const [name, empty] = bridge('br-int');
    const integration: [string, ObservedBridge] = [
      name,
      { ...empty, knownUplinks: { 'br-ex': 'eth1,eth2', 'br-dmz': 'eth9' } },
    ];
    expect(of(bridge('br-ex'), integration)).toMatchObject({
      known: 'eth1,eth2',
      cut: expect.stringMatching(
        /^no packet leaves by br-ex: each of its uplinks eth1, eth2 was taken off it; an operator/,
      ),
    });
    expect(of(integration).cut).not.toBeNull();
    expect(of(bridge('br-ex', uplink('br-ex', 'eth3')), integration)).toMatchObject({ known: 'eth3', cut: null });
  });

  it('say what is wrong with each, and who can mend it', () => {
    for (const fault of ['error', 'gone', 'down', 'no-carrier', 'replaced'] as const)
      expect(of(bridge('br-ex', uplink('br-ex', 'eth1', fault))).cut).toMatch(/uplink eth1.*an operator must/);
    expect(of(bridge('br-ex', uplink('br-ex', 'eth1', 'replaced'))).stale).toEqual([
      { bridge: 'br-ex', device: 'eth1' },
    ]);
  });

  it('are those of bridges that others joined to it, in a circle too, but not by way of ours', () => {
    const round = [
      bridge('br-ex', patch('br-ex', 'a1', 'a2'), patch('br-ex', 'phy-br-ex', 'int-br-ex', { mark: 1 })),
      bridge('br-nic', patch('br-nic', 'a2', 'a1'), patch('br-nic', 'b1', 'b2'), uplink('br-nic', 'eth1', 'gone')),
      bridge('br-more', patch('br-more', 'b2', 'b1'), patch('br-more', 'c1', 'c2'), uplink('br-more', 'eth2')),
      bridge('br-int', patch('br-int', 'c2', 'c1'), patch('br-int', 'int-br-ex', 'phy-br-ex', { mark: 1 })),
    ] as const;
    expect(of(...round)).toMatchObject({ known: 'eth1,eth2', cut: null, failing: [{ name: 'eth1' }] });
    const oneWay = bridge('br-nic', patch('br-nic', 'a2', 'other'), uplink('br-nic', 'eth1'));
    expect(of(bridge('br-ex', patch('br-ex', 'a1', 'a2')), oneWay)).toMatchObject({ known: '', cut: null });
  });
});
