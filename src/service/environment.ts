// What the service takes from its environment beside the config: systemd's variables, and PSI's own for what is no part of the config.

import { parseDuration } from '../config/schema/duration.ts';
import type { Env } from '../config/surroundings.ts';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const DEFAULT_RETRY_MS = 60_000;
/** A provider is asked each time. */
const SHORTEST_RETRY_MS = 100;

export type LogLevel = (typeof LOG_LEVELS)[number];

export type ServiceEnvironment = {
  /** PSI_LOG_LEVEL; anything but a level is `info`. */
  readonly logLevel: LogLevel;
  /** The driver's socket, where systemd opened it; undefined: PSI opens it. */
  readonly socketFd: number | undefined;
  /** PSI_SETUP_RETRY: before what a setup left is tried again for the first time; anything but a duration is a minute. */
  readonly setupRetryMs: number;
  /** The folder with the credential that opens the cache; undefined: there is none. */
  readonly cacheKeyFolder: string | undefined;
};

export function serviceEnvironment(env: Env, pid: number): ServiceEnvironment {
  return {
    logLevel: LOG_LEVELS.find((level) => level === env['PSI_LOG_LEVEL']) ?? 'info',
    setupRetryMs: Math.max(SHORTEST_RETRY_MS, parseDuration(env['PSI_SETUP_RETRY']) ?? DEFAULT_RETRY_MS),
    socketFd: activatedFd(env, pid),
    // Its own folder under the units that PSI renders: the key comes from a unit of its own there.
    cacheKeyFolder: env['PSI_CACHE_KEY_DIRECTORY'] ?? env['CREDENTIALS_DIRECTORY'],
  };
}

/** systemd's socket activation, sd_listen_fds(3): descriptor 3 where the environment says that this very process was given a socket. */
function activatedFd(env: Env, pid: number): number | undefined {
  if (env['LISTEN_PID'] !== String(pid)) return undefined;
  const count = Number(env['LISTEN_FDS']);
  return Number.isInteger(count) && count >= 1 ? 3 : undefined;
}
