// The providers of one config as the running service has them: each with the lookups over it.

import type { Config } from '../config/config.ts';
import type { PsiError } from '../core/error.ts';
import type { BatchedReader } from '../lookup/batching.ts';
import { closeAll, openAll } from '../provider/opened.ts';
import type { ProviderConfig } from '../provider/provider.ts';
import type { SecretSource } from '../provider/secret-source.ts';
import type { GuardedSource } from '../provider/with-breaker.ts';
import type { Providers } from './running-config.ts';

export type ServedProvider = {
  readonly source: SecretSource;
  readonly reader: BatchedReader;
  /** Why it cannot be asked at all just now; undefined: it can. */
  readonly problem: () => PsiError | undefined;
  /** How it answers, and a look whether it does again. */
  readonly answers: Pick<GuardedSource, 'silent' | 'lookAgain'>;
  readonly close: () => void;
};

export async function openProviders(
  config: Config,
  open: (name: string, provider: ProviderConfig) => Promise<ServedProvider>,
): Promise<Providers> {
  const opened = await openAll(config.providers, open);
  const each = <T>(part: (provider: ServedProvider) => T): ReadonlyMap<string, T> =>
    new Map([...opened].map(([name, provider]) => [name, part(provider)]));
  return {
    sources: each(({ source }) => source),
    readers: each(({ reader }) => reader),
    problems: () => [...opened.values()].map(({ problem }) => problem()).filter((problem) => problem !== undefined),
    silent: () => each(({ answers }) => answers.silent()),
    lookAgain: async () => {
      await Promise.all([...opened.values()].map(({ answers }) => answers.lookAgain()));
    },
    close: () => {
      closeAll(opened);
    },
  };
}
