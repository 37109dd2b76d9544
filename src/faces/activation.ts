// systemd's socket activation protocol (sd_listen_fds(3)): which inherited descriptor is ours, if any.

/** Descriptor 3 when the environment says that this very process was given at least one socket. */
export function activatedFd(env: Readonly<Record<string, string | undefined>>, pid: number): number | undefined {
  if (env['LISTEN_PID'] !== String(pid)) return undefined;
  const count = Number(env['LISTEN_FDS']);
  return Number.isInteger(count) && count >= 1 ? 3 : undefined;
}
