// `npm test`: every tier, from fast to true, each in a process of its own. Ends with `N passed, N failed`. A tier that the machine
// cannot run is named as skipped; with CI=true a skip is a failure. Arguments choose tiers (`npm test -- unit contract`) or test files
// (`npm test -- test/unit/core/mapping.test.ts`), which run as their tier does.

import { spawn } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, relative, resolve } from 'node:path';
import { changes, snapshot } from './leftovers.ts';

const ROOT = resolve(import.meta.dirname, '..');

type Outcome = {
  readonly passed: number;
  readonly failed: readonly { readonly name: string; readonly file?: string }[];
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
};

/** Where the words of a tier go: to the terminal, or into a file that is shown later. */
type Output = 'inherit' | number;

/** Runs a tier, or only these of its files. */
type Run = (only: readonly string[], output: Output) => Promise<Outcome>;

type Tier = {
  readonly name: string;
  readonly what: string;
  readonly run: Run;
  /** It leaves a core idle: it is begun with that tier, runs on beside those that follow, and is shown in its own turn. */
  readonly beside?: string;
};

const TIERS: readonly Tier[] = [
  { name: 'static', what: 'formatted, lint-clean, type-clean', run: runStatic },
  {
    name: 'unit',
    what: 'pure core, config, units, properties',
    run: tests('unit', '--test-isolation=none'),
    beside: 'static',
  },
  {
    name: 'contract',
    what: 'each port on its fake and on the real thing',
    run: tests('contract', '--test-concurrency=2'),
  },
  {
    name: 'process',
    what: 'psi as a process of its own, beside doubles',
    run: tests('process', '--test-concurrency=3'),
  },
  {
    name: 'sandbox',
    what: 'real Podman on this machine',
    run: tests('sandbox', '--test-concurrency=1'),
    // Half of its time it waits for Podman's lock; it ends before the process tier does.
    beside: 'contract',
  },
  {
    name: 'host',
    what: 'a booted host: systemd, quadlets, the image',
    run: tests('host', '--test-concurrency=2'),
  },
  {
    name: 'vm',
    what: 'a machine with a kernel and a TPM of its own: reboots',
    run: tests('vm', '--test-concurrency=1'),
    beside: 'host',
  },
];

function tests(tier: string, ...flags: readonly string[]): Run {
  return (only, output) => runTests(tier, { flags, only, output });
}

async function main(chosen: readonly string[]): Promise<number> {
  const files = chosen.filter((name) => name.includes('/')).map((name) => relative(ROOT, resolve(ROOT, name)));
  const names = chosen.filter((name) => !name.includes('/'));
  const unknown = [
    ...names.filter((name) => !TIERS.some((tier) => tier.name === name)),
    ...files.filter((file) => !TIERS.some((tier) => filesOf(tier.name).includes(file))),
  ];
  if (unknown.length > 0) {
    console.error(`error: no tier or test file ${unknown.join(', ')}`);
    console.error(`hint: the tiers are ${TIERS.map((tier) => tier.name).join(', ')}`);
    return 64;
  }
  const wanted = TIERS.map((tier) => ({
    ...tier,
    only: filesOf(tier.name).filter((file) => files.includes(file)),
    // A tier that is named beside one of its files is run by that file.
  })).filter(({ name, only }) => chosen.length === 0 || names.includes(name) || only.length > 0);
  const before = await snapshot();
  const shared = await mkdtemp(join(tmpdir(), 'psi-test-'));
  // Hundreds of processes load the same modules. In no folder that outlives the run: the next machine has none.
  process.env['NODE_COMPILE_CACHE'] = join(shared, 'compiled');
  // The PSI that hosts run; it starts in a third of the time, too.
  process.env['PSI_BUILD'] ??= '1';
  let passed = 0;
  const failed: string[] = [];
  const skipped: string[] = [];
  try {
    for await (const { name, outcome } of outcomes(wanted, shared)) {
      passed += outcome.passed;
      failed.push(...outcome.failed.map((test) => `${name}: ${test.name}`));
      skipped.push(...outcome.skipped.map((test) => `${name}: ${test.name}: ${test.reason}`));
    }
  } finally {
    await rm(shared, { recursive: true, force: true });
  }
  const left = changes(before, await snapshot());
  if (left.length === 0) passed += 1;
  else failed.push(...left.map((what) => `left behind: ${what}`));
  return summary(passed, failed, skipped);
}

