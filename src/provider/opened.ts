// Providers that are opened together, and closed together whatever becomes of the work with them.

import { PsiError, toPsiError } from '../core/error.ts';
import { SingleFlight } from '../core/single-flight.ts';
import type { Provider } from './provider.ts';
import type { SecretSource } from './secret-source.ts';

type Closable = { readonly close: () => void };

/** By the names of the config. Where one cannot be opened, those before it are closed again. */
export async function openAll<C, P extends Closable>(
  configured: ReadonlyMap<string, C>,
  open: (name: string, config: C) => Promise<P>,
): Promise<ReadonlyMap<string, P>> {
  const opened = new Map<string, P>();
  try {
    for (const [name, config] of configured) opened.set(name, await open(name, config));
    return opened;
  } catch (thrown) {
    closeAll(opened);
    throw thrown;
  }
}

export function closeAll(opened: ReadonlyMap<string, Closable>): void {
  for (const one of opened.values()) one.close();
}

/** For commands that have a process of their own: closes it once the work has ended. */
export async function withProvider<T>(provider: Provider, work: (provider: Provider) => Promise<T>): Promise<T> {
  try {
    return await work(provider);
  } finally {
    provider.close();
  }
}

/** A provider that may not be open yet: what it needs to be asked (an authority's file) is no condition of serving what is known. */
export type OpenedOrLater = {
  readonly source: SecretSource;
  readonly probe: (signal: AbortSignal) => Promise<void>;
  /** Why it could not be opened the last time; undefined: it is open. */
  readonly problem: () => PsiError | undefined;
  readonly close: () => void;
};

/** Opens it now where that can be done, else with each call that needs it. Never fails. */
export async function openedOrLater(open: () => Promise<Provider>): Promise<OpenedOrLater> {
  const opening = new SingleFlight<'open', Provider>();
  const state: { opened?: Provider; problem?: PsiError | undefined; closed: boolean } = { closed: false };
  const tried = async (): Promise<Provider> => {
    try {
      const opened = await open();
      Object.assign(state, { opened, problem: undefined });
      if (state.closed) opened.close();
      return opened;
    } catch (thrown) {
      state.problem = toPsiError(thrown);
      throw state.problem;
    }
  };
  const provider = async (): Promise<Provider> => state.opened ?? (await opening.run('open', tried));
  await provider().catch(() => undefined);
  return {
    source: {
      list: async (place, options) => (await provider()).source.list(place, options),
      get: async (ref, signal) => (await provider()).source.get(ref, signal),
      folders: async (place, signal) => (await provider()).source.folders(place, signal),
    },
    probe: async (signal) => {
      const { probe } = await provider();
      if (!probe) throw new PsiError('PROVIDER_DOWN', 'it has no status that could be asked for');
      await probe(signal);
    },
    problem: () => state.problem,
    close: () => {
      state.closed = true;
      state.opened?.close();
    },
  };
}
