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
