// Port: what systemd has not read yet. Kept on disk, because the run that changed a drop-in may be the one that could not reach systemd, and
// systemd itself does not see that a quadlet's drop-ins changed.

export type ReloadDebt = {
  /** Has a drop-in been changed since systemd last read them? */
  readonly owed: () => Promise<boolean>;
  /** Before the first change. */
  readonly owe: () => Promise<void>;
  /** systemd has read them. */
  readonly settle: () => Promise<void>;
};
