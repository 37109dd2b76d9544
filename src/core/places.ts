// Where PSI's parts are on a host. Absolute paths, the same inside the container as on the host: the frozen driver commands name them.

export type Places = {
  readonly stateDir: string;
  /** Quadlet's folder. */
  readonly systemdDir: string;
  readonly socket: string;
  readonly controlSocket: string;
  readonly podmanSocket: string;
  readonly dbusSocket: string;
};

/** The variables by which the unit names the places: PSI finds them by these while its config cannot be read. */
export const PLACE_VARIABLES: Readonly<Record<keyof Places, string>> = {
  stateDir: 'PSI_STATE_DIR',
  systemdDir: 'PSI_SYSTEMD_DIR',
  socket: 'PSI_SOCKET',
  controlSocket: 'PSI_CONTROL_SOCKET',
  podmanSocket: 'PSI_PODMAN_SOCKET',
  dbusSocket: 'PSI_DBUS_SOCKET',
};
