// What the service starts with: the config file, else the last good config, else nothing. A start never fails for want of a config.

import type { Config } from '../config/config.ts';
import { defaultConfig, readConfig, type Loaded, type LoadOptions } from '../config/load.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import type { LastGoodStore } from './last-good.ts';

/** What a config was read from. */
export type Origin = 'file' | 'last-good' | 'nothing';

export type Start = {
  readonly origin: Origin;
  readonly config: Config;
  readonly warnings: Loaded['warnings'];
  /** The bytes that the config was read from; undefined: there were none. */
  readonly content: Uint8Array | undefined;
  /** Why it is not the file's; undefined: it is. */
  readonly refusal: PsiError | undefined;
  /** Why it is not the last good one either; undefined: it is, or none is kept. */
  readonly lastGoodProblem: PsiError | undefined;
};

/** `lastGood`: of the state folder that holds while the config cannot say which. Never fails. */
export async function startingConfig(options: LoadOptions, lastGood: LastGoodStore): Promise<Start> {
  try {
    const loaded = await readConfig(options);
    return { ...loaded, origin: 'file', refusal: undefined, lastGoodProblem: undefined };
  } catch (thrown) {
    return await withoutFile(options, lastGood, toPsiError(thrown));
  }
}

async function withoutFile(options: LoadOptions, lastGood: LastGoodStore, refusal: PsiError): Promise<Start> {
  const nothing = { config: defaultConfig(options), warnings: [], content: undefined };
  try {
    const kept = await lastGoodConfig(options, lastGood);
    if (kept) return { ...kept, origin: 'last-good', refusal, lastGoodProblem: undefined };
    return { ...nothing, origin: 'nothing', refusal, lastGoodProblem: undefined };
  } catch (thrown) {
    return { ...nothing, origin: 'nothing', refusal, lastGoodProblem: notGoodEither(lastGood, toPsiError(thrown)) };
  }
}

function notGoodEither({ path }: LastGoodStore, { code, message }: PsiError): PsiError {
  return new PsiError(code, `the last good config ${path} cannot be used either: ${message}`, {
    hint: 'mend the config file: the next good one takes its place',
  });
}

/** As if the file held it; undefined: none is kept. */
export async function lastGoodConfig(options: LoadOptions, lastGood: LastGoodStore): Promise<Loaded | undefined> {
  const content = await lastGood.read();
  return content && (await readConfig({ ...options, readFile: () => Promise.resolve(content) }));
}
