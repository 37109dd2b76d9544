// `lookup:`: how long a lookup may take, and how long one waits for others.

import type * as t from 'io-ts';
import { duration, positiveDuration } from '../schema/duration.ts';
import { section } from '../schema/section.ts';

export const lookupCodec = section({}, { timeout: positiveDuration, batch_window: duration });

const DEFAULTS = { timeoutMs: 5000, batchWindowMs: 2000 } as const;

export type LookupConfig = { readonly timeoutMs: number; readonly batchWindowMs: number };

export function assembleLookup(raw: t.TypeOf<typeof lookupCodec> = {}): LookupConfig {
  return {
    timeoutMs: raw.timeout ?? DEFAULTS.timeoutMs,
    batchWindowMs: raw.batch_window ?? DEFAULTS.batchWindowMs,
  };
}
