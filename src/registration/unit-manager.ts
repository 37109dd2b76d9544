// Port: systemd's manager over D-Bus.

export type UnitManager = {
  /** daemon-reload; resolves when the generators are done. Failure: HOST. */
  readonly reload: () => Promise<void>;
};
