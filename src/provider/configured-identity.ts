// Port: an identity of the config that people can try.

export type ConfiguredIdentity = {
  readonly method: string;
  /** For messages. */
  readonly who: string;
  /** Names of the projects that use it; empty: none does. */
  readonly projects: readonly string[];
  /** Logs in whatever is kept, keeps nothing, and gives the token back. Fails as a lookup's login would. */
  readonly tryLogin: () => Promise<{
    /** When the token would end: wall clock, milliseconds since 1970. undefined: nobody names an end. */
    readonly until: number | undefined;
  }>;
};
