// A source that is left alone for as long as the server asked: coming again before the time is up prolongs some servers' bans. Nobody waits
// here: whoever comes too early is told how long is left.

import { PsiError } from '../core/error.ts';
import type { Clock } from '../core/clock.ts';
import type { SecretSource } from './secret-source.ts';

export type ThrottleDeps = { readonly name: string; readonly clock: Clock };

/** Nobody is left alone for longer, whatever was asked: a header of 115 days is a mistake, and one call too many costs little. */
const LONGEST_REST_MS = 10 * 60_000;

export function withThrottle(source: SecretSource, deps: ThrottleDeps): SecretSource {
  const { name, clock } = deps;
  let notBefore = 0;

  const guarded = async <T>(call: () => Promise<T>): Promise<T> => {
    const leftMs = notBefore - clock.monotonic();
    if (leftMs > 0) {
      throw new PsiError(
        'THROTTLED',
        `${name} limits requests; it asked to wait another ${String(Math.ceil(leftMs / 1000))} s`,
        {
          hint: 'fewer calls: put secrets that start together into one path, or raise the limit of the server',
          retry: 'later',
          retryAfterMs: leftMs,
        },
      );
    }
    try {
      return await call();
    } catch (thrown) {
      if (thrown instanceof PsiError && thrown.code === 'THROTTLED' && thrown.retryAfterMs !== undefined) {
        const restMs = Math.min(thrown.retryAfterMs, LONGEST_REST_MS);
        notBefore = Math.max(notBefore, clock.monotonic() + restMs);
      }
      throw thrown;
    }
  };

  return {
    list: (place, options) => guarded(() => source.list(place, options)),
    get: (ref, signal) => guarded(() => source.get(ref, signal)),
  };
}
