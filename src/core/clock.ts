// Time, injected so that windows, deadlines and pauses can be tested without waiting.

export type Clock = {
  /** Milliseconds that only grow; for windows and durations. */
  readonly monotonic: () => number;
  /** Wall clock, milliseconds since 1970; for expiry of tokens. */
  readonly now: () => number;
  /** Resolves after `ms`, rejects with the signal's reason if it aborts first. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
};
