import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { readAgentConfig } from './index.js';

const settings = { PLUMB_GREETING: z.string().min(3).default('hello') };

describe('configuration of an agent', () => {
  it('needs a host and nothing else', () => {
    expect(readAgentConfig({ PLUMB_HOST: 'net1', PLUMB_HEALTH_PORT: '' }, settings)).toEqual({
      host: 'net1',
      nats: { url: 'nats://127.0.0.1:4222', login: { kind: 'none' }, caFile: undefined },
      stateDir: '/var/lib/plumbline',
      health: null,
      resyncMs: null,
      availabilityZone: 'nova',
      logLevel: 'info',
      settings: { PLUMB_GREETING: 'hello' },
    });
  });

  it('reads what an operator writes', () => {
    const config = readAgentConfig(
      {
        PLUMB_HOST: 'net1',
        PLUMB_GREETING: 'good day',
        NATS_URL: 'tls://a:4222,tls://b:4222',
        NATS_USER: 'net1',
        NATS_PASSWORD_FILE: '/run/secret',
        PLUMB_HEALTH_PORT: '9711',
        PLUMB_AVAILABILITY_ZONE: 'east',
        PLUMB_RESYNC_SECONDS: '30',
      },
      settings,
    );
    expect([config.availabilityZone, config.resyncMs]).toEqual(['east', 30_000]);
    expect(config.settings).toEqual({ PLUMB_GREETING: 'good day' });
    expect(config.nats.login).toEqual({ kind: 'password', user: 'net1', passwordFile: '/run/secret' });
    expect(config.health).toBe(9711);
  });

  it('names every faulty variable at once: those that every agent reads, and those of its kind', () => {
    const wrong = { PLUMB_HOST: 'a..b', NATS_URL: 'http://x', PLUMB_AVAILABILITY_ZONE: 'a zone', PLUMB_GREETING: 'x' };
    for (const name of Object.keys(wrong)) expect(() => readAgentConfig(wrong, settings)).toThrow(name);
    expect(() => readAgentConfig({}, settings)).toThrow('PLUMB_HOST: is not set');
    expect(() => readAgentConfig({ PLUMB_HOST: 'a', NATS_USER: 'x' }, settings)).toThrow('give both or none');
  });
});
