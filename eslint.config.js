// Lint: typescript-eslint's strictest checks and the house rules. Who may import whom is for dependency-cruiser (.dependency-cruiser.js).
import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { IMPURE_GLOBALS, ROOMS } from './scripts/rooms.ts';

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

// What the wiring may ask: whether something is configured (a name, a member, `undefined`), and of which kind it is.
const KIND = '/^(kind|backend)$/';
const OF_KIND = ['name', 'property.name', 'expression.property.name']
  .map((path) => `[left.${path}=${KIND}]`)
  .join(', ');
const IS_SET_OR_KIND = `BinaryExpression[operator=/^[!=]==$/]:matches([right.name="undefined"], ${OF_KIND})`;
const COMPARES = 'BinaryExpression[operator=/^([!=]==?|[<>]=?|in|instanceof)$/]';
const NAMED = ['Identifier', 'MemberExpression'].map((type) => `[argument.type="${type}"]`).join(', ');
const ASKS = [
  ...['Identifier', 'MemberExpression', 'ChainExpression', 'LogicalExpression', IS_SET_OR_KIND],
  `UnaryExpression[operator="!"]:matches(${NAMED})`,
].join(', ');
const BRANCHES = ':matches(IfStatement, ConditionalExpression)';
const NO_DECISION =
  'the wiring asks only for a kind or whether something is configured: other decisions stand in a room';

const WIRING_SYNTAX = [
  { selector: 'ThrowStatement', message: 'the wiring throws nothing: a room does' },
  { selector: 'ImportSpecifier[imported.name="PsiError"]', message: 'the wiring makes no errors: a room does' },
  {
    selector: ':matches(ForStatement, ForInStatement, ForOfStatement, WhileStatement, DoWhileStatement)',
    message: 'the wiring has no loops: a room does',
  },
  {
    selector: `SwitchStatement:not([discriminant.name=${KIND}], [discriminant.property.name=${KIND}])`,
    message: NO_DECISION,
  },
  { selector: `${COMPARES}:not(${IS_SET_OR_KIND})`, message: NO_DECISION },
  { selector: `${BRANCHES} > .test:not(${ASKS}, ${COMPARES})`, message: NO_DECISION },
  // In `a && b` and `a ?? b` the first is asked; the second is asked too where the whole is.
  { selector: `LogicalExpression > .left:not(${ASKS}, ${COMPARES})`, message: NO_DECISION },
  { selector: `${BRANCHES} > LogicalExpression.test > .right:not(${ASKS}, ${COMPARES})`, message: NO_DECISION },
  { selector: `LogicalExpression > LogicalExpression.left > .right:not(${ASKS}, ${COMPARES})`, message: NO_DECISION },
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
      // `import { type x }` still loads the file; dependency-cruiser takes it for an import of types.
      '@typescript-eslint/no-import-type-side-effects': 'error',
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
  { files: ['src/wiring/**'], rules: { 'no-restricted-syntax': ['error', ...HOUSE_SYNTAX, ...WIRING_SYNTAX] } },
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
    files: ['**/*.{js,mjs,cjs}'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: {
      globals: Object.fromEntries(Object.getOwnPropertyNames(globalThis).map((name) => [name, 'readonly'])),
    },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: { sourceType: 'commonjs' },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  // ESLint, dependency-cruiser and node:test ask for a default export.
  {
    files: ['eslint.config.js', '.dependency-cruiser.js', 'scripts/count-reporter.mjs'],
    rules: { 'no-restricted-syntax': 'off' },
  },
);
