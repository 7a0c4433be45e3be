/**
 * Plants kinds and events whose declaration lacks a part, and expects a compiler error that names the part: a kind is declared once, and an incomplete declaration
 * does not compile (docs/how-to/add-a-resource.md).
 */
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

const root = new URL('../..', import.meta.url).pathname;
const OBJECTS = 'libs/contracts/src/objects.ts';
const EVENTS = 'libs/contracts/src/events.ts';
const TABLE = 'libs/topology/src/kinds/index.ts';
const EVOLVE = 'libs/topology/src/evolve.ts';

const { config } = ts.readConfigFile(`${root}tsconfig.base.json`, ts.sys.readFile);
const { options } = ts.convertCompilerOptionsFromJson(
  { ...config.compilerOptions, composite: false, noEmit: true, rootDir: undefined, outDir: undefined },
  root,
);
const sources = new Map<string, ts.SourceFile | undefined>();

type Edit = readonly [file: string, old: string, now: string];
type Said = (file: string) => string;

/** The compiler's errors by file after these edits. */
function compile(...edits: readonly Edit[]): Said {
  const edited = new Map<string, string>();
  for (const [name, old, now] of edits) {
    const text = edited.get(root + name) ?? ts.sys.readFile(root + name) ?? '';
    if (!text.includes(old)) throw new Error(`${name} does not hold what is to be edited: ${old}`);
    edited.set(root + name, text.replace(old, now));
  }
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, version, ...rest) => {
    const text = edited.get(name);
    if (text !== undefined) return ts.createSourceFile(name, text, version);
    if (!sources.has(name)) sources.set(name, read(name, version, ...rest));
    return sources.get(name);
  };
  const program = ts.createProgram([`${root}libs/topology/src/index.ts`], options, host);
  return (file) =>
    program
      .getSemanticDiagnostics(program.getSourceFile(root + file))
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
      .join('\n');
}

/** Each part of a declaration, and a kind whose declaration has it on one line. */
const PARTS = [
  ['stream', 'router', "  stream: 'own',\n"],
  ['claims', 'quota', '  claims: NO_CLAIMS,\n'],
  ['relations', 'node', '  relations: {},\n'],
  ['terms', 'placement', '  terms: NO_TERMS,\n'],
  ['scope', 'subnet', "  scope: [['network', 'placement', 'host']],\n"],
  ['access', 'floating-ip', '  access: {},\n'],
  ['table', 'address-scope', "  table: 'address_scopes',\n"],
] as const;
const fileOf = (kind: string) => `libs/topology/src/kinds/${kind}.ts`;

describe('a kind', () => {
  it('compiles as it stands', () => {
    const said = compile();
    for (const file of [TABLE, EVENTS, EVOLVE]) expect(said(file)).toBe('');
  });

  it('that is not declared does not compile', () => {
    const said = compile(
      [
        OBJECTS,
        'export const AnyObject = z.discriminatedUnion',
        "export const Widget = z.object({ kind: z.literal('widget'), ...common });\nexport const AnyObject = z.discriminatedUnion",
      ],
      [OBJECTS, '  Placement,\n  Node,\n]', '  Placement,\n  Node,\n  Widget,\n]'],
    );
    expect(said(TABLE)).toContain("Property 'widget' is missing");
  });

  it('without a part of its declaration does not compile', () => {
    const said = compile(...PARTS.map(([, kind, line]): Edit => [fileOf(kind), line, '']));
    for (const [part, kind] of PARTS)
      expect([kind, said(fileOf(kind))]).toEqual([kind, expect.stringContaining(`Property '${part}' is missing`)]);
  });
});

describe('an event', () => {
  it('that does not name its object or the stream, or that means nothing, does not compile', () => {
    const said = compile(
      [EVENTS, "ofNetwork('NetworkDeleted', { networkId: Id })", "ofNetwork('NetworkDeleted', {})"],
      [
        EVENTS,
        "ofSubnet('SubnetDeleted', { subnetId: Id, networkId: Id })",
        "ofSubnet('SubnetDeleted', { subnetId: Id })",
      ],
      [EVENTS, "changesOf('quota', ", "changesOf('qouta', "],
      [
        EVENTS,
        'export const EVENTS = {',
        "export const NodeRested = ofNode('NodeRested', { host: HostName });\nexport const EVENTS = {\n  NodeRested,",
      ],
    );
    expect(said(EVENTS)).toContain("Property 'networkId' is missing");
    expect(said(EVENTS)).toContain('"qouta"');
    expect(said(fileOf('subnet'))).toContain("Property 'networkId' does not exist");
    expect(said(EVOLVE)).toContain("'never'");
  });
});
