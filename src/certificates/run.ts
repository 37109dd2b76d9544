// Issues and renews: each certificate by itself, from its plan to its files and hooks. What goes wrong with one is kept in its
// state and reported, and stops none of the others.

import { askedText, NO_STATE, type CertificateState, type WantedCertificate } from './certificate.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import { failureOf } from '../core/failure.ts';
import { isoTimeOrNull } from '../core/time.ts';
import { heldCertificate, planCertificate, renewalDue, spreadOf, type CertificateRunMode } from './plan.ts';
import type { CertificateAuthority } from './certificate-authority.ts';
import type { CertificateFiles } from './certificate-files.ts';
import type { CertificateStates } from './certificate-states.ts';
import type { Clock } from '../core/clock.ts';
import type { HostCommands } from './host-commands.ts';
import type { RunLock } from './run-lock.ts';
import { HookRuns, hookProblem } from './hooks.ts';
import { CertificateOrder, rejected } from './order.ts';
import {
  certificateExit,
  certificateFailure,
  type CertificateReport,
  type HookReport,
  type CertificateOutcome,
  type CertificateRunReport,
} from './report.ts';

/** Longer than all looks at an order and the slowest hooks: what hangs then is the machine. */
export const LONGEST_RUN_MS = 3_600_000;

export type CertificateRunDeps = {
  readonly authority: CertificateAuthority;
  readonly files: CertificateFiles;
  readonly states: CertificateStates;
  readonly commands: HostCommands;
  readonly clock: Clock;
  readonly lock: RunLock;
  /** SHA-256 of a text, in hex. */
  readonly digest: (text: string) => string;
  /** Name of this host. */
  readonly host: string;
};

export type CertificateRunOptions = {
  readonly mode: CertificateRunMode;
  /** Undefined: all. */
  readonly name: string | undefined;
  readonly force: boolean;
};

export type CertificateRunEvents = {
  readonly waiting: (name: string, status: string, ms: number) => void;
  readonly hook: (name: string, argv: readonly string[]) => void;
};

export async function runCertificates(
  deps: CertificateRunDeps,
  certificates: readonly WantedCertificate[],
  options: CertificateRunOptions,
  events: CertificateRunEvents,
  signal: AbortSignal,
): Promise<CertificateRunReport> {
  const chosen = chooseCertificates(certificates, options.name);
  const run = new CertificateRun(deps, options, events, signal);
  const reports = await deps.lock.hold(() => Promise.all(chosen.map((wanted) => run.one(wanted))));
  return { certificates: reports, exit: certificateExit(reports) };
}

export function chooseCertificates(
  certificates: readonly WantedCertificate[],
  name: string | undefined,
): readonly WantedCertificate[] {
  const chosen = certificates.filter((wanted) => name === undefined || wanted.name === name);
  if (name === undefined || chosen.length > 0) return chosen;
  const known = certificates.map((wanted) => wanted.name).join(', ');
  throw new PsiError('USAGE', `there is no certificate ${name} in the config`, {
    hint: known === '' ? 'certificates stand under `tls.certificates` of the provider' : `there are: ${known}`,
  });
}

export function digestsOf(
  wanted: WantedCertificate,
  { digest, host }: Pick<CertificateRunDeps, 'digest' | 'host'>,
): { readonly asked: string; readonly fraction: number } {
  return { asked: digest(askedText(wanted)), fraction: spreadOf(digest(`${host}\n${wanted.name}`)) };
}

class CertificateRun {
  readonly #deps: CertificateRunDeps;
  readonly #options: CertificateRunOptions;
  readonly #events: CertificateRunEvents;
  readonly #signal: AbortSignal;
  readonly #hooks: HookRuns;

  constructor(
    deps: CertificateRunDeps,
    options: CertificateRunOptions,
    events: CertificateRunEvents,
    signal: AbortSignal,
  ) {
    this.#deps = deps;
    this.#options = options;
    this.#events = events;
    this.#signal = signal;
    this.#hooks = new HookRuns(deps.commands, events.hook);
  }

