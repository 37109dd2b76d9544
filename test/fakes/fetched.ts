// A value as a provider would have given it, for tests that are about something else than its age.

import { momentOf, type Fetched } from '../../src/core/fetched.ts';
import type { Clock } from '../../src/core/clock.ts';
import { SecretValue } from '../../src/core/secret-value.ts';

const LONG_AGO: Clock = { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() };

/** Fetched just now; without a clock, at the very start. */
export function fetched(value: string, clock: Clock = LONG_AGO): Fetched {
  return { ...momentOf(clock), value: SecretValue.fromText(value), version: undefined };
}
