// Who may import whom (CONTRIBUTING.md, "Boundaries"), and what a pure project may not touch. test/boundaries plants violations.
import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

/** Project -> projects its sources may import. A project that is not here cannot be imported or linted: add it first. */
export const MAY_IMPORT = {
  contracts: [],
  topology: ['contracts'],
  domain: ['contracts', 'topology'],
  reconcile: [],
  exec: [],
  iptables: [],
  telemetry: [],
  identity: ['telemetry'],
  ovsdb: ['exec'],
  processes: ['exec', 'reconcile'],
  'event-store': ['contracts', 'topology'],
  messaging: ['contracts', 'telemetry'],
  'host-feeds': ['contracts', 'topology'],
  'agent-runtime': ['contracts', 'topology', 'reconcile', 'telemetry', 'messaging'],
  ledger: ['contracts', 'topology', 'domain', 'event-store', 'host-feeds', 'telemetry'],
  'l3-core': ['contracts', 'topology', 'reconcile', 'iptables', 'processes'],
  'ovs-core': ['contracts', 'topology', 'reconcile', 'iptables'],
  'l3-driver': ['l3-core', 'exec', 'ovsdb', 'processes'],
  'dhcp-core': ['contracts', 'topology', 'reconcile', 'l3-core', 'processes'],
  'dhcp-driver': ['dhcp-core', 'l3-core', 'l3-driver', 'exec', 'processes'],
  'metadata-core': ['contracts', 'topology', 'reconcile', 'l3-core', 'dhcp-core', 'processes'],
  'metadata-driver': ['contracts', 'metadata-core', 'messaging', 'exec', 'processes', 'telemetry'],
  'ovs-driver': ['ovs-core', 'iptables', 'exec', 'ovsdb'],
  reasons: ['contracts', 'topology', 'ovs-core'],
  'nats-logins': ['contracts', 'exec'],
  lab: ['contracts', 'event-store', 'exec', 'identity', 'ledger', 'nats-logins'],
  api: ['contracts', 'topology', 'domain', 'event-store', 'ledger', 'messaging', 'telemetry', 'identity', 'reasons'],
  'node-agents': [
    'contracts',
    'iptables',
    'topology',
    'l3-core',
    'l3-driver',
    'ovs-core',
    'ovs-driver',
    'dhcp-core',
    'dhcp-driver',
    'metadata-core',
    'metadata-driver',
    'exec',
    'ovsdb',
    'processes',
    'agent-runtime',
    'telemetry',
    'reasons',
  ],
  'l3-agent': ['node-agents', 'agent-runtime'],
  'dhcp-agent': ['node-agents', 'agent-runtime'],
  'metadata-agent': ['node-agents', 'agent-runtime'],
  'ovs-agent': ['node-agents', 'agent-runtime'],
  cli: [
    'contracts',
    'topology',
    'ledger',
    'event-store',
    'exec',
    'identity',
    'messaging',
    'ovsdb',
    'nats-logins',
    'lab',
    'node-agents',
    'agent-runtime',
    'reasons',
  ],
};
/** What specs and `testing` folders may import beside that. Together with MAY_IMPORT it has no cycle either (tools/import-cycles.mjs). */
export const SPECS_MAY_IMPORT = {
  messaging: ['topology'],
  'agent-runtime': ['host-feeds', 'processes'],
  api: ['agent-runtime', 'nats-logins'],
  'dhcp-driver': ['contracts', 'metadata-core', 'metadata-driver', 'telemetry'],
  'metadata-driver': ['topology', 'dhcp-core', 'l3-core', 'l3-driver'],
};
/** Functions from data to data: no clock, no randomness, no process, no I/O. Time and ids come in as arguments. */
export const PURE = [
  'contracts',
  'topology',
  'domain',
  'reconcile',
  'iptables',
  'l3-core',
  'ovs-core',
  'dhcp-core',
  'metadata-core',
  'reasons',
];

