// `psi cache reseal` and `psi cache recover`: the file is written anew for the recipients that the config names, and then it is tried who
// opens it.

import type { SecretValue } from '../core/secret-value.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import { EXIT, exitCode } from '../core/exit.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import { allOpen, type RecipientState } from '../sealing/recipient-state.ts';
import type { SecretCache } from './cache.ts';
import type { Recoverable } from './cache-file.ts';
import { cacheIsOff } from './control.ts';

export type CacheResealDeps = {
  /** Undefined: the cache is off. `settings`: what its keys were made from. */
  readonly running: { readonly cache: SecretCache; readonly settings: string } | undefined;
  /** Of the config as it is on disk now. */
  readonly settingsNow: () => Promise<string>;
};

export type ResealReport = {
  /** In memory, and in the file unless there is a `failure`. */
  readonly entries: number;
  /** How many the recovered file held; null: none was recovered. */
  readonly recovered: number | null;
  /** Why nothing was written: the file is as it was. */
  readonly failure: Failure | null;
  /** Why it was written without a key for somebody. */
  readonly problem: Failure | null;
  readonly recipients: readonly RecipientState[];
  /** 0: each recipient of the config has its key, and those that could be tried open the file. */
  readonly exit: number;
};

/** What the command that has the identity unwraps, in base64: the service is told one file's key, and never sees an identity. */
export type RecoveryKeys = {
  readonly fileId: string;
  readonly keys: readonly { readonly recipient: string; readonly wrappedKey: string }[];
};

export class CacheReseal {
  readonly #deps: CacheResealDeps;

  constructor(deps: CacheResealDeps) {
    this.#deps = deps;
  }

  async reseal(): Promise<ResealReport> {
    const { running, settingsNow } = this.#deps;
    if (running === undefined) throw cacheIsOff('reseal');
    if ((await settingsNow()) !== running.settings) {
      throw new PsiError('CONFIG_INVALID', '`cache` was changed in the config, which needs a restart', {
        hint: '`systemctl restart psi.service`, then `podman exec psi psi cache reseal`',
      });
    }
    return sealed(running.cache, await sealTwice(running.cache), null);
  }

  /** Undefined: there is no file. */
  recoverable(): Promise<Recoverable | undefined> {
    return this.#cacheFor('recover').recoverable();
  }

  /** What was recovered is in memory whether it can be sealed or not. */
  async recover(fileId: string, dataKey: SecretValue): Promise<ResealReport> {
    const cache = this.#cacheFor('recover');
    const recovered = await cache.recover(fileId, dataKey);
    try {
      return sealed(cache, await sealTwice(cache), recovered);
    } catch (thrown) {
      const error = toPsiError(thrown);
      const { entries } = cache.status();
      const exit = exitCode(error.code);
      return { entries, recovered, failure: failureOf(error), problem: null, recipients: [], exit };
    }
  }

  #cacheFor(what: string): SecretCache {
    const { running } = this.#deps;
    if (running === undefined) throw cacheIsOff(what);
    return running.cache;
  }
}

/**
 * A token is asked only for what opens: that it is another one than before shows after it was sealed for. Then it is known, and sealed for.
 */
async function sealTwice(cache: SecretCache): Promise<readonly RecipientState[]> {
  await cache.reseal();
  const states = await statesOf(cache);
  if (states.every(({ opens }) => opens !== false)) return states;
  await cache.reseal();
  return statesOf(cache);
}

async function statesOf(cache: SecretCache): Promise<readonly RecipientState[]> {
  return (await cache.recipients({ logIn: true })) ?? [];
}

function sealed(cache: SecretCache, recipients: readonly RecipientState[], recovered: number | null): ResealReport {
  const { entries, problem } = cache.status();
  const exit = allOpen(recipients) ? EXIT.DONE : exitCode('KEY_UNAVAILABLE');
  return { entries, recovered, failure: null, problem, recipients, exit };
}
