// The completion scripts: bash's is run by a real bash; those of shells that few machines have are compared with reviewed texts, made
// from a small program that stays the same when psi grows.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Argument, Command, Option } from 'commander';
import { fishCompletion } from '../../../src/cli/completion/fish.ts';
import { completionModel } from '../../../src/cli/completion/model.ts';
import { zshCompletion } from '../../../src/cli/completion/zsh.ts';
import { run } from '../../../src/cli/run.ts';
import { defaultConfig } from '../../../src/config/load.ts';
import { fakeTerminal } from '../../fakes/terminal.fake.ts';

let dir: string;
let script: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'psi-completion-'));
  script = await completion('bash');
  await writeFile(join(dir, 'a file.yaml'), '');
});
after(() => rm(dir, { recursive: true }));

async function completion(shell: string): Promise<string> {
  const { terminal, out, errors } = fakeTerminal();
  const status = await run(['completion', shell], {
    terminal,
    version: '1.2.3',
    loadConfig: () => Promise.reject(new Error('no config is needed for this')),
    defaultConfig: () => defaultConfig({ env: {}, uid: 0 }),
    lastGoodConfig: () => Promise.resolve(undefined),
    formatIssues: () => Promise.resolve([]),
    compose: () => Promise.reject(new Error('nothing is composed for this')),
  });
  assert.equal(status, 0);
  assert.deepEqual(errors, []);
  return `${out.join('\n')}\n`;
}

/** What a real bash offers after these words; the last one is what is being typed. */
async function bash(...words: readonly string[]): Promise<readonly string[]> {
  const ask = `${script}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_psi
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await promisify(execFile)('bash', ['--norc', '-c', ask, 'bash', 'psi', ...words], { cwd: dir });
  return stdout.split('\n').filter((line) => line !== '');
}

test('bash: commands, then their own', async () => {
  assert.deepEqual(await bash('ca'), ['cache']);
  assert.deepEqual(await bash('cache', ''), ['init', 'status', 'refresh', 'invalidate', 'reseal', 'recover']);
  assert.deepEqual(await bash('cache', 'in'), ['init', 'invalidate']);
});

test('bash: options of the command and those taken everywhere', async () => {
  assert.deepEqual(await bash('setup', '--dr'), ['--dry-run']);
  assert.deepEqual(await bash('cache', 'status', '--'), ['--config', '--help', '--verify', '--json']);
});

test('bash: values where they are known, also behind an equals sign', async () => {
  assert.deepEqual(await bash('cache', 'init', '--backend', ''), ['tpm', 'hsm', 'credential']);
  assert.deepEqual(await bash('cache', 'init', '--backend', '=', 't'), ['tpm']);
  assert.deepEqual(await bash('cache', 'init', '--backend', '='), ['tpm', 'hsm', 'credential']);
  assert.deepEqual(await bash('completion', 'z'), ['zsh']);
  assert.deepEqual(await bash('setup', '--workload', ''), []);
});

test('bash: files where one is meant, with blanks in their names', async () => {
  assert.deepEqual(await bash('--config', 'a'), ['a file.yaml']);
  assert.deepEqual(await bash('setup', '-c', ''), ['a file.yaml']);
});

test('bash: the value of an option is no command', async () => {
  assert.deepEqual(await bash('--config', 'cache', 'hs'), ['hsm']);
  assert.deepEqual(await bash('setup', '--workload', 'cache', '--pro'), ['--provider']);
});

test('bash: the script announces itself', async () => {
  const { stdout } = await promisify(execFile)('bash', ['--norc', '-c', `${script}\ncomplete -p psi`]);
  assert.match(stdout, /complete -F _psi psi/);
});

test('the other shells get a script with every command of psi', async () => {
  assert.match(await completion('zsh'), /^#compdef psi\n[^]*_psi_cache_init\(\)/);
  assert.match(
    await completion('fish'),
    /complete -c psi -n '__psi_at cache init' -l backend -x -a 'tpm hsm credential'/,
  );
});

function sample(): Command {
  const program = new Command('psi').version('1').option('-c, --config <file>', "the config's file: $PSI [yaml]");
  program
    .command('get')
    .description("one, it's: easy")
    .addOption(new Option('--as <kind>', 'how').choices(['env', 'mount']))
    .option('--path <path>', 'folder at the provider')
    .option('--all', 'all of them')
    .argument('<file>', 'where from');
  const group = program.command('group').description('more');
  group
    .command('pick-one')
    .description('inside')
    .addArgument(new Argument('<what>').choices(['a', 'b']));
  group.command('name').argument('<name>');
  return program;
}

for (const [shell, make] of [
  ['zsh', zshCompletion],
  ['fish', fishCompletion],
] as const) {
  test(`${shell}: the script reads as it was reviewed`, async () => {
    const golden = join(import.meta.dirname, '../../golden/completion', `sample.${shell}`);
    const text = make(completionModel(sample()));
    if (process.env['UPDATE_GOLDEN'] === '1') {
      await mkdir(join(golden, '..'), { recursive: true });
      await writeFile(golden, text);
    }
    assert.equal(text, await readFile(golden, 'utf8'));
  });
}
