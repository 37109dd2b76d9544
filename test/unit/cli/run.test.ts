import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { run, type CliDeps } from '../../../src/cli/run.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { defaultConfig } from '../../../src/config/load.ts';
import { ConfigError } from '../../../src/config/findings/issue.ts';
import { PsiError } from '../../../src/core/error.ts';

type Printed = { readonly out: string[]; readonly errors: string[] };

function stage(
  over: Partial<CliDeps> = {},
): Printed & { readonly psi: (...argv: readonly string[]) => Promise<number> } {
  const out: string[] = [];
  const errors: string[] = [];
  const terminal: Terminal = {
    out: (line) => out.push(line),
    error: (line) => errors.push(line),
    progress: () => undefined,
    paint: (_style, text) => text,
  };
  const deps: CliDeps = {
    terminal,
    version: '1.2.3',
    loadConfig: () => Promise.reject(new Error('no config is needed for this')),
    defaultConfig: () => defaultConfig({ env: {}, uid: 0 }),
    formatIssues: (issues) => Promise.resolve(`${String(issues.length)} issues`),
    compose: () => Promise.reject(new Error('nothing is composed for this')),
    ...over,
  };
  return { out, errors, psi: (...argv) => run(argv, deps) };
}

const COMMANDS = [
  [],
  ['serve'],
  ['setup'],
  ['install'],
  ['systemd', 'install'],
  ['status'],
  ['cache', 'init'],
  ['cache', 'status'],
  ['cache', 'refresh'],
  ['cache', 'invalidate'],
  ['hsm', 'preflight'],
  ['hsm', 'init'],
  ['hsm', 'status'],
  ['infisical', 'tls', 'issue'],
  ['infisical', 'tls', 'renew'],
  ['infisical', 'tls', 'status'],
  ['infisical', 'env'],
  ['infisical', 'write-file'],
  ['infisical', 'import', 'env-file'],
  ['infisical', 'import', 'podman-secret'],
  ['infisical', 'import', 'quadlet'],
  ['completion'],
  ['infisical', 'login'],
] as const;

for (const command of COMMANDS) {
  const name = ['psi', ...command].join(' ');
  test(`${name} --help reads as it was reviewed`, async () => {
    const { psi, out } = stage();
    assert.equal(await psi(...command, '--help'), 0);
    const golden = join(import.meta.dirname, '../../golden/help', `${['psi', ...command].join('-')}.txt`);
    const text = `${out.join('\n')}\n`;
    if (process.env['UPDATE_GOLDEN'] === '1') {
      await mkdir(join(golden, '..'), { recursive: true });
      await writeFile(golden, text);
    }
    assert.equal(text, await readFile(golden, 'utf8'));
    if (command.length > 0) assert.match(text, /Example:\n {2}(?:podman exec (?:-i )?psi )?psi /);
  });
}

for (const argv of [['nonsense'], ['setup', '--nonsense'], ['setup', '--provider'], ['systemd']]) {
  test(`ends with the usage status for: psi ${argv.join(' ')}`, async () => {
    const { psi } = stage();
    assert.equal(await psi(...argv), 64);
  });
}

test('suggests the flag that was meant', async () => {
  const { psi, errors } = stage();
  await psi('setup', '--dry-rum');
  assert.match(errors.join('\n'), /error: unknown option '--dry-rum'[^]*--dry-run[^]*hint: /);
});

test('prints the version', async () => {
  const { psi, out } = stage();
  assert.equal(await psi('--version'), 0);
  assert.deepEqual(out, ['1.2.3']);
});

test('prints an error with its hint and ends with the status of its code', async () => {
  const { psi, errors } = stage({
    loadConfig: () => Promise.reject(new PsiError('PROVIDER_DOWN', 'infisical is away', { hint: 'wait' })),
  });
  assert.equal(await psi('setup'), 69);
  assert.deepEqual(errors, ['error: infisical is away', 'hint: wait']);
});

test('prints every problem of the config and ends with 78', async () => {
  const issue = { code: 'NO_FILE', path: '', file: 'f', line: 1, column: 1, expected: '', got: '', hint: '' } as const;
  const { psi, errors } = stage({
    loadConfig: () => Promise.reject(new ConfigError('2 problems', [issue, issue], 'mend it')),
  });
  assert.equal(await psi('setup'), 78);
  assert.deepEqual(errors, ['2 issues', 'error: 2 problems', 'hint: mend it']);
});
