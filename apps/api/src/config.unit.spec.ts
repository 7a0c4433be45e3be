import { describe, expect, it } from '@jest/globals';
import { BadConfig, readConfig } from './config.js';

const DATABASE_URL = 'postgresql://plumb@127.0.0.1/plumb';

function problems(environment: Record<string, string>): readonly string[] {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof BadConfig) return error.problems;
    throw error;
  }
  return [];
}

describe('configuration', () => {
  it('needs a database and nothing else', () => {
    expect(readConfig({ DATABASE_URL })).toMatchObject({
      listen: { host: '127.0.0.1', port: 9696 },
      nats: { url: 'nats://127.0.0.1:4222', login: { kind: 'none' }, caFile: undefined },
      segments: { vlanRanges: [] },
    });
    expect(problems({})).toEqual([expect.stringContaining('DATABASE_URL: is not set')]);
  });

  it('refuses to listen beyond loopback when everybody is the administrator', () => {
    for (const host of ['0.0.0.0', '10.0.0.1', '[::]'])
      expect(problems({ DATABASE_URL, PLUMB_LISTEN: `${host}:9696` })).toEqual([
        expect.stringContaining('is not a loopback address'),
      ]);
    for (const host of ['127.0.0.1', '127.9.9.9', '[::1]', 'localhost'])
      expect(problems({ DATABASE_URL, PLUMB_LISTEN: `${host}:9696` })).toEqual([]);
  });

  it('reads VLAN ranges', () => {
    const { segments } = readConfig({ DATABASE_URL, PLUMB_VLAN_RANGES: 'physnet1:100:199,physnet2:7:7' });
    expect(segments.vlanRanges).toEqual([
      { physicalNetwork: 'physnet1', first: 100, last: 199 },
      { physicalNetwork: 'physnet2', first: 7, last: 7 },
    ]);
    expect(problems({ DATABASE_URL, PLUMB_VLAN_RANGES: 'physnet1:9:5' })[0]).toContain('physical-network:first:last');
  });

  it('says everything that is wrong at once', () => {
    expect(
      problems({ DATABASE_URL: 'mysql://x', PLUMB_LISTEN: 'here', PLUMB_AUTH: 'basic', PLUMB_LOG_LEVEL: 'loud' }),
    ).toHaveLength(4);
    expect(problems({ DATABASE_URL, NATS_USER: 'api' })[0]).toContain('give both or none');
    expect(problems({ DATABASE_URL, NATS_NKEY_FILE: '/nonexistent/seed' })[0]).toContain('cannot be read');
  });
});
