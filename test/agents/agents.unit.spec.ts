/**
 * A kind of agent is declared once, in contracts (AGENTS). Besides that only its own folder in libs/node-agents, its app and its own libs name it, so that nobody who
 * adds a kind has to find a list to add it to. The files that the declaration names must exist.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { AGENT_KINDS, agentOf } from '@plumbline/contracts';
import { NODE_AGENTS } from '@plumbline/node-agents';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

/** Files that may name kinds, and why. */
const ALLOWED: Readonly<Record<string, string>> = {
  'libs/contracts/src/agents.ts': 'declares them',
  'libs/node-agents/src/index.ts': 'the registry; does not compile when one is missing',
  'libs/event-store/src/postgres/sql/tables.ts': 'the schema of the first release, which does not change any more',
};
/** Lines where such a word does not mean a kind of agent. */
const OTHERWISE: readonly RegExp[] = [/vifType|binding_failed/];
const isAllowed = (file: string): boolean =>
  Object.hasOwn(ALLOWED, file) || AGENT_KINDS.some((kind) => isOf(kind, file));
/** The agent's own code. */
const isOf = (kind: string, file: string): boolean =>
  [`apps/${kind}-agent/`, `libs/node-agents/src/${kind}/`, `libs/${kind}-core/`, `libs/${kind}-driver/`].some((start) =>
    file.startsWith(start),
  );

/** Sources of the product: no specs, no testing entries. */
function sources(folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = `${folder}/${entry.name}`;
    if (entry.isDirectory())
      return ['dist', 'out-tsc', 'node_modules', 'testing'].includes(entry.name) ? [] : sources(file);
    return /\.(ts|mjs|sh)$/.test(entry.name) && !/\.spec\.ts$/.test(entry.name) ? [file] : [];
  });
}

/** Lines that name a kind in one of its forms: 'l3', "l3-agent", plumb-l3-agent, L3 agent in quotes. */
function named(text: string): string[] {
  const names = AGENT_KINDS.flatMap((kind) => {
    const { app, binary, type, topic } = agentOf(kind);
    return [kind, app, binary, type, ...(topic === 'N/A' ? [] : [topic])];
  });
  const literal = new RegExp(`(['"\`])(${names.join('|')})\\1`);
  const inSql = new RegExp(`kind\\s*(=|<>|WHEN|IN)\\s*\\(?'(${AGENT_KINDS.join('|')})'`);
  return text.split('\n').filter((line) => !/^\s*(\/?\*|\/\/)/.test(line) && (literal.test(line) || inSql.test(line)));
}

describe('a kind of agent is declared once', () => {
  it('the search finds each form of a kind’s name', () => {
    const planted = [
      `const KINDS = ['l3'];`,
      `  WHERE a.kind = 'ovs'\``,
      `unit('plumb-l3-agent')`,
      `{ agent_type: 'L3 agent' }`,
    ];
    expect(named(planted.join('\n'))).toEqual(planted);
    expect(named(`// only 'l3' does\nconst driver = 'openvswitch';`)).toEqual([]);
    for (const kind of AGENT_KINDS) expect(sources('apps').some((file) => isOf(kind, file))).toBe(true);
  });

  it('no other source names a kind', () => {
    const found = ['apps', 'libs', 'docker', 'tools']
      .flatMap(sources)
      .concat('docker-compose.yml')
      .filter((file) => !isAllowed(file))
      .flatMap((file) =>
        named(read(file))
          .filter((line) => !OTHERWISE.some((word) => word.test(line)))
          .map((line) => `${file}: ${line.trim()}`),
      );
    expect(found).toEqual([]);
  });

  it('the files that may name kinds exist, and do', () => {
    for (const file of Object.keys(ALLOWED)) expect(read(file)).toMatch(new RegExp(`\\b(${AGENT_KINDS.join('|')})\\b`));
  });
});

describe.each(AGENT_KINDS)('what the declaration of %s promises', (kind) => {
  const { app, binary, capabilities, healthPort } = agentOf(kind);

  it('its part on a node says the same kind, and its app runs it', () => {
    expect(NODE_AGENTS[kind].kind).toBe(kind);
    expect(read(`apps/${app}/src/main.ts`)).toContain(`'@plumbline/node-agents/${kind}'`);
  });

  it('its unit starts its program, has its health port, and keeps the capabilities that it needs', () => {
    const unit = read(`packaging/systemd/${binary}.service`);
    expect(unit).toContain(`/opt/plumbline/apps/${app}/dist/main.js\n`);
    expect(unit).toContain(`\nEnvironment=PLUMB_HEALTH_PORT=${healthPort}\n`);
    const names = capabilities.map((each) => `CAP_${each.toUpperCase()}`);
    expect(unit).toContain(`\nCapabilityBoundingSet=${names.join(' ')}\n`);
  });
});
