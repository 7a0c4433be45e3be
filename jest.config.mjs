import { effort } from './tools/jest/effort.mjs';

// Where Debian has system tools; the PATH of a shell that is not a login shell of root lacks these folders.
process.env.PATH = [process.env.PATH, '/usr/local/sbin', '/usr/sbin', '/sbin'].join(':');

// One jest project a level of test (CONTRIBUTING.md, "Tests"). The file's suffix says what it needs.
const shared = {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['plumb-source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^fast-check$': '<rootDir>/tools/jest/fast-check.mjs',
  },
  modulePathIgnorePatterns: ['/dist/', '/out-tsc/', '/.plumb/'],
  setupFiles: ['<rootDir>/tools/jest/signals.mjs'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
          target: 'es2022',
        },
        module: { type: 'es6' },
      },
    ],
  },
};
/** The one spec that this jest is for (tools/setup/tests.mjs runs some levels so); none: all of them. */
const only = process.env.PLUMB_TEST_FILE;
const all = (suffix) => [`<rootDir>/{libs,apps}/*/src/**/*.${suffix}.spec.ts`, `<rootDir>/test/**/*.${suffix}.spec.ts`];
const level = (displayName, more = {}) => ({
  ...shared,
  ...more,
  displayName,
  testMatch: only === undefined ? all(displayName) : [`<rootDir>/${only}`],
});
/** What integration specs share: made once a run. */
const once = {
  globalSetup: '<rootDir>/tools/jest/int-setup.mjs',
  globalTeardown: '<rootDir>/tools/jest/int-end.mjs',
};
export default {
  projects: [level('unit'), level('int', once), level('node'), level('e2e'), level('chaos')],
  // Far beyond what any needs: it ends what hangs, and says nothing about a slow machine.
  testTimeout: 180_000 * effort,
};
