// How long one call to a secrets manager may take where no container waits for it.

import type { Deadline } from '../core/deadline.ts';
import type { ProviderWords } from '../core/provider-words.ts';

/** The server ends a request by itself after this time. */
const CALL_MS = 30_000;

export function callBound(what: string, { name }: ProviderWords): Deadline {
  return { ms: CALL_MS, what, hint: `look at the load and the log of the ${name} server` };
}
