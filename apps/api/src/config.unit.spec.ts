import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { BadConfig, leftOver, readConfig } from './config.js';

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

  it('takes what is empty as not set', () => {
    expect(
      readConfig({ DATABASE_URL, PLUMB_LISTEN: '', PLUMB_AUTH: '', PLUMB_QUOTAS: '', NATS_USER: '' }),
    ).toMatchObject({
      listen: { host: '127.0.0.1', port: 9696 },
      auth: { kind: 'none' },
      requestsPerSecond: 1000,
      requestSeconds: 30,
      quotas: { network: 100, subnetpool: -1, port: 500, security_group_rule: 100 },
      dhcpAgentsPerNetwork: 1,
      dnsDomain: 'openstacklocal.',
      publicUrl: undefined,
    });
    expect(problems({ DATABASE_URL: '' })).toEqual([expect.stringContaining('DATABASE_URL: is not set')]);
  });

  it('reads quotas, later ones over earlier ones', () => {
    const quotas = (text: string) => readConfig({ DATABASE_URL, PLUMB_QUOTAS: text }).quotas;
    expect(quotas('network=7, port=-1')).toMatchObject({ network: 7, port: -1, router: 10 });
    expect(Object.values(quotas('*=-1')).every((limit) => limit === -1)).toBe(true);
    expect(quotas('*=-1,router=3')).toMatchObject({ router: 3, network: -1 });
    expect(problems({ DATABASE_URL, PLUMB_QUOTAS: 'network=-2,server=4,port' })).toEqual([
      expect.stringContaining("'network=-2' is not resource=number"),
      expect.stringContaining("'server' has no quota"),
      expect.stringContaining("'port' is not resource=number"),
    ]);
  });

  it('reads trusted proxies', () => {
    expect(problems({ DATABASE_URL, PLUMB_TRUSTED_PROXIES: '10.0.0.0/8,proxy,0.0.0.0/0' })).toEqual([
      "PLUMB_TRUSTED_PROXIES: 'proxy' is not an address or prefix, for example 10.0.0.5 or 2001:db8::/64",
      "PLUMB_TRUSTED_PROXIES: '0.0.0.0/0' is everybody: name your proxies",
    ]);
    expect(readConfig({ DATABASE_URL }).trustedProxies).toEqual([]);
    expect(readConfig({ DATABASE_URL, PLUMB_TRUSTED_PROXIES: '10.1.2.3/8, ::1' }).trustedProxies).toEqual([
      '10.0.0.0/8',
      '::1/128',
    ]);
  });

  it('reads switches and names', () => {
    const config = {
      PLUMB_DNS_DOMAIN: 'lab.example',
      PLUMB_PUBLIC_URL: 'https://net.example/',
    };
    expect(readConfig({ DATABASE_URL, ...config, PLUMB_REQUESTS_PER_SECOND: '0' })).toMatchObject({
      dnsDomain: 'lab.example.',
      publicUrl: 'https://net.example',
      requestsPerSecond: 0,
    });
    expect(
      problems({
        DATABASE_URL,
        PLUMB_DNS_DOMAIN: '-x',
        PLUMB_PUBLIC_URL: 'net.example',
        PLUMB_REQUESTS_PER_SECOND: 'many',
      }),
    ).toHaveLength(3);
  });

  it('names settings of earlier releases that are set and change nothing', () => {
    for (const word of ['true', 'false', 'yes']) {
      const environment = { DATABASE_URL, PLUMB_UNENFORCED_SECURITY_GROUPS: word };
      expect(readConfig(environment)).toEqual(readConfig({ DATABASE_URL }));
      expect(leftOver(environment).map(({ setting }) => setting)).toEqual(['PLUMB_UNENFORCED_SECURITY_GROUPS']);
    }
    expect(leftOver({ DATABASE_URL, PLUMB_UNENFORCED_SECURITY_GROUPS: '' })).toEqual([]);
  });

  it('needs for each way to log in what that way needs', () => {
    expect(problems({ DATABASE_URL, PLUMB_AUTH: 'builtin' })).toEqual([
      'PLUMB_IDENTITY_FILE: is not set, and PLUMB_AUTH=builtin needs it',
      'PLUMB_TOKEN_KEY_FILE: is not set, and PLUMB_AUTH=builtin needs it',
    ]);
    const missing = { PLUMB_IDENTITY_FILE: '/nonexistent/users', PLUMB_TOKEN_KEY_FILE: '/nonexistent/key' };
    expect(problems({ DATABASE_URL, PLUMB_AUTH: 'builtin', ...missing })).toEqual([
      expect.stringMatching(/nonexistent\/users.*plumb user add/),
      expect.stringMatching(/nonexistent\/key.*plumb user add/),
    ]);
    expect(problems({ DATABASE_URL, PLUMB_AUTH: 'keystone', PLUMB_KEYSTONE_URL: 'keystone:5000' })).toEqual([
      expect.stringContaining("PLUMB_KEYSTONE_URL: is not Keystone's v3"),
    ]);
    expect(problems({ DATABASE_URL, PLUMB_AUTH: 'keystone' })).toHaveLength(4);
    const keystone = {
      PLUMB_AUTH: 'keystone',
      PLUMB_KEYSTONE_URL: 'http://keystone:5000/v3/',
      PLUMB_KEYSTONE_USER: 'neutron',
      PLUMB_KEYSTONE_PROJECT: 'service',
      PLUMB_KEYSTONE_PASSWORD_FILE: '/dev/null',
    };
    expect(readConfig({ DATABASE_URL, ...keystone, PLUMB_LISTEN: '0.0.0.0:9696' }).auth).toMatchObject({
      kind: 'keystone',
      url: 'http://keystone:5000/v3',
      userDomain: 'Default',
      cacheSeconds: 60,
    });
  });

  it('tells Nova only where it is said which, and by whom', () => {
    const folder = mkdtempSync(join(tmpdir(), 'plumb-config-'));
    const file = (text: string): string => {
      const name = join(folder, 'nova.rc');
      writeFileSync(name, text);
      return name;
    };
    const login = [
      'OS_AUTH_URL=http://keystone:5000/v3',
      'export OS_USERNAME=neutron',
      "OS_PASSWORD='a$b c'",
      'OS_PROJECT_NAME="service"',
    ];
    const nova = (url: string, text: string) => ({
      DATABASE_URL,
      PLUMB_NOVA_URL: url,
      PLUMB_NOVA_CREDENTIALS_FILE: file(text),
    });
    try {
      expect(readConfig({ DATABASE_URL }).nova).toBeNull();
      const said = nova('http://nova:8774/v2.1/', login.join('\n'));
      expect(readConfig(said).nova).toEqual({
        url: 'http://nova:8774/v2.1',
        credentialsFile: said.PLUMB_NOVA_CREDENTIALS_FILE,
      });
      expect(problems({ DATABASE_URL, PLUMB_NOVA_URL: 'http://nova:8774/v2.1' })[0]).toContain('give both or none');
      expect(problems(nova('http://nova:8774', login.join('\n')))[0]).toContain('for example http://nova:8774/v2.1');
      expect(problems(nova('http://nova/v2.1', login.slice(0, 3).join('\n')))[0]).toContain('OS_PROJECT_NAME is not');
      expect(problems(nova('http://nova/v2.1', login.slice(1).join('\n')))[0]).toContain(
        'OS_AUTH_URL is not set in it',
      );
      expect(problems(nova('http://nova/v2.1', `${login.join('\n')}\nOS_PASSWORD="a$b"`))[0]).toContain(
        'single quotes',
      );
      expect(problems({ ...said, PLUMB_NOVA_CREDENTIALS_FILE: join(folder, 'none') })[0]).toContain('ENOENT');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
