/** fog, Debian's ruby-fog-openstack: what programs do with it (fog.rb). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from '@plumbline/exec';
import { Cloud, LOGINS } from './cloud.js';

const PROGRAM = fileURLToPath(new URL('fog.rb', import.meta.url));
const CHECKS = [...readFileSync(PROGRAM, 'utf8').matchAll(/^check\('(.+)'\)/gm)].map(([, title]) => title as string);
const ONLY_WITH_LOGIN = ['logs in again when its token is refused'];

describe.each(LOGINS)('fog with auth=%s', (login) => {
  let cloud: Cloud;
  const failures = new Map<string, string | null>();
  beforeAll(async () => {
    cloud = await Cloud.start(login);
    const { stdout } = await run(['/usr/bin/ruby', PROGRAM], { env: cloud.variables, timeoutMs: 60_000 });
    for (const line of stdout.trim().split('\n')) {
      const { check, failure } = JSON.parse(line) as { check: string; failure: string | null };
      failures.set(check, failure);
    }
  });
  afterAll(() => cloud?.stop());

  it.each(CHECKS.filter((title) => login === 'builtin' || !ONLY_WITH_LOGIN.includes(title)))('%s', (title) => {
    expect(failures.get(title)).toBe(null);
  });
});
