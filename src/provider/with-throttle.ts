// A source that keeps to a limit the server has named: asking again before the time is up prolongs some servers' bans.

import { PsiError } from '../core/error.ts';
import type { Clock } from '../core/clock.ts';
import type { SecretSource } from './secret-source.ts';

export type ThrottleDeps = { readonly name: string; readonly clock: Clock };

export function withThrottle(source: SecretSource, deps: ThrottleDeps): SecretSource {
  const { name, clock } = deps;
  let notBefore = 0;

  const guarded = async <T>(call: () => Promise<T>): Promise<T> => {
    const wait = notBefore - clock.monotonic();
    if (wait > 0) {
      throw new PsiError(
        'THROTTLED',
        `${name} limits requests; it asked to wait another ${String(Math.ceil(wait / 1000))} s`,
        {
          hint: 'fewer calls: put secrets that start together into one path, or raise the limit of the server',
          retry: 'later',
          retryAfterMs: wait,
        },
      );
    }
    try {
      return await call();
    } catch (thrown) {
      if (thrown instanceof PsiError && thrown.code === 'THROTTLED' && thrown.retryAfterMs !== undefined) {
        notBefore = Math.max(notBefore, clock.monotonic() + thrown.retryAfterMs);
      }
      throw thrown;
    }
  };

  return {
    list: (place, options) => guarded(() => source.list(place, options)),
    get: (ref, signal) => guarded(() => source.get(ref, signal)),
  };
}
