// What 50 environment secrets add to `podman run` on real Podman: with PSI by the lookup helper and by curl, with Podman's own file driver, with
// a trivial client; and how much of it is spent inside PSI by its audit log. The double has no latency: a provider's distance is no property of PSI.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PsiProcess } from '../hosts/psi-process.ts';
import { startSandbox, type Sandbox } from '../hosts/sandbox.ts';
import { placeHelper } from './helper.ts';
import { median, ms, timed, type Figure, type Stage } from './measurement.ts';
import { startTrivialPair } from './trivial-pair.ts';
import { folder, startDouble, startPsiFor } from './world.ts';

const KEYS = 50;
const ROUNDS = 7;

export async function measurePodmanRun(stage: Stage, command: readonly string[]): Promise<readonly Figure[]> {
  const sandbox = await startSandbox();
  stage.defer(() => sandbox.stop());
  const helperDir = join(sandbox.dir, 'helper');
  const values = folder(KEYS, (index) => `value ${String(index)}`);
  const double = await startDouble(stage, { '/app': values });
  const psi = await startPsiFor(stage, {
    double,
    command,
    dir: join(sandbox.dir, 'psi'),
    podmanSocket: sandbox.socket,
    logged: true,
    config: { lookup: { helper_dir: helperDir } },
    workloads: { app: { provider: 'infisical', secrets: [{ project: 'main', path: '/app' }] } },
  });
  const setup = await psi.cli('setup');
  if (setup.code !== 0) throw new Error(`psi setup: ${setup.stderr}`);
  for (const [key, value] of Object.entries(values)) await created(sandbox, [`plain--${key}`, '-'], value);
  const trivial = await startTrivialPair(stage, join(sandbox.dir, 'tmp'), 'the only value');
  for (const key of Object.keys(values)) {
    const options = `lookup=${trivial.command},store=cat >/dev/null,delete=true,list=true`;
    await created(sandbox, [`trivial--${key}`, '-', '--driver', 'shell', '--driver-opts', options], 'mapping');
  }

  const expected = Object.entries(values).map(([key, value]) => `${key}=${value}`);
  const always = Object.keys(values).map((key) => `${key}=${trivial.value}`);
  const times = { none: [] as number[], file: [] as number[], trivial: [] as number[], helper: [] as number[] };
  const byCurl: number[] = [];
  const inside: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    times.none.push(await timed(() => start(sandbox, undefined, [])));
    times.file.push(await timed(() => start(sandbox, 'plain', expected)));
    times.trivial.push(await timed(() => start(sandbox, 'trivial', always)));
    const helper = await placeHelper(helperDir);
    times.helper.push(await timed(() => start(sandbox, 'app', expected)));
    await helper.remove();
    const before = audited(psi).length;
    byCurl.push(await timed(() => start(sandbox, 'app', expected)));
    inside.push(await insidePsi(psi, before));
  }
  await psi.stop();

  const none = median(times.none);
  const [file, least, helper, curl] = [times.file, times.trivial, times.helper, byCurl].map(median) as Medians;
  const share = median(inside);
  stage.show({
    title: `\`podman run\` (${sandbox.version}) with ${String(KEYS)} secrets as variables:`,
    rows: [
      ['secrets from', 'whole run', 'added', 'each', "beside the file driver's run"],
      ...[
        ['none', none] as const,
        ["Podman's file driver", file] as const,
        ['a trivial static client and server', least] as const,
        ['PSI, the lookup helper', helper] as const,
        ['PSI, curl', curl] as const,
      ].map(([who, whole]) => [
        who,
        ms(whole),
        ms(whole - none),
        ms((whole - none) / KEYS),
        `${(whole / file).toFixed(2)} x`,
      ]),
    ],
  });
  const what = `podman run (${sandbox.version}) with ${String(KEYS)} secrets as variables`;
  return [
    {
      id: 'run-helper-beside-file',
      what: `${what}, helper: the whole run beside that with Podman's file driver`,
      value: helper / file,
      unit: 'x',
      beside: `${ms(helper)} beside ${ms(file)}; without secrets ${ms(none)}`,
    },
    {
      id: 'run-helper-beside-curl',
      what: 'the same: time added to a run without secrets beside what curl adds',
      value: (helper - none) / (curl - none),
      unit: 'x',
      beside: `${ms(helper - none)} beside ${ms(curl - none)}; a trivial client adds ${ms(least - none)}`,
    },
    {
      id: 'run-share',
      what: `${what}, curl: of the time added, what is spent inside PSI (audit log)`,
      value: (share / (curl - none)) * 100,
      unit: '%',
      beside: `${ms(share)}; the rest is Podman, sh and curl, ${String(KEYS)} times`,
    },
  ];
}

type Medians = [number, number, number, number];

async function created(sandbox: Sandbox, args: readonly string[], input: string): Promise<void> {
  const made = await sandbox.podman(['secret', 'create', ...args], { input });
  if (made.code !== 0) throw new Error(`podman secret create: ${made.stderr}`);
}

async function start(sandbox: Sandbox, workload: string | undefined, expected: readonly string[]): Promise<void> {
  const flags = expected.flatMap((line) => {
    const key = line.slice(0, line.indexOf('='));
    return ['--secret', `${String(workload)}--${key},type=env,target=${key}`];
  });
  const ran = await sandbox.podman(['run', '--rm', ...flags, sandbox.image, 'env']);
  const lines = new Set(ran.stdout.split('\n'));
  if (ran.code !== 0 || !expected.every((line) => lines.has(line))) throw new Error(`podman run failed: ${ran.stderr}`);
}

type Audited = { readonly outcome: string; readonly ms: number };

function audited(psi: PsiProcess): readonly Audited[] {
  const lines = psi.log().split('\n').slice(0, -1);
  return lines.filter((line) => line.includes('"audit":"lookup"')).map((line) => JSON.parse(line) as Audited);
}

/** Milliseconds over the lookups of one start. The log comes through a pipe, so it may be a moment late. */
async function insidePsi(psi: PsiProcess, before: number): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const lookups = audited(psi).slice(before);
    if (lookups.length >= KEYS) return lookups.reduce((sum, lookup) => sum + lookup.ms, 0);
    await sleep(10);
  }
  throw new Error(`the audit log does not show ${String(KEYS)} lookups`);
}
