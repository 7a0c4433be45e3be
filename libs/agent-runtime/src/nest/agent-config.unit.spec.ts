import { describe, expect, it } from '@jest/globals';
import { readAgentConfig } from './index.js';

describe('configuration of an agent', () => {
  it('needs a host and nothing else', () => {
    expect(readAgentConfig({ PLUMB_HOST: 'net1', PLUMB_TUNNEL_IP: '' })).toEqual({
      host: 'net1',
      nats: { url: 'nats://127.0.0.1:4222', login: { kind: 'none' }, caFile: undefined },
      stateDir: '/var/lib/plumbline',
      tunnelIp: null,
      bridgeMappings: {},
      datapathType: 'system',
      ovsdb: 'unix:/run/openvswitch/db.sock',
      health: null,
      resyncMs: 60_000,
      availabilityZone: 'nova',
      logLevel: 'info',
    });
  });

  it('reads what an operator writes', () => {
    const config = readAgentConfig({
      PLUMB_HOST: 'net1',
      PLUMB_BRIDGE_MAPPINGS: 'physnet1:br-ex, physnet2:br-dmz',
      NATS_URL: 'tls://a:4222,tls://b:4222',
      NATS_USER: 'net1',
      NATS_PASSWORD_FILE: '/run/secret',
      PLUMB_HEALTH_PORT: '9711',
      PLUMB_AVAILABILITY_ZONE: 'east',
    });
    expect(config.availabilityZone).toBe('east');
    expect(config.bridgeMappings).toEqual({ physnet1: 'br-ex', physnet2: 'br-dmz' });
    expect(config.nats.login).toEqual({ kind: 'password', user: 'net1', passwordFile: '/run/secret' });
    expect(config.health).toBe(9711);
  });

  it('says all that is wrong at once, with the variable named', () => {
    const wrong = {
      PLUMB_HOST: 'a.b',
      PLUMB_BRIDGE_MAPPINGS: 'physnet1',
      PLUMB_TUNNEL_IP: 'here',
      NATS_URL: 'http://x',
      PLUMB_OVSDB: '/run/db.sock',
      PLUMB_AVAILABILITY_ZONE: 'a zone',
    };
    for (const name of Object.keys(wrong)) expect(() => readAgentConfig(wrong)).toThrow(name);
    expect(() => readAgentConfig({ PLUMB_HOST: 'a', PLUMB_BRIDGE_MAPPINGS: 'p1:br-ex,p2:br-ex' })).toThrow(
      'a bridge of its own',
    );
    expect(() => readAgentConfig({})).toThrow('PLUMB_HOST: is not set');
    expect(() => readAgentConfig({ PLUMB_HOST: 'a', NATS_USER: 'x' })).toThrow('give both or none');
  });
});
