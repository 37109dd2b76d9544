// Port: one run at a time on this host. The lock ends with its process, however that ends.

export type RunLock = {
  /** Failure: CONFLICT (another run holds it; `retry: later`), HOST; and what `work` fails with. */
  readonly hold: <T>(work: () => Promise<T>) => Promise<T>;
};
