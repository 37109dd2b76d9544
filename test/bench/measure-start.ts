// From nothing to a healthy answer and to the first live lookup, and what the process weighs, with 5,000 mappings in the state folder.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ask } from '../hosts/psi-process.ts';
import { run } from '../hosts/run.ts';
import { startBare } from './child.ts';
import { load } from './load.ts';
import { median, ms, timed, type Figure, type Stage } from './measurement.ts';
import { residentMb } from '../hosts/process-cost.ts';
import { mappingText, secretId, startDouble, startPsiFor, type DoubleProcess } from './world.ts';

const MAPPINGS = 5_000;
const KEYS_PER_PATH = 50;
const VALUE = 'one of many values';
const STARTS = 5;
const FIRST_LOOKUP = `/lookup/${secretId(0)}`;

export async function measureStart(stage: Stage, command: readonly string[]): Promise<readonly Figure[]> {
  const folders = Object.fromEntries(
    Array.from({ length: MAPPINGS / KEYS_PER_PATH }, (_, path) => [`/p${String(path)}`, keys(path)]),
  );
  const double = await startDouble(stage, folders);
  const dir = await stage.folder();
  await writeState(join(dir, 'state'), MAPPINGS);
  const single = await stage.folder();
  await writeState(join(single, 'state'), 1);
  const full: number[] = [];
  const live: number[] = [];
  const liveOfOne: number[] = [];
  for (let round = 0; round < STARTS; round += 1) {
    full.push(await startOnce(stage, { double, command, dir }, '/healthz'));
    live.push(await startOnce(stage, { double, command, dir }, FIRST_LOOKUP));
    liveOfOne.push(await startOnce(stage, { double, command, dir: single }, FIRST_LOOKUP));
  }
  const psi = await startPsiFor(stage, { double, command, dir });
  const bare = await bareMemory(stage);
  const atRest = await residentMb(psi.pid);
  const paths = Array.from({ length: MAPPINGS }, (_, index) => `/lookup/${secretId(index)}`);
  const { failures } = await load({ socket: psi.socket, paths, body: VALUE, clients: 8, total: MAPPINGS, warmUp: 0 });
  if (failures[0] !== undefined) throw new Error(failures[0]);
  const memory = await residentMb(psi.pid);
  return [
    {
      id: 'start',
      what: 'start to the first answer of /healthz with 5,000 mappings, p50',
      value: median(full),
      unit: 'ms',
      beside: `node itself ${ms(await startOfNode())}`,
    },
    {
      id: 'start-live',
      what: 'start to the first answer of a lookup that the provider is asked for, with 5,000 mappings, p50',
      value: median(live),
      unit: 'ms',
      beside: `with one mapping ${ms(median(liveOfOne))}`,
    },
    {
      id: 'start-live-many',
      what: 'the same beside a start with one mapping',
      value: median(live) / median(liveOfOne),
      unit: 'x',
      beside: `${ms(median(live))} beside ${ms(median(liveOfOne))}`,
    },
    {
      id: 'memory',
      what: 'resident memory with 5,000 mappings, after each was looked up once',
      value: memory,
      unit: 'MB',
      beside: `${atRest.toFixed(0)} MB after the start`,
    },
    {
      id: 'memory-ratio',
      what: 'the same beside a bare node:http server after as many connections',
      value: memory / bare,
      unit: 'x',
      beside: `${memory.toFixed(0)} MB beside ${bare.toFixed(0)} MB, under the same flags`,
    },
  ];
}

/** Of the yardstick, after the same load. */
async function bareMemory(stage: Stage): Promise<number> {
  const socket = join(await stage.folder(), 'bare.sock');
  const { pid } = await startBare(stage, socket, VALUE);
  await load({ socket, paths: ['/lookup/any'], body: VALUE, clients: 8, total: MAPPINGS, warmUp: 0 });
  return residentMb(pid);
}

function keys(path: number): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Array.from({ length: KEYS_PER_PATH }, (_, key) => [`KEY_${String(path * KEYS_PER_PATH + key)}`, VALUE]),
  );
}

async function writeState(dir: string, mappings: number): Promise<void> {
  await mkdir(dir, { mode: 0o700 });
  for (let index = 0; index < mappings; index += 1) {
    const path = `/p${String(Math.floor(index / KEYS_PER_PATH))}`;
    await writeFile(join(dir, secretId(index)), mappingText(path, `KEY_${String(index)}`), { mode: 0o600 });
  }
}

async function startOnce(
  stage: Stage,
  options: { readonly double: DoubleProcess; readonly command: readonly string[]; readonly dir: string },
  path: string,
): Promise<number> {
  const startedAt = performance.now();
  // Not when its log says so: lines come in batches, up to 20 ms later.
  const answered = firstAnswer(join(options.dir, 'psi.sock'), path).then(() => performance.now() - startedAt);
  const [psi, took] = await Promise.all([startPsiFor(stage, options), answered]);
  await psi.stop();
  return took;
}

const PATIENCE_MS = 20_000;

async function firstAnswer(socket: string, path: string): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  while (performance.now() < until) {
    const reply = await ask(socket, 'GET', path).catch(() => undefined);
    if (reply?.status === 200) return;
    if (reply) throw new Error(`${path} answered ${String(reply.status)}`);
    await pause(1);
  }
  throw new Error(`no answer of ${path} within ${String(PATIENCE_MS / 1000)} s`);
}

async function startOfNode(): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < STARTS; round += 1) {
    times.push(await timed(() => run([process.execPath, '-e', '0'])));
  }
  return median(times);
}
