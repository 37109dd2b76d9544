// What the command line makes of imports from this host: what it asks for, prints and exits with.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { QuadletFlags } from '../../../src/cli/commands/host-import.ts';
import type { InfisicalTools } from '../../../src/cli/infisical-tools.ts';
import { run } from '../../../src/cli/run.ts';
import { defaultConfig } from '../../../src/config/load.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import type { PodmanFound, PodmanSelection } from '../../../src/transfer/import/podman.ts';
import type { QuadletReport } from '../../../src/transfer/import/quadlet.ts';
import type { ImportReport } from '../../../src/transfer/import/report.ts';
import { fakeComposition } from '../../fakes/composition.fake.ts';
import { WORDS } from '../../fakes/provider.fake.ts';
import { fakeTerminal, type FakeTerminal } from '../../fakes/terminal.fake.ts';

let printed: FakeTerminal;
let out: string[];
let errors: string[];
let closed: number;
let selections: PodmanSelection[];
let quadlets: QuadletFlags[];
let found: PodmanFound;
let report: QuadletReport;

const IMPORTED: ImportReport = {
  project: 'main',
  path: '/app',
  conflict: 'fail',
  dryRun: false,
  results: [{ key: 'A', from: 'x:1', outcome: 'created', reason: null, hint: null, notes: [] }],
  failure: null,
  exit: 0,
};

beforeEach(() => {
  printed = fakeTerminal();
  ({ out, errors } = printed);
  [selections, quadlets, closed] = [[], [], 0];
  found = { entries: [{ key: 'A', value: SecretValue.fromText('v'), from: 'x' }], refused: [], leftOut: [] };
  report = { ...IMPORTED, notes: [], edits: [], editFailure: null, next: null };
});

function psi(...argv: readonly string[]): Promise<number> {
  const { terminal } = printed;
  const unused = (): never => assert.fail('this is not asked for here');
  const tools: InfisicalTools = {
    words: WORDS,
    read: unused,
    nothingSeen: unused,
    writeFile: unused,
    importSecrets: () => Promise.resolve(IMPORTED),
    close: () => {
      closed += 1;
    },
  };
  const composition = fakeComposition({
    infisicalTools: () => Promise.resolve(tools),
    readPodmanSecrets: (_config, selection) => {
      selections.push(selection);
      return Promise.resolve(found);
    },
    importQuadlet: (_config, _tools, flags) => {
      quadlets.push(flags);
      return Promise.resolve(report);
    },
  });
  return run(['infisical', 'import', ...argv, '--project', 'main', '--path', '/app'], {
    terminal,
    version: '1',
    loadConfig: () => Promise.resolve(defaultConfig({ env: {}, uid: 0 })),
    defaultConfig: () => defaultConfig({ env: {}, uid: 0 }),
    lastGoodConfig: () => Promise.resolve(undefined),
    formatIssues: () => Promise.resolve([]),
    compose: () => Promise.resolve(composition),
  });
}

test('podman-secret: names and keys may be repeated', async () => {
  assert.equal(await psi('podman-secret', '--name', 'a', '--name', 'b', '--key', 'a=A', '--key', 'b=B=C'), 0);
  assert.deepEqual(selections, [
    {
      names: ['a', 'b'],
      keys: new Map([
        ['a', 'A'],
        ['b', 'B=C'],
      ]),
    },
  ]);
  assert.match(out.join('\n'), /created A \(x:1\)/);
  assert.equal(closed, 1);
});

test('podman-secret: says which secrets it leaves to psi', async () => {
  found = { ...found, leftOut: ['app--TOKEN'] };
  await psi('podman-secret', '--all');
  assert.deepEqual(selections[0]?.names, undefined);
  assert.match(errors.join('\n'), /note: app--TOKEN is left out/);
});

test('podman-secret: says it in one line, with their number, or with the names that were asked for', async () => {
  found = { ...found, leftOut: ['app--TOKEN', 'app--KEY', 'web--KEY'] };
  await psi('podman-secret', '--all');
  const notes = errors.join('\n').match(/note: .* left out.*/g);
  assert.deepEqual(notes, ["note: 3 secrets are left out: psi registered them, their values are infisical's"]);
  errors.splice(0);
  await psi('podman-secret', '--name', 'app--TOKEN', '--name', 'app--KEY', '--name', 'web--KEY');
  assert.match(errors.join('\n'), /^note: app--TOKEN, app--KEY, web--KEY are left out: /m);
});

for (const argv of [
  [],
  ['--all', '--name', 'a'],
  ['--name', 'a', '--key', 'nothing'],
  ['--name', 'a', '--key', 'x='],
]) {
  test(`podman-secret: a usage error for ${argv.join(' ') || 'no selection'}`, async () => {
    assert.equal(await psi('podman-secret', ...argv), 64);
    assert.deepEqual(selections, []);
  });
}

test('quadlet: hands its flags on', async () => {
  assert.equal(await psi('quadlet', 'app.container', '--resolve-secrets', '--rewrite', '--conflict', 'skip'), 0);
  const [flags] = quadlets;
  assert.deepEqual(
    [flags?.file, flags?.path, flags?.resolveSecrets, flags?.rewrite, flags?.conflict, flags?.environment],
    ['app.container', '/app', true, true, 'skip', undefined],
  );
  assert.equal(closed, 1);
});

test('quadlet: says what went, what is left to do, and that the backup holds values', async () => {
  const edit = { path: '/q/app.container', removed: ['/q/app.container:2 Environment= A'] };
  report = {
    ...report,
    notes: ['something to look at'],
    edits: [{ ...edit, backup: '/q/app.container.bak' }],
    next: { config: 'workloads:\n  app:', commands: ['podman exec psi psi setup'] },
  };
  await psi('quadlet', 'app.container', '--rewrite');
  assert.deepEqual(out.slice(1, -4), [
    'main:/app: 1 created',
    'edited /q/app.container',
    '  - /q/app.container:2 Environment= A',
  ]);
  assert.deepEqual(out.slice(-4), [
    'next: put this into the config:',
    '    workloads:',
    '      app:',
    'next: podman exec psi psi setup',
  ]);
  assert.match(errors.join('\n'), /note: something to look at\nnote: \/q\/app\.container\.bak holds the old values/);
});

test('quadlet: without --rewrite it says what that would take out', async () => {
  report = { ...report, edits: [{ path: '/q/a.container', removed: [], backup: null }] };
  await psi('quadlet', 'a.container');
  assert.ok(out.includes('--rewrite would edit /q/a.container'));
});

test('quadlet: an edit that failed is an error beside the import', async () => {
  const editFailure = { code: 'CONFLICT', message: 'it is a link', hint: 'look' } as const;
  report = { ...report, editFailure, exit: 1 };
  assert.equal(await psi('quadlet', 'a.container', '--rewrite'), 1);
  assert.match(errors.join('\n'), /error: it is a link\nhint: look/);
});

test('quadlet: --json is the report in its envelope and nothing else', async () => {
  await psi('quadlet', 'a.container', '--json');
  const envelope = { format: 1, command: 'infisical import quadlet', exit: 0, result: report, failure: null };
  assert.deepEqual(JSON.parse(out.join('\n')), envelope);
  assert.deepEqual(errors, []);
});
