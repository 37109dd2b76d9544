// What a save of the encrypted cache takes beside a plain write of as many bytes to the same folder, and what lookups notice of saves that follow
// each other without a pause: more than ever happens. Its key is a credential; a TPM adds its own time, off the main thread.
import { randomBytes } from 'node:crypto';
import { open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ask, type PsiProcess } from '../hosts/psi-process.ts';
import { load, type LoadResult } from './load.ts';
import { median, ms, percentile, timed, type Figure, type Stage } from './measurement.ts';
import { folder, registerAll, startDouble, startPsiFor, type Registered } from './world.ts';

const FOLDERS = 100;
const KEYS_PER_FOLDER = 50;
const VALUE = 'a value of an ordinary length: 48 bytes, no more';
const SAVES = 30;
const ROUNDS = 5;
/** Of these each save drops one, which is what makes it a save. */
const VICTIMS = 1_000;

export async function measureCacheSave(stage: Stage, command: readonly string[]): Promise<readonly Figure[]> {
  const folders = Object.fromEntries(
    Array.from({ length: FOLDERS }, (_, at) => [`/p${String(at)}`, folder(KEYS_PER_FOLDER, () => VALUE)]),
  );
  const dir = await stage.folder();
  const psi = await startPsiFor(stage, { double: await startDouble(stage, folders), command, dir, cached: true });
  const all = (await registerAll(psi, folders)).flat();
  const victims = all.slice(0, VICTIMS);
  const kept = all.slice(VICTIMS).map(({ id }) => `/lookup/${id}`);
  const fill = await lookUp(
    psi,
    all.map(({ id }) => `/lookup/${id}`),
  );

  const save = saver(join(dir, 'control.sock'), victims);
  await save();
  const size = (await stat(join(psi.stateDir, 'cache.enc'))).size;
  const bytes = randomBytes(size);
  const saves: number[] = [];
  const writes: number[] = [];
  for (let round = 0; round < SAVES; round += 1) {
    saves.push(await timed(save));
    writes.push(await timed(() => plainWrite(psi.stateDir, bytes)));
  }

  const idle: LoadResult[] = [];
  const busy: LoadResult[] = [];
  let during = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    idle.push(await lookUp(psi, kept));
    const lookups = lookUp(psi, kept);
    during += await repeatUntil(lookups, save);
    busy.push(await lookups);
  }
  const failures = [fill, ...idle, ...busy].flatMap((result) => result.failures);
  const p99 = (results: readonly LoadResult[]): number =>
    percentile(
      results.flatMap((result) => result.latencies),
      99,
    );
  const entries = all.length - SAVES;
  return [
    {
      id: 'cache-save',
      what: `save of the cache with ${entries.toLocaleString('en')} entries, off the lookup path, p50`,
      value: median(saves),
      unit: 'ms',
      beside: `p99 ${ms(percentile(saves, 99))}; ${(size / 1024).toFixed(0)} KiB`,
    },
    {
      id: 'cache-save-ratio',
      what: 'the same beside a plain write and fsync of as many bytes',
      value: median(saves) / median(writes),
      unit: 'x',
      beside: `${ms(median(saves))} beside ${ms(median(writes))}`,
    },
    {
      id: 'cache-save-lookups-p99',
      what: 'cached lookups while saves follow each other without a pause: p99 beside that without saves',
      value: p99(busy) / p99(idle),
      unit: 'x',
      beside: `${ms(p99(busy))} beside ${ms(p99(idle))}; ${String(during)} saves`,
    },
    {
      id: 'cache-save-failures',
      what: 'failed lookups of all of these',
      value: failures.length,
      unit: 'failures',
      beside: failures[0] ?? '',
    },
  ];
}

function lookUp(psi: PsiProcess, paths: readonly string[]): Promise<LoadResult> {
  return load({ socket: psi.socket, paths, body: VALUE, clients: 1, total: paths.length, warmUp: 500 });
}

/** Each call drops one value more, and answers when that is on disk. */
function saver(control: string, victims: readonly Registered[]): () => Promise<void> {
  let next = 0;
  return async () => {
    const name = victims[next++]?.id;
    if (name === undefined) throw new Error('more saves than there are values to drop');
    const body = JSON.stringify({ name });
    const reply = await ask(control, 'POST', '/cache/invalidate', body, { 'content-type': 'application/json' });
    if (!reply.body.includes('"dropped":1')) throw new Error(`nothing was saved: ${reply.body.toString()}`);
  };
}

/** As PSI replaces a file, without what makes its bytes. */
async function plainWrite(dir: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dir, '.bench.tmp');
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(dir, '.bench'));
  const folderHandle = await open(dir, 'r');
  try {
    await folderHandle.sync();
  } finally {
    await folderHandle.close();
  }
}

async function repeatUntil(end: Promise<unknown>, work: () => Promise<void>): Promise<number> {
  const state = { ended: false };
  const noteEnd = (): void => {
    state.ended = true;
  };
  void end.then(noteEnd, noteEnd);
  let count = 0;
  for (; !state.ended; count += 1) await work();
  return count;
}
