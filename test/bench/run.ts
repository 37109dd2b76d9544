// `npm run bench`: the README's numbers, all from this one run, held to the budgets of budgets.ts. Exit 1 if one is over.
// --json: figures as JSON in place of the table. --only NAME,…: some measurements. --no-build: what dist/ holds now.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { PSI_FROM_BUILD } from '../hosts/psi-tree.ts';
import { run } from '../hosts/run.ts';
import { sandboxSupport } from '../hosts/sandbox.ts';
import { BUDGETS, counting, isWithin } from './budgets.ts';
import { measureCacheSave } from './measure-cache-save.ts';
import { helperSupport, measureCommand } from './measure-command.ts';
import { measureGet } from './measure-get.ts';
import { measureLookup } from './measure-lookup.ts';
import { measurePodmanRun } from './measure-podman-run.ts';
import { measureScale, scaleSupport } from './measure-scale.ts';
import { measureSetup } from './measure-setup.ts';
import { measureStart } from './measure-start.ts';
import { measureStorm } from './measure-storm.ts';
import { Stage, type Figure, type Measurement, type SideBySide } from './measurement.ts';
import { jsonReport, tableReport, type Result, type Skipped } from './report.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const ATTEMPTS = 3;

const MEASUREMENTS: readonly Measurement[] = [
  { name: 'lookup', run: measureLookup },
  { name: 'command', support: helperSupport, run: measureCommand },
  { name: 'get', run: measureGet },
  { name: 'cache-save', run: measureCacheSave },
  { name: 'storm', run: measureStorm },
  { name: 'start', run: measureStart },
  { name: 'setup', support: sandboxSupport, run: measureSetup },
  { name: 'scale', support: scaleSupport, run: measureScale },
  { name: 'podman-run', support: sandboxSupport, run: measurePodmanRun },
];

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { json: { type: 'boolean' }, only: { type: 'string' }, 'no-build': { type: 'boolean' } },
  });
  const chosen = choose(values.only);
  if (values['no-build'] !== true) await build();
  const results: Result[] = [];
  const tables: SideBySide[] = [];
  const skipped: Skipped[] = [];
  const broken: Skipped[] = [];
  for (const measurement of chosen) {
    const support = (await measurement.support?.()) ?? { ok: true };
    if (!support.ok) skipped.push({ name: measurement.name, reason: support.reason });
    else {
      // One that breaks must not cost the minutes that the others took.
      await measure(measurement).then(
        (measured) => {
          results.push(...measured.results);
          tables.push(...measured.tables);
        },
        (error: unknown) => broken.push({ name: measurement.name, reason: reasonOf(error) }),
      );
    }
  }
  for (const { name, reason } of broken) console.error(`error: ${name}: ${reason}`);
  const report = { results, tables, skipped: [...skipped, ...broken] };
  console.log(values.json === true ? jsonReport(report) : tableReport(report));
  return broken.length === 0 && results.every((result) => result.verdict !== 'over') ? 0 : 1;
}

function choose(only: string | undefined): readonly Measurement[] {
  if (only === undefined) return MEASUREMENTS;
  const names = only.split(',');
  const unknown = names.filter((name) => !MEASUREMENTS.some((measurement) => measurement.name === name));
  if (unknown.length === 0) return MEASUREMENTS.filter(({ name }) => names.includes(name));
  const known = MEASUREMENTS.map(({ name }) => name).join(', ');
  throw new Error(`no measurement ${unknown.join(', ')}; there are ${known}`);
}

async function build(): Promise<void> {
  console.error('bench: building');
  const built = await run([process.execPath, resolve(ROOT, 'scripts/build.mjs')]);
  if (built.code !== 0) throw new Error(`the build failed:\n${built.stderr}`);
}

/** Again where only noise can have put a figure over its budget, a few times at most. What stands side by side is of one run: the last. */
async function measure(measurement: Measurement): Promise<Measured<Result>> {
  let best: readonly Figure[] = [];
  for (let attempt = 1; ; attempt += 1) {
    const { results: figures, tables } = await once(measurement, attempt);
    best = attempt === 1 ? figures : best.map((known) => merge(known, figures));
    const over = best.filter(({ id, value }) => BUDGETS[id] && !isWithin(BUDGETS[id], value));
    if (over.every(({ id }) => BUDGETS[id]?.noisy !== true) || attempt === ATTEMPTS) {
      return { results: best.map((figure) => judge(figure, attempt)), tables };
    }
  }
}

type Measured<Kind> = { readonly results: readonly Kind[]; readonly tables: readonly SideBySide[] };

async function once(measurement: Measurement, attempt: number): Promise<Measured<Figure>> {
  if (interrupted) throw new Error('interrupted');
  console.error(`bench: ${measurement.name}${attempt === 1 ? '' : `, attempt ${String(attempt)}`}`);
  const stage = new Stage();
  open = stage;
  try {
    return { results: await measurement.run(stage, PSI_FROM_BUILD), tables: stage.tables };
  } finally {
    await stage.close();
  }
}

function merge(known: Figure, figures: readonly Figure[]): Figure {
  const fresh = figures.find(({ id }) => id === known.id) ?? known;
  return counting(BUDGETS[known.id], known.value, fresh.value) === known.value ? known : fresh;
}

function judge(figure: Figure, runs: number): Result {
  const budget = BUDGETS[figure.id];
  if (!budget) return { ...figure, runs, budget: undefined, verdict: 'no budget' };
  return { ...figure, runs, budget, verdict: isWithin(budget, figure.value) ? 'ok' : 'over' };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// A bench that is told to end takes its processes and folders with it.
let open: Stage | undefined;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupted = true;
    console.error(`bench: stopped by ${signal}`);
    void open?.close().finally(() => process.exit(1));
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`error: ${reasonOf(error)}`);
  process.exitCode = 1;
}
