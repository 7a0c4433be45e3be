// One jest project a level of test (CONTRIBUTING.md, "Tests"). The file's suffix says what it needs.
const shared = {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['plumb-source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['/dist/', '/.plumb/'],
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
const level = (displayName, suffix, more = {}) => ({
  ...shared,
  displayName,
  testMatch: [`<rootDir>/{libs,apps}/*/src/**/*.${suffix}.spec.ts`, `<rootDir>/test/**/*.${suffix}.spec.ts`],
  ...more,
});
export default {
  projects: [
    level('unit', 'unit'),
    level('int', 'int'),
    level('node', 'node'),
    level('e2e', 'e2e'),
    level('chaos', 'chaos'),
  ],
  testTimeout: 60_000,
};
