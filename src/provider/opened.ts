// Providers that are opened together, and closed together whatever becomes of the work with them.

import type { Provider } from './provider.ts';

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
