// When to stop asking somebody who does not answer: Podman's host-wide lock is held for as long as a lookup waits. Each place rests by
// itself, so that one folder's trouble costs the others nothing; the provider rests as a whole only when all speaks for it.
// Pure: events and times in, the next state out.

import type { PsiError } from '../core/error.ts';

/** `slow`: it used up its time, so the next call would hold the lock as long. */
export type Failure = { readonly error: PsiError; readonly slow: boolean };

/** Nothing usable has come since. Where there is none of it, all is well. */
export type Silence = {
  readonly since: number;
  readonly last: PsiError;
  readonly failures: number;
  /** Undefined: it is still asked. */
  readonly rest: Rest | undefined;
};

type Rest = {
  readonly until: number;
  readonly coolDownMs: number;
  /** When the one call that may try whether it is over was let through; the others still fail at once. */
  readonly triedAt: number | undefined;
};

export type Breakers = {
  readonly whole: Silence | undefined;
  /** Those that have failed, by a text for each. */
  readonly places: ReadonlyMap<string, Silence>;
  readonly answeredAt: number | undefined;
  /** Places that have failed since then, counted no further than to `MANY_PLACES`. */
  readonly silent: ReadonlySet<string>;
};

export const ALL_WELL: Breakers = { whole: undefined, places: new Map(), answeredAt: undefined, silent: new Set() };

/** Failures that come at once hold nothing up, so a few in a row are borne before a rest. A timeout is as bad as all of them. */
const FAST_FAILURES = 3;
const FIRST_COOL_DOWN_MS = 2_000;
const LONGEST_COOL_DOWN_MS = 30_000;

/** A try whose end nobody has told for so long has failed: no call takes longer. */
const LONGEST_TRY_MS = 60_000;

/** An answer, be it a refusal, says for so long that the provider is there, whatever places fail meanwhile. */
const ANSWER_HOLDS_MS = 60_000;

/** So many places that fail without any answer in between are no longer the trouble of one or two. */
const MANY_PLACES = 3;

/** Paths come from outside, in mappings; the one that failed first is forgotten, and asked like a new one. */
const MOST_PLACES = 1_000;

export type Permission =
  | { readonly allowed: true; readonly next: Breakers }
  | { readonly allowed: false; readonly of: 'place' | 'whole'; readonly silence: Silence; readonly retryInMs: number };

/** May this place be asked now? */
export function ask(breakers: Breakers, place: string, now: number): Permission {
  const { whole, places } = breakers;
  const silence = places.get(place);
  for (const [of, one] of [['whole', whole] as const, ['place', silence] as const]) {
    const retryInMs = leftOf(one?.rest, now);
    if (one && retryInMs > 0) return { allowed: false, of, silence: one, retryInMs };
  }
  const next = { ...breakers, whole: whole && trying(whole, now) };
  return { allowed: true, next: silence ? { ...next, places: withPlace(places, place, trying(silence, now)) } : next };
}

/** A call was answered, be it by a refusal: somebody is there. */
export function answered(breakers: Breakers, place: string, now: number): Breakers {
  const { whole, places } = breakers;
  // What failed while nobody was there at all was not the places' own trouble.
  const left = whole?.rest || places.size === 0 ? new Map<string, Silence>() : withoutPlace(places, place);
  return { whole: undefined, places: left, answeredAt: now, silent: new Set() };
}

/** A call ended and told nothing of the provider: who was let through to try has not tried. */
export function untold(breakers: Breakers, place: string): Breakers {
  const { whole, places } = breakers;
  const silence = places.get(place);
  return {
    ...breakers,
    whole: whole && untried(whole),
    places: silence ? withPlace(places, place, untried(silence)) : places,
  };
}

/** A call got no usable answer. `inDoubt`: only a question of its own tells whether the provider as a whole is away. */
export function failed(
  breakers: Breakers,
  place: string,
  failure: Failure,
  now: number,
): { readonly next: Breakers; readonly inDoubt: boolean } {
  const { places, answeredAt } = breakers;
  const whole = noted(breakers.whole, failure, now);
  const silent = breakers.silent.size < MANY_PLACES ? new Set([...breakers.silent, place]) : breakers.silent;
  const next = {
    whole,
    places: withPlace(places, place, rested(noted(places.get(place), failure, now), now)),
    answeredAt,
    silent,
  };
  if (whole.rest) return { next, inDoubt: whole.rest.triedAt !== undefined };
  const quiet = answeredAt === undefined || now - answeredAt >= ANSWER_HOLDS_MS || silent.size >= MANY_PLACES;
  return { next, inDoubt: quiet && whole.failures >= FAST_FAILURES };
}

/** The question of its own was answered: the failure was the place's own. */
export function foundUp(breakers: Breakers, place: string, now: number): Breakers {
  const { whole, places } = breakers;
  const own = places.get(place);
  const left = whole?.rest ? new Map(own ? [[place, own]] : []) : places;
  return { whole: undefined, places: left, answeredAt: now, silent: new Set() };
}

/** Somebody who asked for no secret found it there. `wasAway`: what failed while nobody was there was not the places' own trouble. */
export function seenUp({ places }: Breakers, wasAway: boolean, now: number): Breakers {
  return { whole: undefined, places: wasAway ? new Map() : places, answeredAt: now, silent: new Set() };
}

/** It was not: nobody is asked for a while. */
export function foundDown(breakers: Breakers, now: number): Breakers {
  return { ...breakers, whole: breakers.whole && rested(breakers.whole, now) };
}

function leftOf(rest: Rest | undefined, now: number): number {
  if (!rest) return 0;
  if (rest.triedAt !== undefined && now - rest.triedAt < LONGEST_TRY_MS) return rest.coolDownMs;
  return Math.max(0, rest.until - now);
}

function trying(silence: Silence, now: number): Silence {
  return silence.rest ? { ...silence, rest: { ...silence.rest, triedAt: now } } : silence;
}

function untried(silence: Silence): Silence {
  return silence.rest ? { ...silence, rest: { ...silence.rest, triedAt: undefined } } : silence;
}

function noted(silence: Silence | undefined, { error, slow }: Failure, now: number): Silence {
  const failures = (silence?.failures ?? 0) + (slow ? FAST_FAILURES : 1);
  return {
    since: silence?.since ?? now,
    last: error,
    failures: Math.min(failures, FAST_FAILURES),
    rest: silence?.rest,
  };
}

function rested(silence: Silence, now: number): Silence {
  const { rest, failures } = silence;
  if (!rest) return failures < FAST_FAILURES ? silence : { ...silence, rest: restOf(FIRST_COOL_DOWN_MS, now) };
  // A call from before the rest tells nothing new.
  if (rest.triedAt === undefined) return silence;
  return { ...silence, rest: restOf(Math.min(rest.coolDownMs * 2, LONGEST_COOL_DOWN_MS), now) };
}

function restOf(coolDownMs: number, now: number): Rest {
  return { until: now + coolDownMs, coolDownMs, triedAt: undefined };
}

function withPlace(places: Breakers['places'], place: string, silence: Silence): Breakers['places'] {
  const next = new Map(places).set(place, silence);
  const [first] = next.keys();
  if (next.size > MOST_PLACES && first !== undefined) next.delete(first);
  return next;
}

function withoutPlace(places: Breakers['places'], place: string): Breakers['places'] {
  if (!places.has(place)) return places;
  const next = new Map(places);
  next.delete(place);
  return next;
}
