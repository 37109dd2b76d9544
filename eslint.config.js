// Lint: typescript-eslint's strictest checks, the house rules, and the layers of scripts/layers.ts.
import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { IMPURE_GLOBALS, layerBlocks, ROOMS, vendorBlocks } from './scripts/layers.ts';

const HOUSE_SYNTAX = [
  { selector: 'ExportDefaultDeclaration', message: 'export it by name' },
  { selector: 'ExportAllDeclaration', message: 'no barrel files: import from where it is' },
  {
    selector: 'TSAsExpression > TSAsExpression[typeAnnotation.type="TSUnknownKeyword"]',
    message: 'do not cast by way of unknown: check the value',
  },
];

const PURE_SYNTAX = [
  { selector: 'ImportExpression', message: 'a pure room imports nothing at run time' },
  {
    selector:
      'MemberExpression[object.name="Date"][property.name="now"], NewExpression[callee.name="Date"][arguments.length=0]',
    message: 'time comes in by the Clock port',
  },
  {
    selector: 'MemberExpression[object.name="Math"][property.name="random"]',
    message: 'randomness comes in as an argument',
  },
];

const pureFiles = ROOMS.filter((room) => room.pure).map((room) => `src/${room.folder}/**/*.ts`);

export default defineConfig(
  { ignores: ['**/node_modules/', 'dist/', 'test/golden/'] },
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      'no-restricted-syntax': ['error', ...HOUSE_SYNTAX],
      // Express tells an error handler from others by its four parameters, used or not.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      eqeqeq: 'error',
    },
  },
  { files: ['src/**'], ignores: ['src/cli/**'], rules: { 'no-console': 'error' } },
  {
    files: pureFiles,
    rules: {
      'no-restricted-globals': ['error', ...IMPURE_GLOBALS],
      'no-restricted-syntax': ['error', ...HOUSE_SYNTAX, ...PURE_SYNTAX],
    },
  },
  ...layerBlocks().map(({ files, patterns }) => ({
    files: [...files],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
  })),
  // A second rule of the same kind, so that the two tables need not be multiplied with each other.
  ...vendorBlocks().map(({ files, patterns }) => ({
    files: [...files],
    rules: { 'no-restricted-imports': ['error', { patterns }] },
  })),
  {
    files: ['test/**', 'packages/*/test/**'],
    rules: {
      // node:test runs what it is given; the promise is for those who nest tests by hand.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            {
              from: 'package',
              package: 'node:test',
              name: ['after', 'afterEach', 'before', 'beforeEach', 'describe', 'it', 'suite', 'test'],
            },
          ],
        },
      ],
    },
  },
  {
    // Plain JavaScript runs before anything is installed or built, and is in no TypeScript project.
    files: ['**/*.{js,mjs}'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: {
      globals: Object.fromEntries(Object.getOwnPropertyNames(globalThis).map((name) => [name, 'readonly'])),
    },
  },
  // ESLint and node:test ask for a default export.
  { files: ['eslint.config.js', 'scripts/count-reporter.mjs'], rules: { 'no-restricted-syntax': 'off' } },
);
