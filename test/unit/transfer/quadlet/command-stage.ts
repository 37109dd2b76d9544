// An import of one quadlet on a host with everything at its default. Not a test itself.
import type { HostView, QuadletCommand } from '../../../../src/transfer/quadlet/command-line.ts';

export const COMMAND: QuadletCommand = {
  group: 'infisical',
  file: '/etc/containers/systemd/my app.container',
  project: 'main',
  path: '/app',
  environment: undefined,
  resolveSecrets: false,
  conflict: 'fail',
  rewrite: false,
};

export const HOST: HostView = {
  scope: 'system',
  configFile: '/etc/psi/config.yaml',
  stateDir: '/var/lib/psi',
  systemdDir: '/etc/containers/systemd',
  podmanSocket: '/run/podman/podman.sock',
  caFiles: [],
  secretFiles: [],
  credentials: [],
  runtimeDir: undefined,
  image: 'localhost/psi:latest',
};
