// How long a server asks to wait: in a header, or only in the text of its refusal.

const IN_TEXT = /try again in (\d+) seconds?/i;

/** Milliseconds, or undefined if it asked for none. `now`: wall clock. */
export function askedWaitMs(
  answer: { readonly retryAfter: string | undefined; readonly body: string },
  now: number,
): number | undefined {
  const { retryAfter } = answer;
  if (retryAfter !== undefined && /^\d{1,7}$/.test(retryAfter)) return Number(retryAfter) * 1000;
  const date = retryAfter === undefined ? NaN : Date.parse(retryAfter);
  if (!Number.isNaN(date)) return Math.max(0, date - now);
  const seconds = IN_TEXT.exec(answer.body)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
