// Wiring of how the config file is read, and of what stands for it where it cannot be. Part of the composition root.

import { stat } from 'node:fs/promises';
import { fileCalls, readBounded } from '../adapters/files/file-calls.ts';
import { LastGoodFile } from '../adapters/files/last-good-file.ts';
import { configFile, defaultConfig, type LoadOptions } from '../config/load.ts';
import type { Env } from '../config/surroundings.ts';
import type { LastGoodStore } from '../service/last-good.ts';
import { PROVIDER_KINDS } from './provider-kinds.ts';

export type ReadingDeps = { readonly env: Env; readonly uid: number };

/** `path`: of `--config`. The last good config is that of the state folder which holds while the file cannot say which. */
export function composeReading(
  path: string | undefined,
  { env, uid }: ReadingDeps,
): { readonly load: LoadOptions & { readonly path: string }; readonly lastGood: LastGoodStore } {
  const file = configFile({ path, env, uid });
  const load = { path: file, env, uid, readFile: readBounded, kinds: PROVIDER_KINDS };
  return { load, lastGood: new LastGoodFile({ stateDir: defaultConfig(load).stateDir }) };
}

/** When a file was changed, ms since the epoch. */
export async function changedAt(path: string): Promise<number> {
  return (await fileCalls.run(path, () => stat(path))).mtimeMs;
}

/** What others may do with it; undefined: it is not there. */
export async function opennessOf(path: string): Promise<{ readonly mode: number } | undefined> {
  return await stat(path).catch(() => undefined);
}
