// A value as a provider gave it, and when: what it is worth depends on its age, so the age travels with it, from the source to the answer
// and into the cache, whoever holds it meanwhile.

import type { Clock } from './clock.ts';
import type { SecretValue } from './secret-value.ts';

/** When a provider's answer came. */
export type Moment = {
  /** Wall clock, milliseconds since 1970: what outlives the process. */
  readonly fetchedAt: number;
  /**
   * The process's monotonic clock, milliseconds: what orders answers, as the wall clock may be set meanwhile. Undefined for what was read
   * from disk, which is older than anything that this process was given.
   */
  readonly tick: number | undefined;
};

export type Fetched = Moment & {
  readonly value: SecretValue;
  /** The provider's own number of this value, where it gives one. Says nothing of time. */
  readonly version: number | undefined;
  /** Its text looks like a reference, and the provider, asked for this one secret, said that the text is the value. */
  readonly literal?: true;
};

/** The daily corrections of a clock are smaller: a stamp so little ahead is of now. */
const CLOCK_SLACK_MS = 5_000;

/** The moment that it is. */
export function momentOf(clock: Clock): Moment & { readonly tick: number } {
  return { fetchedAt: Math.round(clock.now()), tick: clock.monotonic() };
}

/** Milliseconds since the provider's answer; undefined for a stamp of the future: the clock was set back, so the age is not known. */
export function ageOf({ fetchedAt, tick }: Moment, clock: Clock): number | undefined {
  if (tick !== undefined) return Math.max(0, clock.monotonic() - tick);
  const age = clock.now() - fetchedAt;
  return age >= -CLOCK_SLACK_MS ? Math.max(0, age) : undefined;
}

/** Did `a` come before `b`? An answer of this process is newer than anything from disk, whatever the stamps say. */
export function isOlder(a: Moment, b: Moment): boolean {
  if (a.tick !== undefined && b.tick !== undefined) return a.tick < b.tick;
  if (a.tick === undefined && b.tick === undefined) return a.fetchedAt < b.fetchedAt;
  return a.tick === undefined;
}