const IMPURE_GLOBALS = [
  'Date',
  'process',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'performance',
  'fetch',
  'Buffer',
];
/** A table of the schema, in a literal or between the values of a template. */
const TABLE_NAME = '/plumbline\\.[a-z_]+/';
const NO_TABLE_NAMES = [`Literal[value=${TABLE_NAME}]`, `TemplateElement[value.raw=${TABLE_NAME}]`].map((selector) => ({
  selector,
  message: 'Tables have their names from tables.ts: the same declarations are read from others, too.',
}));
const SPECS = ['**/*.spec.ts', '**/testing/**'];
const ENUMS = { selector: 'TSEnumDeclaration', message: 'Use a union of literals: data, not machinery.' };
/** `'field' in value` tells two types apart; with a name that somebody chose on its left it also finds what every object inherits. */
const IN = {
  selector: 'BinaryExpression[operator="in"]:not([left.type="Literal"])',
  message: 'Somebody may choose the name "toString": use a Map or Object.hasOwn.',
};
const HASH_FIELDS = { selector: 'PrivateIdentifier', message: 'Write `private`: one style of class everywhere.' };
const TESTING = {
  message: 'What is made for specs is for specs: sources import no `testing` entry and no test library.',
};
const FOR_SPECS_ALONE = {
  group: ['@plumbline/*/testing', '**/testing/**', 'fast-check', '@jest/globals', '@nestjs/testing'],
  ...TESTING,
};
/** What connects to the database or the broker, and the one source that may use it: what it opens answers by a deadline or is closed. */
const CONNECTIONS = [
  { name: 'pg', in: 'libs/event-store/src/postgres/connections.ts', use: 'openPool and openClient' },
  {
    name: 'typeorm',
    importNames: ['DataSource'],
    in: 'libs/event-store/src/postgres/data-source.ts',
    use: 'createDataSource',
  },
  { name: '@nestjs/microservices', importNames: ['ClientNats'], in: 'libs/messaging/src/nats.ts', use: 'NatsWire' },
  {
    name: '@nats-io/transport-node',
    importNames: ['connect', 'wsconnect'],
    in: 'libs/messaging/src/nats.ts',
    use: 'NatsWire',
  },
];
/** `file`: the source that the rule is for, where it may do what no other may. */
const restrictedImports = (file) => [
  'error',
  {
    paths: CONNECTIONS.filter((each) => each.in !== file).map(({ name, importNames, use }) => ({
      name,
      importNames,
      allowTypeImports: true,
      message: `Every call to the database and the broker has a deadline: connect with ${use}.`,
    })),
    patterns: [FOR_SPECS_ALONE],
  },
];
const NO_TESTING = { selector: 'ImportExpression[source.value=/testing/]', ...TESTING };
/** Each project may import itself and what this says of it. */
const mayImport = (importsOf) => [
  'error',
  {
    enforceBuildableLibDependency: false,
    allowCircularSelfDependency: true,
    banTransitiveDependencies: false,
    depConstraints: Object.keys(MAY_IMPORT).map((name) => ({
      sourceTag: `scope:${name}`,
      onlyDependOnLibsWithTags: [name, ...importsOf(name)].map((other) => `scope:${other}`),
    })),
  },
];
const globs = (names, files) => names.flatMap((name) => [`libs/${name}/src/${files}`, `apps/${name}/src/${files}`]);

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/out-tsc/**',
      '**/node_modules/**',
      '.plumb/**',
      '.nx/**',
      '**/*.js',
      '**/*.cjs',
      '**/*.d.ts',
    ],
  },
  {
    files: ['libs/*/src/**/*.ts', 'apps/*/src/**/*.ts', 'test/**/*.ts', 'tools/**/*.ts'],
    extends: [js.configs.recommended, ...tseslint.configs.recommended],
    rules: {
      'no-undef': 'off',
      'no-control-regex': 'off',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' },
      ],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      'no-restricted-syntax': ['error', ENUMS, HASH_FIELDS, IN],
    },
  },
  {
    files: ['libs/*/src/**/*.ts', 'apps/*/src/**/*.ts'],
    plugins: { '@nx': nx },
    rules: { '@nx/enforce-module-boundaries': mayImport((name) => MAY_IMPORT[name]) },
  },
  {
    files: ['libs/*/src/**/*.ts', 'apps/*/src/**/*.ts'],
    ignores: SPECS,
    rules: {
      // Not the rule without the prefix: that one says what pure projects may reach, and the later of two configurations of one rule is the only one.
      '@typescript-eslint/no-restricted-imports': restrictedImports(null),
      'no-restricted-syntax': ['error', ENUMS, HASH_FIELDS, IN, NO_TESTING],
    },
  },
  ...[...new Set(CONNECTIONS.map((each) => each.in))].map((file) => ({
    files: [file],
    rules: { '@typescript-eslint/no-restricted-imports': restrictedImports(file) },
  })),
  {
    files: ['{libs,apps}/*/src/**/*.spec.ts', '{libs,apps}/*/src/**/testing/**/*.ts'],
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': mayImport((name) => [...MAY_IMPORT[name], ...(SPECS_MAY_IMPORT[name] ?? [])]),
    },
  },
  {
    files: globs(PURE, '**/*.ts'),
    ignores: SPECS,
    rules: {
      'no-restricted-globals': [
        'error',
        ...IMPURE_GLOBALS.map((name) => ({ name, message: 'A pure project gets time, ids and effects as arguments.' })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Randomness comes in as an argument.' },
      ],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['node:*', '@nestjs/*', 'typeorm', 'pg', '@nats-io/*', 'execa'],
              message: 'A pure project reaches no machine.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['apps/api/src/neutron/**/*.ts'],
    ignores: SPECS,
    rules: { 'no-restricted-syntax': ['error', ENUMS, HASH_FIELDS, IN, NO_TESTING, ...NO_TABLE_NAMES] },
  },
  {
    // Ports are implemented elsewhere: the one place that starts processes is libs/exec (event-store's embedded PostgreSQL and the lab say why they differ).
    files: [
      'libs/*-driver/src/**/*.ts',
      'libs/node-agents/src/**/*.ts',
      'apps/*-agent/src/**/*.ts',
      'apps/api/src/**/*.ts',
    ],
    ignores: SPECS,
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: ['node:child_process', 'execa'].map((name) => ({
            name,
            message: 'Processes are started by @plumbline/exec.',
          })),
        },
      ],
    },
  },
);
