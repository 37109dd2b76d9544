// Port: what PSI registered each secret id as, kept between two runs: Podman, which knows the names too, is not asked while it waits for a
// lookup. Losing it costs names in messages until the next setup, and nothing else.

/** Podman's name of a secret, and the workload that it is for. */
export type Registered = { readonly name: string; readonly workload: string };

export type NameStore = {
  /** Never rejects: what is missing or damaged holds nothing. */
  readonly load: () => Promise<ReadonlyMap<string, Registered>>;
  /** Replaces all, atomically and durably. Fails with HOST. */
  readonly save: (names: ReadonlyMap<string, Registered>) => Promise<void>;
};