type Wanted = Tier & { readonly only: readonly string[] };

/** One after the other, but for those that run beside another one. */
async function* outcomes(
  wanted: readonly Wanted[],
  folder: string,
): AsyncGenerator<{ readonly name: string; readonly outcome: Outcome }> {
  const begun = new Map<string, Promise<Timed>>();
  const heldIn = (name: string): string => join(folder, `${name}.log`);
  for (const { name, what, run, only } of wanted) {
    for (const tier of wanted.filter(({ beside }) => beside === name)) {
      begun.set(
        tier.name,
        timed(() => held(tier, heldIn(tier.name))),
      );
    }
    console.log(`\n== ${name}: ${what}`);
    const { outcome, seconds } = await (begun.get(name) ?? timed(() => run(only, 'inherit')));
    if (begun.has(name)) process.stdout.write(await readFile(heldIn(name), 'utf8'));
    console.log(
      `== ${name}: ${String(outcome.passed)} passed, ${String(outcome.failed.length)} failed in ${seconds.toFixed(1)} s`,
    );
    yield { name, outcome };
  }
}

type Timed = { readonly outcome: Outcome; readonly seconds: number };

async function timed(run: () => Promise<Outcome>): Promise<Timed> {
  const startedAt = performance.now();
  const outcome = await run();
  return { outcome, seconds: (performance.now() - startedAt) / 1000 };
}

async function held({ run, only }: Wanted, path: string): Promise<Outcome> {
  const file = await open(path, 'w');
  try {
    return await run(only, file.fd);
  } finally {
    await file.close();
  }
}

function summary(passed: number, failed: readonly string[], skipped: readonly string[]): number {
  const strict = process.env['CI'] === 'true';
  console.log('');
  for (const line of skipped) console.log(`skipped: ${line}`);
  if (strict && skipped.length > 0) console.log('a skipped test is a failure under CI=true');
  for (const line of failed) console.log(`failed: ${line}`);
  const failures = failed.length + (strict ? skipped.length : 0);
  console.log(`${String(passed)} passed, ${String(failures)} failed`);
  return failures === 0 && passed > 0 ? 0 : 1;
}

type Check = readonly [name: string, argv: readonly string[]];

/**
 * The longest first: each of them keeps one core busy, so two at a time. prettier and tsc know by content what they have seen before; eslint asks
 * types of other files, and so looks at all of them.
 */
async function runStatic(): Promise<Outcome> {
  const bin = (name: string): string => join(ROOT, 'node_modules', '.bin', name);
  const seen = (name: string): string => join(ROOT, 'node_modules', '.cache', name);
  const known = ['--cache', '--cache-strategy=content', `--cache-location=${seen('psi-prettier')}`];
  const checks: readonly Check[] = [
    ['lint-clean (eslint)', [bin('eslint'), '.']],
    ['type-clean (tsc)', [bin('tsc'), '-p', '.', '--incremental', '--tsBuildInfoFile', seen('psi-tsc')]],
    ['formatted (prettier)', [bin('prettier'), '--check', '--log-level=warn', ...known, '.']],
    ['the rooms (dependency-cruiser)', [bin('depcruise'), '--config', '.dependency-cruiser.js', 'src']],
  ];
  const failed: { name: string }[] = [];
  const left = checks.values();
  const lane = async (): Promise<void> => {
    for (const [name, argv] of left) if (!(await checked(name, argv))) failed.push({ name });
  };
  await Promise.all([lane(), lane()]);
  return { passed: checks.length - failed.length, failed, skipped: [] };
}

