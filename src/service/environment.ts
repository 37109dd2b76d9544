// What the service takes from its environment beside the config: systemd's variables, and PSI's own for what is no part of the config.

import type { Config } from '../config/config.ts';
import { handedOver } from '../config/places.ts';
import { parseDuration } from '../config/schema/duration.ts';
import type { Env } from '../config/surroundings.ts';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const DEFAULT_RETRY_MS = 60_000;
/** By then a boot has started its workloads, or most of them. */
const DEFAULT_REPLACE_MS = 180_000;
const DEFAULT_METRICS_MS = 30_000;
/** A provider is asked each time. */
const SHORTEST_MS = 100;

export type LogLevel = (typeof LOG_LEVELS)[number];

export type ServiceEnvironment = {
  /** PSI_LOG_LEVEL; anything but a level is `info`. */
  readonly logLevel: LogLevel;
  /** The driver's socket, where systemd opened it; undefined: PSI opens it. */
  readonly socketFd: number | undefined;
  /** What the units of this host were rendered by; undefined: PSI runs under no units, 0: under some that do not say. */
  readonly unitsRevision: number | undefined;
  /** PSI_SETUP_RETRY: before what a setup left is tried again for the first time; anything but a duration is a minute. */
  readonly setupRetryMs: number;
  /** PSI_REPLACE_AFTER: a start or a setup, before the service replaces secrets by itself; anything but a duration is three minutes. */
  readonly replaceAfterMs: number;
  /** PSI_METRICS_INTERVAL: how often the metrics file is written; anything but a duration is half a minute. */
  readonly metricsMs: number;
  /** The folder with the credential that opens the cache; undefined: there is none. */
  readonly cacheKeyFolder: string | undefined;
};

export type ProcessIds = { readonly pid: number; readonly ppid: number };

export function serviceEnvironment(env: Env, ids: ProcessIds): ServiceEnvironment {
  const socketFd = activatedFd(env, ids);
  return {
    logLevel: LOG_LEVELS.find((level) => level === env['PSI_LOG_LEVEL']) ?? 'info',
    socketFd,
    unitsRevision: unitsRevision(env['PSI_UNITS'], socketFd !== undefined),
    setupRetryMs: Math.max(SHORTEST_MS, parseDuration(env['PSI_SETUP_RETRY']) ?? DEFAULT_RETRY_MS),
    replaceAfterMs: Math.max(SHORTEST_MS, parseDuration(env['PSI_REPLACE_AFTER']) ?? DEFAULT_REPLACE_MS),
    metricsMs: Math.max(SHORTEST_MS, parseDuration(env['PSI_METRICS_INTERVAL']) ?? DEFAULT_METRICS_MS),
    // Its own folder under the units that PSI renders: the key comes from a unit of its own there.
    cacheKeyFolder: env['PSI_CACHE_KEY_DIRECTORY'] ?? env['CREDENTIALS_DIRECTORY'],
  };
}

function unitsRevision(text: string | undefined, activated: boolean): number | undefined {
  if (text !== undefined && /^\d{1,6}$/.test(text)) return Number(text);
  return activated ? 0 : undefined;
}

/** systemd's socket activation, sd_listen_fds(3): descriptor 3 where the environment says that this process was given a socket. */
function activatedFd(env: Env, { pid, ppid }: ProcessIds): number | undefined {
  const given = env['LISTEN_PID'];
  // Podman names PID 1 of the container: its init, which hands everything on to the one process that it starts.
  const isOurs = given === String(pid) || (given === '1' && ppid === 1);
  const count = Number(env['LISTEN_FDS']);
  return isOurs && Number.isInteger(count) && count >= 1 ? 3 : undefined;
}

/** Where commands look for the service, in their order: the config's place, and that of the unit where it is another one. */
export function controlSockets(
  { controlSocket }: Pick<Config, 'controlSocket'>,
  env: Env,
): readonly [string, ...string[]] {
  const named = handedOver(env).controlSocket;
  return named === undefined || named === controlSocket ? [controlSocket] : [controlSocket, named];
}
