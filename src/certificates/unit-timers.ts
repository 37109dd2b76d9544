// Port: timers of the host.

export type UnitTimers = {
  /** Wall clock; undefined: no such timer is active, or nobody can be asked. Never fails: it is for information. */
  readonly nextRun: (timer: string) => Promise<number | undefined>;
  /**
   * When it runs, each as systemd writes it (`*-*-* 00:00:00`). Undefined: there is no such timer, nobody can be asked, or it goes by other means
   * than the calendar too. Never fails.
   */
  readonly calendars: (timer: string) => Promise<readonly string[] | undefined>;
};
