// A source whose routes are left alone for as long as the server asked: coming again before the time is up prolongs some servers' bans.
// Servers count each route by itself, for all projects together, so a limit on lists holds no single read back. Nobody waits here: whoever
// comes too early is told how long is left.

import { PsiError } from '../core/error.ts';
import type { Clock } from '../core/clock.ts';
import type { SecretSource } from './secret-source.ts';

export type ThrottleDeps = { readonly name: string; readonly clock: Clock };

type Route = 'list' | 'get' | 'folders';

/** Nobody is left alone for longer, whatever was asked: a header of 115 days is a mistake, and one call too many costs little. */
const LONGEST_REST_MS = 10 * 60_000;

const WORDS: Readonly<Record<Route, string>> = {
  list: 'lists of folders',
  get: 'single reads',
  folders: 'questions for folders',
};

export function withThrottle(source: SecretSource, deps: ThrottleDeps): SecretSource {
  const { name, clock } = deps;
  const notBefore: Record<Route, number> = { list: 0, get: 0, folders: 0 };

  const guarded = async <T>(route: Route, call: () => Promise<T>): Promise<T> => {
    const leftMs = notBefore[route] - clock.monotonic();
    if (leftMs > 0) {
      const left = String(Math.ceil(leftMs / 1000));
      throw new PsiError('THROTTLED', `${name} limits ${WORDS[route]}; it asked to wait another ${left} s`, {
        hint: 'fewer calls: put secrets that start together into one path, or raise the limit of the server',
        retry: 'later',
        retryAfterMs: leftMs,
      });
    }
    try {
      return await call();
    } catch (thrown) {
      if (thrown instanceof PsiError && thrown.code === 'THROTTLED' && thrown.retryAfterMs !== undefined) {
        const until = clock.monotonic() + Math.min(thrown.retryAfterMs, LONGEST_REST_MS);
        for (const held of heldBy(thrown, route)) notBefore[held] = Math.max(notBefore[held], until);
      }
      throw thrown;
    }
  };

  return {
    list: (place, options) => guarded('list', () => source.list(place, options)),
    get: (ref, signal) => guarded('get', () => source.get(ref, signal)),
    folders: (place, signal) => guarded('folders', () => source.folders(place, signal)),
  };
}

/** A limit on logins is on the way of all. A single read may need a list, and the other way round. */
function heldBy({ details }: PsiError, asked: Route): readonly Route[] {
  switch (details['route']) {
    case 'login':
      return ['list', 'get', 'folders'];
    case 'list':
    case 'get':
    case 'folders':
      return [details['route']];
    default:
      return [asked];
  }
}
