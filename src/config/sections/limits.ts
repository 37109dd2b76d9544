// `limits:`: how much of what comes from outside PSI keeps in memory.

import type * as t from 'io-ts';
import { section } from '../schema/section.ts';
import { size } from '../schema/size.ts';

const MB = 1024 ** 2;

export const limitsCodec = section({}, { answers: size(MB, 1024 * MB, 'size from 1MB to 1GB such as 64MB') });

export type LimitsConfig = {
  /** Of all answers of all providers that are in memory at one time, after decompression. */
  readonly answerBytes: number;
};

export function assembleLimits(raw: t.TypeOf<typeof limitsCodec> = {}): LimitsConfig {
  return { answerBytes: raw.answers ?? 64 * MB };
}
