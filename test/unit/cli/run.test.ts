import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Command } from 'commander';
import { statedExits } from '../../../src/cli/command.ts';
import { exitStatuses } from '../../../src/cli/help.ts';
import { build, run, type CliDeps } from '../../../src/cli/run.ts';
import { defaultConfig } from '../../../src/config/load.ts';
import type { Config } from '../../../src/config/config.ts';
import { ConfigError } from '../../../src/config/findings/issue.ts';
import { PsiError } from '../../../src/core/error.ts';
import type { CheckReport } from '../../../src/service/check.ts';
import { fakeComposition } from '../../fakes/composition.fake.ts';
import { fakeTerminal } from '../../fakes/terminal.fake.ts';

type Printed = { readonly out: string[]; readonly errors: string[] };

function stage(
  over: Partial<CliDeps> = {},
): Printed & { readonly psi: (...argv: readonly string[]) => Promise<number> } {
  const { terminal, out, errors } = fakeTerminal();
  const deps: CliDeps = {
    terminal,
    version: '1.2.3',
    loadConfig: () => Promise.reject(new Error('no config is needed for this')),
    defaultConfig: () => defaultConfig({ env: {}, uid: 0 }),
    lastGoodConfig: () => Promise.resolve(undefined),
    formatIssues: (issues) => Promise.resolve([`${String(issues.length)} issues`]),
    compose: () => Promise.reject(new Error('nothing is composed for this')),
    ...over,
  };
  return { out, errors, psi: (...argv) => run(argv, deps) };
}

/** Every command of the tree, groups too, by its words. */
function commandsOf(
  command: Command,
  path: readonly string[] = [],
): readonly (readonly [readonly string[], Command])[] {
  return [[path, command], ...command.commands.flatMap((child) => commandsOf(child, [...path, child.name()]))];
}

function tree(): readonly (readonly [readonly string[], Command])[] {
  const unused = (): never => assert.fail('this is not asked for here');
  const { terminal } = fakeTerminal();
  const deps = {
    terminal,
    version: '1',
    loadConfig: unused,
    defaultConfig: unused,
    lastGoodConfig: unused,
    formatIssues: unused,
    compose: unused,
  };
  return commandsOf(build(deps, () => undefined));
}

const COMMANDS = tree().flatMap(([path, { commands }]) => (commands.length === 0 || path.length === 0 ? [path] : []));

test('every command states its exit statuses, and its help lists them and no number elsewhere', () => {
  const commands = tree().filter(([, { commands: children }]) => children.length === 0);
  assert.ok(commands.length > 20);
  for (const [path, command] of commands) {
    const name = path.join(' ');
    const own = statedExits(command);
    assert.ok(own, `${name} states no exit status`);
    assert.deepEqual(
      [0, 64, 70].filter((status) => !exitStatuses(own).some(([one]) => one === status)),
      [],
      name,
    );
    const told = [command.description(), ...command.options.map(({ description }) => description)];
    for (const text of told) assert.doesNotMatch(text, /exit status|default: false/, name);
  }
});

test('--json belongs to every command whose answer is data', () => {
  const without = tree().filter(
    ([, { commands, options }]) => commands.length === 0 && !options.some(({ long }) => long === '--json'),
  );
  assert.deepEqual(
    without.map(([path]) => path.join(' ')),
    [
      'serve',
      'install',
      'systemd install',
      'uninstall',
      'health',
      'infisical env',
      'infisical write-file',
      'completion',
    ],
  );
});

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

test('a folder or an environment that can be none is refused before the config is read', async () => {
  for (const [flag, value, said] of [
    ['--path', '/a/../b', /^error: --path "\/a\/\.\.\/b" is no folder: .*\nhint: did you mean \/b\?/],
    ['--path', '/bad folder', /^error: .* not "bad folder"\nhint: /],
    ['--environment', ' ', /^error: .*--environment.* slug .*\nhint: /],
    ['--environment', 'prod\u202e', /^error: .*'prod\\u202e' is invalid.*\nhint: /],
  ] as const) {
    const { psi, errors } = stage();
    assert.equal(await psi('infisical', 'env', '--project', 'p', flag, value), 64);
    assert.match(errors.join('\n'), said);
  }
});

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
  const issue = {
    code: 'NO_FILE',
    severity: 'error',
    path: '',
    file: 'f',
    line: 1,
    column: 1,
    expected: '',
    got: '',
    hint: '',
  } as const;
  const { psi, errors } = stage({
    loadConfig: () => Promise.reject(new ConfigError('2 problems', [issue, issue], 'mend it')),
  });
  assert.equal(await psi('setup'), 78);
  assert.deepEqual(errors, ['2 issues', 'error: 2 problems', 'hint: mend it']);
});

