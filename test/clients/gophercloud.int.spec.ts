/** gophercloud, Debian's library package: a program on it, compiled here without any network, does scenario A and more (gophercloud/main.go). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '@plumbline/exec';
import { Cloud, LOGINS } from './cloud.js';

const SOURCE = fileURLToPath(new URL('gophercloud', import.meta.url));
const CHECKS = [...readFileSync(join(SOURCE, 'main.go'), 'utf8').matchAll(/^\t\{"(.+)", \w+\},$/gm)].map(
  ([, title]) => title as string,
);

let dir: string;
let program: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), `plumb-gophercloud-${process.pid}-`));
  program = join(dir, 'program');
  // Debian's Go libraries are in /usr/share/gocode, for builds without modules.
  const cache = process.env['PLUMB_TEST_GOCACHE'] ?? join(dir, 'cache');
  const env = { GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOCACHE: cache, CGO_ENABLED: '0' };
  const files = readdirSync(SOURCE).map((file) => join(SOURCE, file));
  await run(['go', 'build', '-o', program, ...files], { env, timeoutMs: 120_000 });
}, 120_000);
afterAll(() => rm(dir, { recursive: true, force: true }));

describe.each(LOGINS)('gophercloud with auth=%s', (login) => {
  let cloud: Cloud;
  const failures = new Map<string, string | null>();
  beforeAll(async () => {
    cloud = await Cloud.start(login);
    const { stdout } = await run([program], { env: cloud.variables, timeoutMs: 120_000 });
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
