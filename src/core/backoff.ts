// How long to wait before trying again.

/** Setup's pauses between tries of a listing: about two minutes in all, so that a network or a server that comes up late is met. */
export const SETUP_BACKOFF_MS: readonly number[] = [5_000, 10_000, 20_000, 40_000, 60_000];

/** The pause before try number `attempt + 1` (attempts count from 0), or undefined when there is none left. A wait the server named wins if longer. */
export function pauseBefore(
  attempt: number,
  askedMs: number | undefined,
  pauses: readonly number[],
): number | undefined {
  const pause = pauses[attempt];
  if (pause === undefined) return undefined;
  return Math.max(pause, askedMs ?? 0);
}
