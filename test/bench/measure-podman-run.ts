// What 50 environment secrets add to `podman run` on real Podman: with PSI, with Podman's own file driver, and how much of it is
// spent inside PSI by its audit log. The double has no latency: a provider's distance is no property of PSI.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PsiProcess } from '../hosts/psi-process.ts';
import { startSandbox, type Sandbox } from '../hosts/sandbox.ts';
import { median, ms, timed, type Figure, type Stage } from './measurement.ts';
import { folder, startDouble, startPsiFor } from './world.ts';

const KEYS = 50;
const ROUNDS = 7;

export async function measurePodmanRun(stage: Stage, command: readonly string[]): Promise<readonly Figure[]> {
  const sandbox = await startSandbox();
  stage.defer(() => sandbox.stop());
  const values = folder(KEYS, (index) => `value ${String(index)}`);
  const double = await startDouble(stage, { '/app': values });
  const psi = await startPsiFor(stage, {
    double,
    command,
    dir: join(sandbox.dir, 'psi'),
    podmanSocket: sandbox.socket,
    logged: true,
    workloads: { app: { provider: 'infisical', secrets: [{ project: 'main', path: '/app' }] } },
  });
  const setup = await psi.cli('setup');
  if (setup.code !== 0) throw new Error(`psi setup: ${setup.stderr}`);
  for (const [key, value] of Object.entries(values)) {
    const made = await sandbox.podman(['secret', 'create', `plain--${key}`, '-'], { input: value });
    if (made.code !== 0) throw new Error(`podman secret create: ${made.stderr}`);
  }

  const expected = Object.entries(values).map(([key, value]) => `${key}=${value}`);
  const times = { none: [] as number[], file: [] as number[], psi: [] as number[] };
  const inside: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    times.none.push(await timed(() => start(sandbox, undefined, [])));
    times.file.push(await timed(() => start(sandbox, 'plain', expected)));
    const before = audited(psi).length;
    times.psi.push(await timed(() => start(sandbox, 'app', expected)));
    inside.push(await insidePsi(psi, before));
  }
  await psi.stop();

  const [none, file, shell] = [median(times.none), median(times.file), median(times.psi)];
  const share = median(inside);
  return [
    {
      id: 'run-added',
      what: `podman run (${sandbox.version}) with ${String(KEYS)} secrets as variables: time added by PSI's driver`,
      value: shell - none,
      unit: 'ms',
      beside: `the file driver adds ${ms(file - none)}; without secrets a run takes ${ms(none)}`,
    },
    {
      id: 'run-share',
      what: 'of that, the time inside PSI (audit log)',
      value: (share / (shell - none)) * 100,
      unit: '%',
      beside: `${ms(share)}; the rest is Podman, sh and curl, ${String(KEYS)} times`,
    },
  ];
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
