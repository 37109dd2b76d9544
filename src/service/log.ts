// Structured logs: one JSON object per line on stdout, where journald picks them up. The only importer of pino.

import { pino, type DestinationStream, type Logger } from 'pino';
import type { PsiError } from '../core/error.ts';
import { stackOf } from '../core/text/stack.ts';
import { visibleJson } from '../core/text/visible.ts';
import type { AuditLog, LookupEvent, RefusalEvent } from '../lookup/audit-log.ts';
import type { OwedReplacesLog } from '../registration/owed-replaces.ts';
import type { OwedLog } from '../registration/owed-setups.ts';
import { isoTime } from '../core/time.ts';
import type { CacheLog } from '../cache/cache-log.ts';
import type { LogLevel } from './environment.ts';

export type Log = Logger;

export function createLog(level: LogLevel, destination?: LogDestination): Log {
  const options = {
    level,
    base: null,
    timestamp: timeFields(),
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(options, visibleLines(destination ?? inBatches()));
}

/** The time of a line, made once for all lines of a millisecond. */
function timeFields(): () => string {
  let at = 0;
  let text = '';
  return () => {
    const now = Date.now();
    if (now !== at) text = `,"time":"${new Date(now).toISOString()}"`;
    at = now;
    return text;
  };
}

/** Where lines go. `flush` calls back when all of them have been taken. */
export type LogDestination = DestinationStream & { readonly flush?: (done: () => void) => void };

/** What journalctl shows is what was logged: names and words of others turn no line round, and hide nothing in it. */
function visibleLines(destination: LogDestination): LogDestination {
  return {
    ...destination,
    write: (line) => {
      destination.write(visibleJson(line));
    },
  };
}

/** Resolves when every line has been taken by whoever reads the log: never, where nobody reads a pipe that is full. */
export function taken(log: Log): Promise<void> {
  return new Promise((resolve) => {
    log.flush(() => {
      resolve();
    });
  });
}

/** A start of a workload writes twenty lines at once; nobody notices when they come so much later. */
const BATCH_MS = 20;
const BATCH_BYTES = 8192;

/**
 * Standard output, many lines by one write: a write for each costs as much as answering a lookup. Not sync: a line must not hold the
 * event loop while journald is slow. At an exit the rest is written; a SIGKILL loses the last batch.
 */
function inBatches(): LogDestination {
  const stdout = pino.destination({ fd: 1, sync: false, minLength: BATCH_BYTES });
  let timer: NodeJS.Timeout | undefined;
  return {
    write: (line) => {
      stdout.write(line);
      timer ??= setTimeout(() => {
        timer = undefined;
        stdout.flush();
      }, BATCH_MS).unref();
    },
    flush: (done) => {
      // What goes wrong with the log is nobody's business who ends.
      stdout.flush(() => {
        done();
      });
    },
  };
}

/** The fields of an error that are safe to log. An unexpected error's stack is logged; a PsiError's cause is not: it may quote a server. */
export function errorFields(error: PsiError): Readonly<Record<string, unknown>> {
  const unexpected = error.code === 'INTERNAL' && error.cause instanceof Error ? { stack: stackOf(error.cause) } : {};
  return { code: error.code, message: error.message, hint: error.hint, ...error.details, ...unexpected };
}

/** For the faces: an answer tells its caller what was wrong with the request; what is wrong with PSI itself stands in its log. */
export function faceErrors(log: Log): (error: PsiError, route: string) => void {
  return (error, route) => {
    if (error.code === 'INTERNAL') log.error({ route, ...errorFields(error) }, error.message);
  };
}

export function auditLog(log: Log): AuditLog {
  return {
    lookup: (event) => {
      const level = levelOf(event);
      // Most lookups have no line: nothing is made for it then.
      if (log.isLevelEnabled(level)) log[level]({ audit: 'lookup', ...event, caller: event.caller.kind }, 'lookup');
    },
  };
}

/** Podman looks secrets up for each health check of a container: what nobody had to be asked for would fill the journal. */
function levelOf({ outcome, source }: LookupEvent): 'debug' | 'info' | 'warn' {
  if (outcome !== 'ok') return 'warn';
  return source === 'cache' || source === 'held' ? 'debug' : 'info';
}

/** For a socket of the config that cannot be served. */
export function unservedLog(log: Log): (error: PsiError) => void {
  return (error) => {
    log.error(errorFields(error), 'a socket of the config cannot be served: psi takes the one that its unit names');
  };
}

/** The line to which messages about a failed store or delete send people. */
export function refusalLog(log: Log): (event: RefusalEvent) => void {
  return ({ error, caller, ...event }) => {
    log.warn(
      { audit: 'refused', ...event, caller: caller.kind, ...errorFields(error) },
      'a request was not carried out',
    );
  };
}

export function cacheLog(log: Log): CacheLog {
  return {
    opened: (entries) => {
      log.info({ entries }, 'the cache is open');
    },
    problem: (error) => {
      log.warn(errorFields(error), 'the cache has a problem: lookups go on without it');
    },
    recovered: () => {
      log.info('the cache is in order again');
    },
  };
}

/** So many are named in one line; the answer of setup, and `psi status`, name them too. */
const NAMED = 20;

export function owedLog(log: Log): OwedLog {
  return {
    left: (items, next) => {
      const left = items.slice(0, NAMED).map(({ subject, message }) => ({ subject, message }));
      const nextTry = next === undefined ? undefined : isoTime(next);
      log.warn({ left, count: items.length, nextTry }, 'setup left something as it was');
    },
    mended: () => {
      log.info('setup has done what earlier ones left');
    },
    failed: (error) => {
      log.warn(errorFields(error), 'what earlier setups left cannot be tried again: nothing is changed');
    },
    notKept: (error) => {
      log.warn(errorFields(error), 'what is owed is in memory alone: a restart forgets it');
    },
  };
}

export function replacesLog(log: Log): OwedReplacesLog {
  return {
    begins: (count) => {
      log.info({ count }, 'secrets have driver commands of before: they are replaced one by one');
    },
    done: (count) => {
      log.info({ count }, 'all secrets have the driver commands of now');
    },
    madeAgain: (names) => {
      log.warn(
        { secrets: names.slice(0, NAMED), count: names.length },
        'podman had lost secrets in the middle of a replace: they are there again',
      );
    },
    failed: ({ message, hint }) => {
      log.warn({ hint }, message);
    },
  };
}
