// What a single request is made again for within a second: somebody waits. What takes longer is for callers who can wait, by core/retry.ts;
// they are told the time that the server asked for.

import { askedWaitMs } from './asked-wait.ts';

/** Longer waits are for callers that hold nobody's lock. */
const LONGEST_ASKED_MS = 1_000;

const MOST_RETRIES = 2;

/** Both pauses together stay below a second: somebody waits. */
const PAUSE_MS = 200;

// A login too is repeated only when it was not answered or the server failed: neither counts as a wrong one. What must not be made twice
// says so itself.
const STATUSES: readonly number[] = [429, 500, 502, 503, 504];

// A connect timeout is not among them: it has cost three seconds already.
const CODES: readonly string[] = [
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'EAI_AGAIN',
  'ENETUNREACH',
  // The connection broke in the middle of the body.
  'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
  // A proxy that does not reach the server just now.
  'PROXY_UNAVAILABLE',
];

/** A try that failed: by an answer, or by what happened to the connection. */
export type FailedTry =
  | { readonly status: number; readonly retryAfter: string | undefined; readonly body: string }
  | { readonly code: string };

/**
 * The pause before the next try in milliseconds, undefined: there is none. A wait asked for in the text alone counts like the header; a 500
 * that speaks of the token is no failure to wait out. `now`: wall clock; `random`: from 0 to 1, so that callers do not come back as one.
 */
export function pauseMs(failed: FailedTry, attempt: number, now: number, random: number): number | undefined {
  if (attempt >= MOST_RETRIES) return undefined;
  const pause = Math.round(PAUSE_MS * (0.5 + random / 2));
  if ('code' in failed) return CODES.includes(failed.code) ? pause : undefined;
  const { status, retryAfter, body } = failed;
  if (!STATUSES.includes(status) || /"message":\s*"(?:jwt |invalid signature)/.test(body)) return undefined;
  const asked = askedWaitMs({ retryAfter, body: status === 429 ? body : '' }, now);
  if (asked === undefined) return pause;
  return asked > LONGEST_ASKED_MS ? undefined : Math.max(1, asked);
}