test('with --json an error is the failure in the envelope, problems of the config beside it, and nothing on stderr', async () => {
  const issue = {
    code: 'NO_FILE',
    severity: 'error',
    path: '',
    file: 'f',
    line: 1,
    column: 1,
    expected: '',
    got: '',
    hint: '',
  } as const;
  const excerpt = { text: 'x', start: 0, length: 1 };
  const { psi, out, errors } = stage({
    loadConfig: () => Promise.reject(new ConfigError('1 problem', [{ ...issue, excerpt }], 'mend it')),
  });
  assert.equal(await psi('cache', 'refresh', '--json'), 78);
  const failure = { code: 'CONFIG_INVALID', message: '1 problem', hint: 'mend it' };
  const envelope = { format: 1, command: 'cache refresh', exit: 78, result: null, failure, issues: [issue] };
  assert.deepEqual([out.map((line) => JSON.parse(line) as unknown), errors], [[envelope], []]);
});

test('errors and hints are printed by the terminal alone', async () => {
  const folder = new URL('../../../src/cli/', import.meta.url);
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.ts'));
  assert.ok(files.length > 20);
  for (const file of files.filter((one) => one !== 'terminal.ts')) {
    assert.doesNotMatch(await readFile(new URL(file, folder), 'utf8'), /['`](?:\\n)?(?:error|hint|note): /, file);
  }
});

const REFUSED = new ConfigError('1 problem in f', [], 'mend it');
const refused = (): Promise<never> => Promise.reject(REFUSED);

/** Which sockets a command looks for the service on, in its order. */
async function socketsOf(argv: readonly string[], over: Partial<CliDeps>): Promise<readonly string[]> {
  const asked: string[] = [];
  const { psi } = stage({
    connect: (sockets) => {
      asked.push(...sockets);
      throw new PsiError('SERVICE_DOWN', 'nobody');
    },
    ...over,
  });
  await psi(...argv);
  return asked;
}

test('commands find the service where the config, the last good one or the unit says, whichever can be read', async () => {
  const at = (controlSocket: string): Promise<Config> =>
    Promise.resolve({ ...defaultConfig({ env: {}, uid: 0 }), controlSocket });
  const unit = { controlSocket: '/unit.sock' };
  for (const argv of [['status'], ['setup'], ['cache', 'status'], ['cache', 'refresh'], ['cache', 'invalidate', 'a']]) {
    const good = { loadConfig: () => at('/config.sock'), ...unit };
    assert.deepEqual(await socketsOf(argv, good), ['/config.sock', '/unit.sock'], argv.join(' '));
    const kept = { loadConfig: refused, lastGoodConfig: () => at('/kept.sock') };
    assert.deepEqual(await socketsOf(argv, { ...kept, ...unit }), ['/kept.sock', '/unit.sock']);
    assert.deepEqual(await socketsOf(argv, kept), ['/kept.sock']);
    const nothing = { loadConfig: refused, defaultConfig: () => defaultConfig({ env: {}, uid: 0 }), ...unit };
    assert.deepEqual(await socketsOf(argv, nothing), ['/run/psi-control.sock', '/unit.sock']);
  }
  // Another file than the service's own: nobody but the one that it names is meant.
  const given = { loadConfig: () => at('/config.sock'), ...unit };
  assert.deepEqual(await socketsOf(['status', '--config', 'f'], given), ['/config.sock']);
  assert.deepEqual(await socketsOf(['setup', '--config', 'f'], { loadConfig: refused, ...unit }), []);
});

test('where nobody serves, a refused config is what a command fails with, and status says that nobody serves', async () => {
  const over = {
    loadConfig: refused,
    defaultConfig: () => ({ ...defaultConfig({ env: {}, uid: 0 }), controlSocket: '/none' }),
  };
  for (const [argv, status, said] of [
    [['setup'], 78, ['error: 1 problem in f', 'hint: mend it']],
    [['status'], 69, ['error: psi is not running: no answer on /none (ENOENT)']],
  ] as const) {
    const { psi, errors } = stage(over);
    assert.equal(await psi(...argv), status);
    assert.deepEqual(errors.filter((line) => !line.endsWith('issues')).slice(0, said.length), said);
  }
});

test('renewals go on with the last good config and say so; an issue, and another file, do not', async () => {
  const config = defaultConfig({ env: {}, uid: 0 });
  const ran: unknown[] = [];
  const run = (given: Config): Promise<{ certificates: []; exit: number }> => {
    ran.push(given);
    return Promise.resolve({ certificates: [], exit: 0 });
  };
  const over: Partial<CliDeps> = {
    loadConfig: refused,
    lastGoodConfig: () => Promise.resolve(config),
    compose: () => Promise.resolve(fakeComposition({ tls: { run, status: () => assert.fail('not asked for') } })),
  };
  const renew = stage(over);
  assert.equal(await renew.psi('infisical', 'tls', 'renew'), 0);
  assert.deepEqual(
    [ran, renew.errors],
    [[config], ['note: 1 problem in f; going on with the last good config (`psi check` says more)']],
  );
  assert.equal(await stage(over).psi('infisical', 'tls', 'issue'), 78);
  assert.equal(await stage(over).psi('infisical', 'tls', 'renew', '--config', 'f'), 78);
  assert.equal(
    await stage({ ...over, lastGoodConfig: () => Promise.resolve(undefined) }).psi('infisical', 'tls', 'renew'),
    78,
  );
  assert.equal(ran.length, 1);
});

test('check prints what is wrong, doubtful or missing, and ends with what the file is', async () => {
  const at = { file: 'f', line: 1, column: 1, path: '', expected: '', got: '', hint: '' };
  const warning = { ...at, code: 'MODE_WITHOUT_MOUNT', severity: 'warning' } as const;
  const missing = [{ code: 'CONFIG_INVALID', message: 'the file s does not exist', hint: 'make it' }] as const;
  const timer = { code: 'HOST', message: 'the timer looks too seldom', hint: 'render it' } as const;
  const open = [{ message: 'the config file f is open, mode 0666: others can change it', hint: 'run `chmod 600 f`' }];
  const good: CheckReport = { file: 'f', failure: null, findings: [warning], missing, timer, open, lastGood: null };
  const failure = { code: 'CONFIG_INVALID', message: '1 problem in f', hint: 'mend it' } as const;
  const lastGood = { path: '/s/config.last-good', since: '2026-01-01T00:00:00Z' };
  const bad: CheckReport = { ...good, failure, open: [], missing: [], timer: null, lastGood };
  const checked = async (report: CheckReport, ...flags: readonly string[]): Promise<readonly unknown[]> => {
    const check = (): Promise<CheckReport> => Promise.resolve(report);
    const { psi, out, errors } = stage({ compose: () => Promise.resolve(fakeComposition({ check })) });
    return [await psi('check', ...flags), ...out, ...errors];
  };
  assert.deepEqual(await checked(good), [
    0,
    '1 issues',
    'missing the file s does not exist',
    'hint: make it',
    'warning the timer looks too seldom',
    'hint: render it',
    'open the config file f is open, mode 0666: others can change it',
    'hint: run `chmod 600 f`',
    'good f',
  ]);
  assert.deepEqual(await checked(bad), [
    78,
    '1 issues',
    'refused 1 problem in f',
    'while it is refused, psi goes on with the last good config, kept since 2026-01-01T00:00:00Z: /s/config.last-good',
  ]);
  const [exit, text] = await checked(bad, '--json');
  assert.equal(exit, 78);
  const { result, issues } = JSON.parse(String(text)) as Record<string, unknown>;
  assert.deepEqual(
    [result, issues],
    [{ file: 'f', good: false, missing: [], timer: null, open: [], lastGood }, [warning]],
  );
});
