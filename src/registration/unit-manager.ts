// Port: systemd's manager over D-Bus.

export type UnitManager = {
  /** daemon-reload; resolves when the generators are done. Failure: HOST. */
  readonly reload: () => Promise<void>;
  /** Has systemd a unit file of this name, be it a generated one? Failure: HOST. */
  readonly has: (unit: string) => Promise<boolean>;
};
