// What a single request is made again for by got itself, within a second: somebody waits. What takes longer is for callers who can wait, by
// core/retry.ts; they are told the time that the server asked for.

import { askedWaitMs } from './asked-wait.ts';

/** Longer waits are for callers that hold nobody's lock. */
const LONGEST_ASKED_MS = 1_000;

export const RETRY = {
  limit: 2,
  // A login is repeated only when it was not answered or the server failed: neither counts as a wrong one. What must not be made twice
  // says so itself.
  methods: ['GET', 'POST', 'PATCH'] as 'GET'[],
  statusCodes: [429, 500, 502, 503, 504],
  // A connect timeout is not among them: it has cost three seconds already.
  errorCodes: [
    'ECONNRESET',
    'ECONNREFUSED',
    'EPIPE',
    'EAI_AGAIN',
    'ENETUNREACH',
    // The connection broke in the middle of the body.
    'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
    // A proxy that does not reach the server just now.
    'PROXY_UNAVAILABLE',
  ],
  // Both tries together stay below a second: somebody waits.
  backoffLimit: 200,
  noise: 100,
  maxRetryAfter: LONGEST_ASKED_MS,
  enforceRetryRules: true,
};

/** A try that failed; without a response the connection did. */
type FailedTry = { readonly response?: { readonly statusCode: number; readonly body: unknown } | undefined };

/**
 * The pause before the next try in milliseconds, 0 for no further one. A wait asked for in the text alone counts like the header; a 500 that
 * speaks of the token is no failure to wait out.
 */
export function pauseMs({ response }: FailedTry, computed: number): number {
  if (response === undefined || typeof response.body !== 'string') return computed;
  if (/"message":\s*"(?:jwt |invalid signature)/.test(response.body)) return 0;
  const asked = askedWaitMs({ retryAfter: undefined, body: response.body }, 0);
  if (response.statusCode !== 429 || asked === undefined) return computed;
  return asked > LONGEST_ASKED_MS ? 0 : Math.max(1, asked);
}
