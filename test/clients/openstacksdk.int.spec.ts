/** Debian's python3-openstacksdk: what programs do with it (sdk_checks.py). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from '@plumbline/exec';
import { Cloud, LOGINS, PYTHON } from './cloud.js';

const PROGRAM = fileURLToPath(new URL('sdk_checks.py', import.meta.url));
const CHECKS = [...readFileSync(PROGRAM, 'utf8').matchAll(/^@check\('(.+)'\)$/gm)].map(([, title]) => title as string);

describe.each(LOGINS)('openstacksdk with auth=%s', (login) => {
  let cloud: Cloud;
  const failures = new Map<string, string | null>();
  beforeAll(async () => {
    cloud = await Cloud.start(login);
    const { stdout } = await run([PYTHON, PROGRAM], { env: cloud.environment, timeoutMs: 60_000 });
    for (const line of stdout.trim().split('\n')) {
      const { check, failure } = JSON.parse(line) as { check: string; failure: string | null };
      failures.set(check, failure);
    }
  });
  afterAll(() => cloud?.stop());

  it.each(CHECKS)('%s', (title) => {
    expect(failures.get(title)).toBe(null);
  });
});
