/**
 * A kind of agent is one declaration: contracts (AGENTS) and its own folder in libs/node-agents, its app, its own libs. Nobody else names a kind, so that a new
 * one needs no list to be found and added to; and what a declaration promises is there.
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
/** Lines where such a word is something else. */
const OTHERWISE: readonly RegExp[] = [/vifType|binding_failed/];
const isAllowed = (file: string): boolean => file in ALLOWED || AGENT_KINDS.some((kind) => isOf(kind, file));
/** The agent's own code. */
const isOf = (kind: string, file: string): boolean =>
  [`apps/${kind}-agent/`, `libs/node-agents/src/${kind}/`, `libs/${kind}-core/`, `libs/${kind}-driver/`].some((start) =>
    file.startsWith(start),
  );

/** Sources of the product: no specs, no testing entries. */
function sources(folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return ['dist', 'node_modules', 'testing'].includes(entry.name) ? [] : sources(file);
    return /\.(ts|mjs|sh)$/.test(entry.name) && !/\.spec\.ts$/.test(entry.name) ? [file] : [];
  });
}

/** Lines that say which kind, or by which name of its: 'l3', "l3-agent", plumb-l3-agent, L3 agent in quotes. */
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
  it('the search finds what it is to find', () => {
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

  it('nobody else names a kind', () => {
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

  it('what may name kinds is there, and does', () => {
    for (const file of Object.keys(ALLOWED)) expect(read(file)).toMatch(new RegExp(`\\b(${AGENT_KINDS.join('|')})\\b`));
  });
});

describe.each(AGENT_KINDS)('what the declaration of %s promises', (kind) => {
  const { app, binary, healthPort } = agentOf(kind);

  it('its part on a node says the same kind, and its app runs it', () => {
    expect(NODE_AGENTS[kind].kind).toBe(kind);
    expect(read(`apps/${app}/src/main.ts`)).toContain(`'@plumbline/node-agents/${kind}'`);
  });

  it('its unit starts its program, and has its health port', () => {
    const unit = read(`packaging/systemd/${binary}.service`);
    expect(unit).toContain(`/opt/plumbline/apps/${app}/dist/main.js\n`);
    expect(unit).toContain(`\nEnvironment=PLUMB_HEALTH_PORT=${healthPort}\n`);
  });
});
