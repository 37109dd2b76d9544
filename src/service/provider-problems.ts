// What is told of a provider that gives no usable answer: since when, why, and what lookups are answered with meanwhile.

import type { CacheStatus } from '../cache/status.ts';
import { isoSeconds } from '../core/time.ts';
import type { ServiceProblem } from '../lookup/status.ts';
import type { Silent } from '../provider/with-breaker.ts';

export type ProviderStatus = {
  readonly name: string;
  /** Did its last answer come, as far as it was asked? */
  readonly up: boolean;
  /** Since when it is not. */
  readonly since: string | null;
  readonly message: string | null;
  /** That give no usable answer while the others do: the first twenty. */
  readonly places: readonly { readonly place: string; readonly since: string; readonly message: string }[];
};

const SHOWN_PLACES = 20;

export function providerStatus(silent: ReadonlyMap<string, readonly Silent[]>): readonly ProviderStatus[] {
  return [...silent].map(([name, each]) => {
    const whole = each.find(({ place }) => place === undefined);
    return {
      name,
      up: !whole,
      since: whole ? isoSeconds(whole.since) : null,
      message: whole?.error.message ?? null,
      places: each
        .slice(0, SHOWN_PLACES)
        .flatMap(({ place, since, error: { message } }) =>
          place ? [{ place: `${place.project}:${place.path}`, since: isoSeconds(since), message }] : [],
        ),
    };
  });
}

const ASKED_AGAIN = 'the next lookup asks again, and so does `podman exec psi psi setup`';

/** `cache`: undefined where there is none. */
export function providerProblems(
  silent: ReadonlyMap<string, readonly Silent[]>,
  cache: Pick<CacheStatus, 'state' | 'entries' | 'expired'> | undefined,
): readonly ServiceProblem[] {
  const told = meanwhile(cache);
  return [...silent].flatMap(([name, each]) =>
    each.slice(0, SHOWN_PLACES).map(({ place, since, error: { message, hint } }) => ({
      severity: 'error' as const,
      subject: null,
      message: `${name} has given no usable answer ${place ? `for ${place.project}:${place.path} ` : ''}since ${isoSeconds(since)} (${message}); ${told}`,
      hint: [hint, ASKED_AGAIN].filter((one) => one !== undefined).join('; '),
    })),
  );
}

function meanwhile(cache: Pick<CacheStatus, 'state' | 'entries' | 'expired'> | undefined): string {
  if (!cache) return 'lookups of it fail meanwhile: there is no cache';
  if (cache.state !== 'ready') return `the cache is ${cache.state}: lookups of what it would have fail meanwhile`;
  const stale = cache.expired > 0 ? `, ${String(cache.expired)} of them older than \`cache.max_age\`` : '';
  return `lookups are answered from the cache meanwhile (${String(cache.entries)} values${stale})`;
}