/** Says what it found at its end, as another one runs beside it. */
async function checked(name: string, argv: readonly string[]): Promise<boolean> {
  const said: Buffer[] = [];
  const code = await execute(argv, (chunk) => said.push(chunk));
  process.stdout.write(Buffer.concat(said));
  console.log(`${code === 0 ? '✔' : '✖'} ${name}`);
  return code === 0;
}

/** Tests of the workspaces, by the tier they belong to. */
const PACKAGE_TESTS: Readonly<Record<string, readonly string[]>> = { contract: ['packages/*/test/**/*.test.ts'] };

// These load the compiled addon when they are loaded, so they cannot skip themselves.
const NEEDS_TPM = /^packages\/node-tpm2-tss\/|\/tpm-[^/]*\.test\.ts$/;

function missingForTpm(): string | undefined {
  if (!existsSync(join(ROOT, 'packages/node-tpm2-tss/build/Release/tpm2_tss.node')))
    return 'node-tpm2-tss is not compiled';
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return ['swtpm', 'tpm2_pcrextend']
    .filter((command) => !folders.some((folder) => existsSync(join(folder, command))))
    .map((command) => `no ${command}`)[0];
}

function filesOf(tier: string): readonly string[] {
  return globSync([`test/${tier}/**/*.test.ts`, ...(PACKAGE_TESTS[tier] ?? [])], { cwd: ROOT }).sort();
}

/** For a file, too. Far above what the longest one takes on a busy machine. */
const HANGS_AFTER_MS = 25 * 60_000;

type TestRun = { readonly flags: readonly string[]; readonly only: readonly string[]; readonly output: Output };

async function runTests(tier: string, { flags, only, output }: TestRun): Promise<Outcome> {
  const all = only.length > 0 ? only : filesOf(tier);
  const lack = missingForTpm();
  const skipped = all
    .filter((file) => lack !== undefined && NEEDS_TPM.test(file))
    .map((name) => ({ name, reason: lack ?? '' }));
  const files = all.filter((file) => !skipped.some(({ name }) => name === file));
  const dir = await mkdtemp(join(tmpdir(), 'psi-test-'));
  const counts = join(dir, 'counts.json');
  try {
    const reporters = [
      ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
      ...[`--test-reporter=${join(ROOT, 'scripts/count-reporter.mjs')}`, `--test-reporter-destination=${counts}`],
    ];
    const code = await execute(
      [process.execPath, '--test', `--test-timeout=${String(HANGS_AFTER_MS)}`, ...flags, ...reporters, ...files],
      output,
    );
    const outcome = JSON.parse(await readFile(counts, 'utf8')) as Outcome;
    // A file that does not load, or a test process that dies, fails without a failed test.
    const crashed =
      code !== 0 && outcome.failed.length === 0 ? [{ name: `the test runner ended with ${String(code)}` }] : [];
    return { ...outcome, failed: [...outcome.failed, ...crashed], skipped: [...outcome.skipped, ...skipped] };
  } catch (error) {
    return { passed: 0, failed: [{ name: `no result of the tier (${String(error)})` }], skipped: [] };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function execute(argv: readonly string[], output: Output | ((chunk: Buffer) => void)): Promise<number> {
  const [command = '', ...args] = argv;
  return new Promise((done) => {
    const to = typeof output === 'function' ? 'pipe' : output;
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', to, to] });
    if (typeof output === 'function') for (const stream of [child.stdout, child.stderr]) stream?.on('data', output);
    child.on('error', (error) => {
      console.error(error.message);
      done(127);
    });
    child.on('close', (code) => {
      done(code ?? 1);
    });
  });
}

process.exitCode = await main(process.argv.slice(2));
