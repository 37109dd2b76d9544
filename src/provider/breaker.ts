// When to stop asking somebody who does not answer: Podman's host-wide lock is held for as long as a lookup waits.
// Pure: events and times in, the next state out.

export type Breaker =
  | { readonly state: 'closed'; readonly failures: number }
  | { readonly state: 'open'; readonly since: number; readonly until: number; readonly coolDownMs: number }
  /** One call has been let through to try; the others still fail at once. */
  | { readonly state: 'probing'; readonly since: number; readonly coolDownMs: number };

export const CLOSED: Breaker = { state: 'closed', failures: 0 };

/** Failures that come at once hold nothing up, so a few in a row are borne before the breaker opens. A timeout opens it by itself. */
const FAST_FAILURES = 3;
const FIRST_COOL_DOWN_MS = 2_000;
const LONGEST_COOL_DOWN_MS = 30_000;

export type Permission =
  { readonly allowed: true; readonly next: Breaker } | { readonly allowed: false; readonly retryInMs: number };

/** May a call be made now? */
export function ask(breaker: Breaker, now: number): Permission {
  switch (breaker.state) {
    case 'closed':
      return { allowed: true, next: breaker };
    case 'probing':
      return { allowed: false, retryInMs: breaker.coolDownMs };
    case 'open':
      if (now < breaker.until) return { allowed: false, retryInMs: breaker.until - now };
      return { allowed: true, next: { state: 'probing', since: breaker.since, coolDownMs: breaker.coolDownMs } };
  }
}

/** A call was answered, be it by a refusal: somebody is there. */
export function succeeded(): Breaker {
  return CLOSED;
}

/** A call got no usable answer. `slow`: it used up its time, so the next one would hold the lock as long. */
export function failed(breaker: Breaker, slow: boolean, now: number): Breaker {
  switch (breaker.state) {
    case 'closed':
      if (!slow && breaker.failures + 1 < FAST_FAILURES) return { state: 'closed', failures: breaker.failures + 1 };
      return { state: 'open', since: now, until: now + FIRST_COOL_DOWN_MS, coolDownMs: FIRST_COOL_DOWN_MS };
    case 'probing': {
      const coolDownMs = Math.min(breaker.coolDownMs * 2, LONGEST_COOL_DOWN_MS);
      return { state: 'open', since: breaker.since, until: now + coolDownMs, coolDownMs };
    }
    case 'open':
      // A call from before it opened: it tells nothing new.
      return breaker;
  }
}
