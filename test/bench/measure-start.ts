// From nothing to a healthy answer, and what the process weighs, with 5,000 mappings in the state folder.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ask } from '../hosts/psi-process.ts';
import { run } from '../hosts/run.ts';
import { load } from './load.ts';
import { median, ms, timed, type Figure, type Stage } from './measurement.ts';
import { residentMb } from './process-cost.ts';
import { mappingText, secretId, startDouble, startPsiFor, type DoubleProcess } from './world.ts';

const MAPPINGS = 5_000;
const KEYS_PER_PATH = 50;
const VALUE = 'one of many values';
const STARTS = 5;

export async function measureStart(stage: Stage, command: readonly string[]): Promise<readonly Figure[]> {
  const folders = Object.fromEntries(
    Array.from({ length: MAPPINGS / KEYS_PER_PATH }, (_, path) => [`/p${String(path)}`, keys(path)]),
  );
  const double = await startDouble(stage, folders);
  const dir = await stage.folder();
  await writeState(join(dir, 'state'));
  const empty = await stage.folder();
  const full: number[] = [];
  const none: number[] = [];
  for (let round = 0; round < STARTS; round += 1) {
    full.push(await startOnce(stage, { double, command, dir }));
    none.push(await startOnce(stage, { double, command, dir: empty }));
  }
  const psi = await startPsiFor(stage, { double, command, dir });
  const atRest = await residentMb(psi.pid);
  const paths = Array.from({ length: MAPPINGS }, (_, index) => `/lookup/${secretId(index)}`);
  const { failures } = await load({ socket: psi.socket, paths, body: VALUE, clients: 8, total: MAPPINGS, warmUp: 0 });
  if (failures[0] !== undefined) throw new Error(failures[0]);
  return [
    {
      id: 'start',
      what: 'start to the first answer of /healthz with 5,000 mappings, p50',
      value: median(full),
      unit: 'ms',
      beside: `without mappings ${ms(median(none))}; node itself ${ms(await startOfNode())}`,
    },
    {
      id: 'memory',
      what: 'resident memory with 5,000 mappings, after each was looked up once',
      value: await residentMb(psi.pid),
      unit: 'MB',
      beside: `${atRest.toFixed(0)} MB after the start`,
    },
  ];
}

function keys(path: number): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Array.from({ length: KEYS_PER_PATH }, (_, key) => [`KEY_${String(path * KEYS_PER_PATH + key)}`, VALUE]),
  );
}

async function writeState(dir: string): Promise<void> {
  await mkdir(dir, { mode: 0o700 });
  for (let index = 0; index < MAPPINGS; index += 1) {
    const path = `/p${String(Math.floor(index / KEYS_PER_PATH))}`;
    await writeFile(join(dir, secretId(index)), mappingText(path, `KEY_${String(index)}`), { mode: 0o600 });
  }
}

async function startOnce(
  stage: Stage,
  options: { readonly double: DoubleProcess; readonly command: readonly string[]; readonly dir: string },
): Promise<number> {
  const startedAt = performance.now();
  const psi = await startPsiFor(stage, options);
  const { status } = await ask(psi.socket, 'GET', '/healthz');
  const took = performance.now() - startedAt;
  if (status !== 200) throw new Error(`/healthz answered ${String(status)}`);
  await psi.stop();
  return took;
}

async function startOfNode(): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < STARTS; round += 1) {
    times.push(await timed(() => run([process.execPath, '-e', '0'])));
  }
  return median(times);
}
