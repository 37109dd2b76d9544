// Port: timers of the host.

export type UnitTimers = {
  /** Wall clock; undefined: no such timer is active, or nobody can be asked. Never fails: it is for information. */
  readonly nextRun: (timer: string) => Promise<number | undefined>;
};
