// Port: what the log says of the cache. Each call is one line; the cache calls once per change, not once per lookup. Never a value.

import type { PsiError } from '../core/error.ts';

export type CacheLog = {
  /** It can be used from now on. `entries`: how many came from disk. */
  readonly opened: (entries: number) => void;
  /** It cannot be opened or saved: lookups go on without that. */
  readonly problem: (error: PsiError) => void;
  /** The last problem is over. */
  readonly recovered: () => void;
};
