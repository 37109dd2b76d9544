// A source that is asked for one place by a few callers at a time. Connections to a server are few and shared by all its places: one that
// does not answer would take all of them in the time of its first timeout. Who waits for a turn holds no connection.

import { PsiError } from '../core/error.ts';
import { Turns } from '../core/turns.ts';
import type { Place, SecretSource } from './secret-source.ts';

/** A quarter of the connections to one server. */
const AT_ONCE = 4;

type Entry = { readonly turns: Turns; users: number };

export function withPlaceTurns(source: SecretSource, { name }: { readonly name: string }): SecretSource {
  const entries = new Map<string, Entry>();

  const inTurn = async <T>(place: Place, signal: AbortSignal, call: () => Promise<T>): Promise<T> => {
    const key = JSON.stringify([place.project, place.path]);
    const entry = entries.get(key) ?? { turns: new Turns(AT_ONCE), users: 0 };
    entries.set(key, entry);
    entry.users += 1;
    try {
      const endTurn = await entry.turns.take(signal).catch((thrown: unknown) => {
        throw isTimeout(thrown) ? unanswered(name, place) : thrown;
      });
      return await call().finally(endTurn);
    } finally {
      entry.users -= 1;
      if (entry.users === 0) entries.delete(key);
    }
  };

  return {
    list: (place, options) => inTurn(place, options.signal, () => source.list(place, options)),
    get: (ref, signal) => inTurn(ref, signal, () => source.get(ref, signal)),
    folders: (place, signal) => inTurn(place, signal, () => source.folders(place, signal)),
  };
}

function isTimeout(thrown: unknown): boolean {
  return thrown instanceof PsiError && thrown.code === 'DEADLINE';
}

function unanswered(name: string, { project, path }: Place): PsiError {
  return new PsiError(
    'DEADLINE',
    `${name} has not answered ${String(AT_ONCE)} calls for ${project}:${path} that were made before this one`,
    { hint: `look at the load and the log of the ${name} server`, retry: 'later' },
  );
}
