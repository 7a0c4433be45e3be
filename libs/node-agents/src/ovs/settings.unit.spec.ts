import { describe, expect, it } from '@jest/globals';
import { readSettings } from '@plumbline/agent-runtime';
import { nodeFacts } from '../index.js';
import { ovsSettings } from './settings.js';

describe('settings of the OVS agent', () => {
  it('needs nothing', () => {
    expect(readSettings({ PLUMB_TUNNEL_IP: '' }, ovsSettings)).toEqual({
      PLUMB_OVSDB: 'unix:/run/openvswitch/db.sock',
      PLUMB_BRIDGE_MAPPINGS: {},
      PLUMB_DATAPATH_TYPE: 'system',
      PLUMB_FIREWALL: 'openflow',
      PLUMB_FOREIGN_PORTS: [],
      PLUMB_LOGGED_PACKETS_PER_SECOND: 100,
      PLUMB_LOGGED_PACKETS_BURST: 25,
    });
  });

  it('are what the agent says that its node is', () => {
    const environment = {
      PLUMB_TUNNEL_IP: '10.20.0.11',
      PLUMB_BRIDGE_MAPPINGS: 'physnet1:br-ex, physnet2:br-dmz',
      PLUMB_DATAPATH_TYPE: 'netdev',
    };
    expect(nodeFacts(environment)).toEqual({
      tunnelIp: '10.20.0.11',
      bridgeMappings: { physnet1: 'br-ex', physnet2: 'br-dmz' },
      datapathType: 'netdev',
    });
    expect(nodeFacts({})).toMatchObject({ tunnelIp: null, bridgeMappings: {} });
  });

  it('says all that is wrong at once, with the variable named', () => {
    const wrong = {
      PLUMB_BRIDGE_MAPPINGS: 'physnet1',
      PLUMB_TUNNEL_IP: 'here',
      PLUMB_OVSDB: '/run/db.sock',
      PLUMB_FOREIGN_PORTS: 'local',
    };
    for (const name of Object.keys(wrong)) expect(() => readSettings(wrong, ovsSettings)).toThrow(name);
    expect(() => nodeFacts({ PLUMB_BRIDGE_MAPPINGS: 'p1:br-ex,p2:br-ex' })).toThrow('a bridge of its own');
    expect(() => nodeFacts({ PLUMB_BRIDGE_MAPPINGS: 'p1:br-int' })).toThrow("a bridge of the agent's own");
  });
});
