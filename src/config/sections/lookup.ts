// `lookup:`: how long a lookup may take, how long one waits for others, and where the program lies that asks for one.

import type * as t from 'io-ts';
import { duration, positiveDuration } from '../schema/duration.ts';
import { absolutePath } from '../schema/path-fields.ts';
import { section } from '../schema/section.ts';

export const lookupCodec = section({}, { timeout: positiveDuration, batch_window: duration, helper_dir: absolutePath });

const DEFAULTS = { timeoutMs: 5000, batchWindowMs: 2000 } as const;

export type LookupConfig = {
  readonly timeoutMs: number;
  readonly batchWindowMs: number;
  /** Folder of the lookup helper on the host. */
  readonly helperDir: string;
};

type Helper = Pick<LookupConfig, 'helperDir'>;

/** `helperDir`: where the file does not say. */
export function assembleLookup(raw: t.TypeOf<typeof lookupCodec> = {}, { helperDir }: Helper): LookupConfig {
  return {
    timeoutMs: raw.timeout ?? DEFAULTS.timeoutMs,
    batchWindowMs: raw.batch_window ?? DEFAULTS.batchWindowMs,
    helperDir: raw.helper_dir ?? helperDir,
  };
}