  async one(wanted: WantedCertificate): Promise<CertificateReport> {
    const { states, clock } = this.#deps;
    const { asked, fraction } = digestsOf(wanted, this.#deps);
    let state: CertificateState = NO_STATE;
    let read = false;
    const keep = async (next: CertificateState): Promise<void> => {
      await states.put(wanted.name, next);
      state = next;
    };
    let outcome: CertificateOutcome = 'failed';
    let failure: PsiError | undefined;
    let hooks: readonly HookReport[] = [];
    try {
      state = (await states.get(wanted.name)) ?? NO_STATE;
      read = true;
      outcome = await this.#bring(wanted, { asked, fraction, state: () => state, keep });
    } catch (thrown) {
      failure = toPsiError(thrown);
    }
    try {
      hooks = await this.#hooks.run(wanted, state.owedHooks);
      if (state.owedHooks.length > 0) {
        await keep({ ...state, owedHooks: hooks.filter(({ ok }) => !ok).map(({ argv }) => argv) });
      }
      // What cannot be read may name an order that is under way: it is not replaced.
      if (read) await this.#note(state, failure ?? hookProblem(hooks), keep);
    } catch (thrown) {
      failure ??= toPsiError(thrown);
    }
    const { certificate, request } = state;
    // What cannot be looked at has failed above.
    const exposed = await this.#deps.files.exposed(wanted.name, wanted.output).catch(() => undefined);
    return {
      name: wanted.name,
      outcome: failure ? 'failed' : outcome,
      notAfter: isoTimeOrNull(certificate?.notAfter),
      renewalDue: isoTimeOrNull(certificate && Math.max(renewalDue(certificate, wanted, fraction), clock.now())),
      requestStatus: request?.status ?? null,
      hooks,
      exposed: exposed ? failureOf(exposed) : null,
      failure: failure ? certificateFailure(failure) : null,
    };
  }

  async #bring(
    wanted: WantedCertificate,
    own: {
      readonly asked: string;
      readonly fraction: number;
      readonly state: () => CertificateState;
      readonly keep: (state: CertificateState) => Promise<void>;
    },
  ): Promise<CertificateOutcome> {
    const { files, authority, clock } = this.#deps;
    const { mode, force } = this.#options;
    const { asked, fraction, state, keep } = own;
    const onDisk = await files.inspect(wanted.name, wanted.output);
    const held = heldCertificate(onDisk, state());
    const plan = planCertificate({
      ...{ mode, force, asked, onDisk },
      state: state(),
      now: clock.now(),
      dueAt: held && renewalDue(held, wanted, fraction),
    });
    if (plan.act === 'rejected') throw rejected(authority.words, wanted.name, state().problem);
    if (plan.act === 'keep') return 'kept';
    const waiting = (status: string, ms: number): void => {
      this.#events.waiting(wanted.name, status, ms);
    };
    const order = new CertificateOrder({ authority, clock, signal: this.#signal, wanted, waiting, ...own });
    const obtained = await order.carryOut(plan);
    if (obtained.kind === 'pending') return 'pending';
    try {
      const facts = await files.replace(wanted.name, wanted.output, obtained.material, clock.now());
      // Files that are brought back are those of a certificate that came long ago.
      const before = state().certificate;
      const obtainedAt = before?.serial === facts.serial ? before.obtainedAt : clock.now();
      const certificate = { ...facts, id: obtained.id, ...(obtainedAt !== undefined && { obtainedAt }) };
      await keep({ asked, certificate, request: undefined, owedHooks: wanted.hooks, problem: undefined });
    } catch (thrown) {
      // The same would come again, and a renewal of it is refused for good: with another digest the next run asks for a new one. One that is only
      // not valid yet is fetched by the next run.
      if (thrown instanceof PsiError && thrown.code === 'BAD_CERTIFICATE' && thrown.retry === 'no') {
        await keep({ ...state(), asked: '', request: undefined });
      }
      throw thrown;
    }
    return obtained.how;
  }

  async #note(
    state: CertificateState,
    error: PsiError | undefined,
    keep: (state: CertificateState) => Promise<void>,
  ): Promise<void> {
    if (!error && !state.problem) return;
    const problem = error && {
      ...{ at: this.#deps.clock.now(), code: error.code, message: error.message, hint: error.hint },
    };
    await keep({ ...state, problem });
  }
}
