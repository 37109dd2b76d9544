// Port: a command run on the host itself, outside of PSI's container, without a shell and with no variable or specifier expanded.

export type HostCommandResult = {
  /** Undefined: it was ended by a signal, or never started. */
  readonly exit: number | undefined;
  /** What else ended it, in one word or two: `signal 9`, `timeout`. */
  readonly ended: string | undefined;
  /** The last lines that it wrote to standard output and error. */
  readonly output: readonly string[];
};

export type HostCommands = {
  /** One at a time. Resolves when it has ended, however. Failure: HOST (it could not be started, or nobody knows how it ended). */
  readonly run: (argv: readonly string[], description: string) => Promise<HostCommandResult>;
};
