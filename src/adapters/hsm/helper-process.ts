// Runs the helper: one process per request, one at a time, killed when it does not answer. A new process begins with a fresh module, session
// and login, so whatever a pulled card or a restarted pcscd left broken is over with it.

import { fork, type ChildProcess } from 'node:child_process';
import { extname, join } from 'node:path';

import type { Clock } from '../../core/clock.ts';
import { Mutex, type Release } from '../../core/mutex.ts';
import type { TokenAnswer, TokenRequest, TokenFailure } from './wire.ts';

/** It stands beside this file among the sources, and beside what this file went into in the build. */
const HELPER = join(import.meta.dirname, `hsm-helper${extname(import.meta.filename)}`);

/** Closing the session takes a card its time too; then nobody waits for it any more. */
const GRACE_MS = 5000;

export type Outcome = TokenAnswer | { readonly ok: false; readonly ended: 'timeout' | 'closed' };

export type HelperOptions = {
  /** From the call to the answer, waiting for others included. A Nitrokey HSM 2 takes up to 30 s for a login. */
  readonly timeoutMs: number;
  /** What the module finds in its environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
};

export class HelperProcess {
  readonly #clock: Clock;
  readonly #options: HelperOptions;
  readonly #closing = new AbortController();
  readonly #oneByOne = new Mutex();

  constructor(deps: { readonly clock: Clock }, options: HelperOptions) {
    this.#clock = deps.clock;
    this.#options = { ...options, env: helperEnvironment(options.env) };
  }

  /** `make` is called when it is this request's turn: what an earlier one found out (a refused PIN) can end it there. */
  async ask(make: () => Promise<TokenRequest>): Promise<Outcome> {
    const done = new AbortController();
    const late = this.#clock.sleep(this.#options.timeoutMs, AbortSignal.any([done.signal, this.#closing.signal])).then(
      () => 'timeout' as const,
      () => 'closed' as const,
    );
    // The next one begins when this one's process is gone: a token is for one user at a time.
    const turn = this.#oneByOne.acquire();
    try {
      const end = await Promise.race([turn, late]);
      if (typeof end === 'string') {
        void turn.then((unused) => {
          unused();
        });
        return { ok: false, ended: end };
      }
      const request = await make().catch((error: unknown) => {
        end();
        throw error;
      });
      return await this.#run(request, late, end);
    } finally {
      done.abort();
    }
  }

  /** Ends what runs, without waiting for it. */
  close(): void {
    this.#closing.abort();
  }

  async #run(request: TokenRequest, late: Promise<'timeout' | 'closed'>, end: Release): Promise<Outcome> {
    const child = fork(HELPER, [], {
      execArgv: [],
      env: this.#options.env,
      serialization: 'advanced',
      // What a module prints is not PSI's log: OpenSC's debug level shows what goes over the wire.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.once('exit', end);
    const answered = answerOf(child, request, end);
    const outcome = await Promise.race([answered, late]);
    if (typeof outcome === 'string') {
      child.kill('SIGKILL');
      release(child);
      return { ok: false, ended: outcome };
    }
    this.#seeOff(child);
    return outcome;
  }

  #seeOff(child: ChildProcess): void {
    release(child);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new AbortController();
    child.once('exit', () => {
      gone.abort();
    });
    void this.#clock.sleep(GRACE_MS, gone.signal).then(
      () => child.kill('SIGKILL'),
      () => undefined,
    );
  }
}

function answerOf(child: ChildProcess, request: TokenRequest, end: Release): Promise<TokenAnswer> {
  const died: TokenFailure = { step: 'session', why: 'crashed', seen: [] };
  return new Promise((resolve) => {
    child.once('message', (answer: TokenAnswer) => {
      resolve(answer);
    });
    child.once('exit', () => {
      resolve({ ok: false, failure: died });
    });
    // The process could not be started at all: then it does not exit either.
    child.once('error', () => {
      end();
      resolve({ ok: false, failure: died });
    });
    child.send(request, () => undefined);
  });
}

/** PSI's own end does not wait for it. */
function release(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
}

const MODULE_NAMES = /PKCS11|OPENSC|PCSC|SOFTHSM|NSS|P11|HSM|TPM2/;
const SYSTEM_NAMES = /^(?:PATH|HOME|LANG|LC_\w+|TZ|LD_LIBRARY_PATH|XDG_\w+)$/;
const SECRET_NAMES = /PIN|PASS|SECRET|TOKEN|KEY|CREDENTIAL/;

/** The variables that PKCS#11 modules read. PSI's own may hold secrets, and a child process would show them. */
export function helperEnvironment(env: HelperOptions['env']): Record<string, string | undefined> {
  const names = Object.keys(env).filter((name) => MODULE_NAMES.test(name) || SYSTEM_NAMES.test(name));
  return Object.fromEntries(names.filter((name) => !SECRET_NAMES.test(name)).map((name) => [name, env[name]]));
}
