import type { ErrorCode } from './error.ts';

/** Every exit status of psi. Those from 64 on are sysexits numbers, which systemd names in `systemctl status`. */
export const EXIT = {
  DONE: 0,
  FAILED: 1,
  DRIFT: 3,
  LEFT: 4,
  USAGE: 64,
  DATA: 65,
  NO_INPUT: 66,
  UNAVAILABLE: 69,
  INTERNAL: 70,
  CANNOT_CREATE: 73,
  HOST: 74,
  TRY_LATER: 75,
  DENIED: 77,
  CONFIG: 78,
  /** As shells have it: 128 and the number of the signal. */
  HUNG_UP: 129,
  INTERRUPTED: 130,
  TERMINATED: 143,
} as const;

const EXIT_CODE: Readonly<Record<ErrorCode, number>> = {
  USAGE: EXIT.USAGE,
  CONFIG_INVALID: EXIT.CONFIG,
  BAD_REQUEST: EXIT.DATA,
  NOT_A_MAPPING: EXIT.DATA,
  UNAUTHENTICATED: EXIT.DENIED,
  NOT_FOUND: EXIT.NO_INPUT,
  PLACE_NOT_FOUND: EXIT.NO_INPUT,
  CONFLICT: EXIT.CANNOT_CREATE,
  DRIFT: EXIT.DRIFT,
  PROVIDER_DENIED: EXIT.DENIED,
  PROVIDER_DOWN: EXIT.UNAVAILABLE,
  THROTTLED: EXIT.TRY_LATER,
  ANSWER_TOO_LARGE: EXIT.DATA,
  VALUE_HIDDEN: EXIT.DENIED,
  DEADLINE: EXIT.TRY_LATER,
  SERVICE_DOWN: EXIT.UNAVAILABLE,
  KEY_UNAVAILABLE: EXIT.UNAVAILABLE,
  CACHE_CORRUPT: EXIT.DATA,
  BAD_CERTIFICATE: EXIT.DATA,
  HOST: EXIT.HOST,
  INTERNAL: EXIT.INTERNAL,
};

/** The exit status of a command that ends with a code. */
export function exitCode(code: ErrorCode): number {
  return EXIT_CODE[code];
}

export type ExitName = keyof typeof EXIT;
