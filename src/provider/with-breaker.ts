// A source that is not asked while it does not answer: a dead provider costs one timeout, not one per lookup.

import { ask, CLOSED, failed, succeeded, type Breaker } from './breaker.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import type { Clock } from '../core/clock.ts';
import type { SecretSource } from './secret-source.ts';

export type BreakerDeps = { readonly name: string; readonly clock: Clock };

export function withBreaker(source: SecretSource, deps: BreakerDeps): SecretSource {
  const { name, clock } = deps;
  let breaker: Breaker = CLOSED;
  let lastMessage = '';

  const guarded = async <T>(call: () => Promise<T>): Promise<T> => {
    const permission = ask(breaker, clock.monotonic());
    if (!permission.allowed) throw resting(permission.retryInMs);
    breaker = permission.next;
    try {
      const result = await call();
      breaker = succeeded();
      return result;
    } catch (thrown) {
      const error = toPsiError(thrown);
      if (error.code === 'PROVIDER_DOWN' || error.code === 'DEADLINE') {
        lastMessage = error.message;
        breaker = failed(breaker, error.code === 'DEADLINE', clock.monotonic());
      } else {
        breaker = succeeded();
      }
      throw error;
    }
  };

  const resting = (retryInMs: number): PsiError => {
    const since = breaker.state === 'closed' ? 0 : Math.round((clock.monotonic() - breaker.since) / 1000);
    return new PsiError('PROVIDER_DOWN', `${name} has not answered for ${String(since)} s (${lastMessage})`, {
      hint: `psi asks again in ${String(Math.ceil(retryInMs / 1000))} s; see \`podman exec psi psi status\``,
      retry: 'later',
      retryAfterMs: retryInMs,
    });
  };

  return {
    list: (place, options) => guarded(() => source.list(place, options)),
    get: (ref, signal) => guarded(() => source.get(ref, signal)),
  };
}
