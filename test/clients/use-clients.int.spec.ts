/** docs/how-to/use-clients.md, block by block, with the address of the test's own API put in. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, type RunResult } from '@plumbline/exec';
import { ApiProcess } from '../api/api-process.js';
import { ObservedNode } from '../api/observed.js';
import { LOGINS, PYTHON, type Login } from './cloud.js';

const projectDir = fileURLToPath(new URL('../..', import.meta.url));
const PLUMB = `${process.execPath} ${join(projectDir, 'apps/cli/dist/main.js')}`;
const ADDRESS = 'http://127.0.0.1:9696';
const PASSWORD = 'a password of hers';
const TIMEOUT_MS = 120_000;
/** Go's build cache, shared with other specs so that Go's own library is compiled once. */
const { PLUMB_TEST_GOCACHE } = process.env;
const goCache = PLUMB_TEST_GOCACHE === undefined ? {} : { GOCACHE: PLUMB_TEST_GOCACHE };

type Block = Readonly<{ language: string; login: string; kind: string; text: string }>;
const PAGE = readFileSync(join(projectDir, 'docs/how-to/use-clients.md'), 'utf8');
const BLOCKS: readonly Block[] = [...PAGE.matchAll(/^```(\w+) (\w+)(?: (\w+))?\n([^]*?)^```$/gm)].map(
  ([, language = '', login = '', kind = '', text = '']) => ({ language, login, kind, text }),
);
const blocksOf = (login: Login) => BLOCKS.filter((block) => block.login === login || block.login === 'both');
const textOf = (login: Login, language: string, kind = ''): string => {
  const found = blocksOf(login).filter((block) => block.language === language && block.kind === kind);
  if (found.length !== 1) throw new Error(`${found.length} blocks of ${language} ${login} ${kind}`);
  return found[0]?.text ?? '';
};

describe('the page', () => {
  it('says of every block where it is typed', () => {
    expect(PAGE.match(/^```\w+.*$/gm)).toHaveLength(BLOCKS.length);
    for (const { login } of BLOCKS) expect(['none', 'builtin', 'both', 'packages']).toContain(login);
  });

  it('names packages that the tests install', () => {
    const installed = readFileSync(join(projectDir, 'tools/setup/packages.mjs'), 'utf8');
    const lines =
      BLOCKS.find(({ login }) => login === 'packages')
        ?.text.trim()
        .split('\n') ?? [];
    for (const name of lines.flatMap((line) => line.replace('apt-get install --no-install-recommends ', '').split(' ')))
      expect(installed).toContain(`name: '${name}'`);
  });
});

describe.each(LOGINS)('the page with auth=%s', (login) => {
  let home: string;
  let api: ApiProcess;
  let node: ObservedNode;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), `plumb-clients-${process.pid}-`));
    const printed = login === 'builtin' ? (await shell(textOf(login, 'sh', 'user'), `${PASSWORD}\n`)).stdout : '';
    api = await ApiProcess.start(
      Object.fromEntries([...printed.matchAll(/^(PLUMB_\w+)=(.+)$/gm)].map(([, ...pair]) => pair)),
    );
    node = await ObservedNode.start(api, 'net1');
    node.keepAlive();
    await mkdir(join(home, '.config/openstack'), { recursive: true });
    await writeFile(join(home, '.config/openstack/clouds.yaml'), here(textOf(login, 'yaml')));
    await writeFile(join(home, 'main.go'), here(textOf(login, 'go')));
  }, TIMEOUT_MS);
  afterAll(async () => {
    await node?.stop();
    await api?.stop();
    await rm(home, { recursive: true, force: true });
  });

  const here = (text: string) => text.replaceAll(ADDRESS, api.url);
  /** Runs a block in a new shell; the home folder contains only what the page put there. */
  const shell = (text: string, stdin = ''): Promise<RunResult> =>
    run(['sh', '-euc', `plumb() { ${PLUMB} "$@"; }\ncd ~\n${text}`], {
      env: { HOME: home, PLUMB_IDENTITY_FILE: join(home, 'identity.json'), ...goCache },
      stdin,
      timeoutMs: TIMEOUT_MS,
    });

  const typed = blocksOf(login).filter(({ language, kind }) => language === 'sh' && kind === '');
  it.each(typed.map(({ text }) => [text.trim().split('\n').at(-1), text] as const))(
    '... %s',
    async (_, text) => {
      const variables = text.includes('go run') && login === 'builtin' ? textOf(login, 'sh', 'variables') : '';
      const { stdout } = await shell(here(`${variables}${text}`));
      if (text.includes('go run')) expect(stdout).toBe('inside ACTIVE\n');
    },
    TIMEOUT_MS,
  );

  it('... the program on openstacksdk', async () => {
    // It reads a clouds.yaml of the folder it is in before the home folder's.
    const { stdout } = await run(['env', '-C', home, PYTHON, '-c', textOf(login, 'python')], { env: { HOME: home } });
    expect(stdout.trim().split('\n')).toHaveLength(2);
    expect(stdout).toMatch(/^fa:16:3e:[0-9a-f:]+ \['10\.0\.0\.1'\] network:router_interface$/m);
  });

  it('... the program on fog', async () => {
    const { stdout } = await run(['/usr/bin/ruby', '-e', here(textOf(login, 'ruby'))], { env: { HOME: home } });
    expect(stdout).toBe('inside ACTIVE\n');
  });

  if (login === 'builtin')
    it('... the create that is sent again', async () => {
      const twice = textOf(login, 'sh', 'again').replace('create || create', 'create; echo; create');
      const [first, second] = (await shell(here(twice))).stdout.trim().split('\n');
      expect(JSON.parse(first ?? '')).toMatchObject({ network: { name: 'web' } });
      expect(second).toBe(first);
    });

  it('left the objects that it says', async () => {
    const { stdout } = await shell('openstack --os-cloud plumbline floating ip list -f json');
    expect(JSON.parse(stdout)).toEqual([
      expect.objectContaining({
        'Floating IP Address': expect.stringMatching(/^203\.0\.113\./),
        Port: expect.any(String),
      }),
    ]);
    const quota = await shell('neutron --os-cloud plumbline quota-show -f json');
    expect(JSON.parse(quota.stdout)).toMatchObject({ network: 200 });
  });
});
