// How the certificates stand, from the state, the files and the timer alone. Asks no authority, so it works through an outage.

import { NO_STATE, type WantedCertificate } from './certificate.ts';
import { PsiError } from '../core/error.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import { isoTime, isoTimeOrNull, spanText } from '../core/time.ts';
import { LEAST_WINDOW_MS, looksFor, looksOf } from './looks.ts';
import { heldCertificate, renewalDue, renewalWindow, renewedLater, wantedWindow } from './plan.ts';
import type { UnitTimers } from './unit-timers.ts';
import { chooseCertificates, digestsOf, type CertificateRunDeps } from './run.ts';

export const RENEW_TIMER = 'psi-tls-renew.timer';

/** `changed`: the config asks for another one than is in place. `incomplete`: its files are not in place, or no pair. */
export type CertificateCondition =
  'valid' | 'due' | 'expired' | 'changed' | 'incomplete' | 'pending' | 'rejected' | 'not issued';

export type CertificateStatus = {
  readonly name: string;
  readonly commonName: string;
  readonly condition: CertificateCondition;
  readonly serial: string | null;
  /** ISO texts. */
  readonly notBefore: string | null;
  readonly notAfter: string | null;
  /** Whole days, rounded down; negative after the end. */
  readonly daysLeft: number | null;
  readonly renewalDue: string | null;
  /** That it is renewed later than the config says, and why. */
  readonly renewedLater: Failure | null;
  readonly requestStatus: string | null;
  readonly owedHooks: readonly (readonly string[])[];
  /** Others than root and the key's owner can change the folder that it lies in. */
  readonly exposed: Failure | null;
  /** Its code may be one of another version: it comes from the state. */
  readonly lastError: (Omit<Failure, 'code'> & { readonly at: string; readonly code: string }) | null;
};

export type CertificateOverview = {
  readonly certificates: readonly CertificateStatus[];
  /** ISO text; null: no such timer is active. */
  readonly nextRun: string | null;
  /** The timer looks too seldom for these certificates; null: it does not, or nobody knows. */
  readonly timerProblem: Failure | null;
};

export type CertificateOverviewDeps = Pick<CertificateRunDeps, 'files' | 'states' | 'clock' | 'digest' | 'host'> & {
  readonly timers: UnitTimers;
  /** The command that renders PSI's units anew. */
  readonly renderUnits: string;
};

const DAY_MS = 86_400_000;

export async function certificateOverview(
  deps: CertificateOverviewDeps,
  certificates: readonly WantedCertificate[],
  name: string | undefined,
): Promise<CertificateOverview> {
  const chosen = chooseCertificates(certificates, name);
  const [nextRun, tooSeldom, ...statuses] = await Promise.all([
    deps.timers.nextRun(RENEW_TIMER),
    timerProblem(deps, certificates),
    ...chosen.map((wanted) => statusOf(deps, wanted)),
  ]);
  return {
    certificates: statuses,
    nextRun: isoTimeOrNull(nextRun),
    timerProblem: tooSeldom ? failureOf(tooSeldom) : null,
  };
}

type Window = { readonly name: string; readonly ms: number };

/** The shortest time between due and end: as the config asks for it, or shorter where the authority gave less. */
export async function shortestWindow(
  { states, files }: Pick<CertificateOverviewDeps, 'states' | 'files'>,
  certificates: readonly WantedCertificate[],
): Promise<Window | undefined> {
  const windows = await Promise.all(
    certificates.map(async (wanted) => {
      const state = (await states.get(wanted.name).catch(() => undefined)) ?? NO_STATE;
      const onDisk = await files.inspect(wanted.name, wanted.output).catch(() => undefined);
      const held = heldCertificate(onDisk, state);
      return {
        name: wanted.name,
        ms: Math.min(wantedWindow(wanted), held ? renewalWindow(held, wanted) : Infinity),
      };
    }),
  );
  return windows.sort((a, b) => a.ms - b.ms)[0];
}

export type TimerDeps = Pick<CertificateOverviewDeps, 'states' | 'files' | 'timers' | 'renderUnits'>;

/** The timer was written for the config of its day, and only a certificate knows what life it was given. Never fails. */
export async function timerProblem(
  deps: TimerDeps,
  certificates: readonly WantedCertificate[],
): Promise<PsiError | undefined> {
  const shortest = await shortestWindow(deps, certificates);
  if (!shortest) return undefined;
  const { name, ms } = shortest;
  const looks = looksOf((await deps.timers.calendars(RENEW_TIMER)) ?? []);
  const needed = looksFor(ms);
  const before = `${name} is renewed ${spanText(ms)} before its end`;
  if (looks && looks.everyMs > needed.everyMs) {
    return new PsiError(
      'HOST',
      `${RENEW_TIMER} looks once ${looks.words}, and ${before}: it may end between two looks`,
      {
        hint: `render the units anew: \`${deps.renderUnits}\`, then \`systemctl restart ${RENEW_TIMER}\``,
      },
    );
  }
  if (ms >= LEAST_WINDOW_MS) return undefined;
  return new PsiError('HOST', `${before}: too short for any timer of psi, it may end between two looks`, {
    hint: `give it a longer \`ttl\` and \`renew_before\`: ${spanText(LEAST_WINDOW_MS)} before the end at least`,
  });
}

async function statusOf(deps: CertificateOverviewDeps, wanted: WantedCertificate): Promise<CertificateStatus> {
  const { asked, fraction } = digestsOf(wanted, deps);
  const state = (await deps.states.get(wanted.name)) ?? NO_STATE;
  const onDisk = await deps.files.inspect(wanted.name, wanted.output);
  const exposed = await deps.files.exposed(wanted.name, wanted.output);
  const held = heldCertificate(onDisk, state);
  const now = deps.clock.now();
  const due = held && renewalDue(held, wanted, fraction);
  const later = held && renewedLater(held, wanted);
  const { request, problem } = state;
  const condition = (): CertificateCondition => {
    if (held && held.notAfter <= now) return 'expired';
    if (request?.status === 'rejected') return 'rejected';
    if (!state.certificate) return request ? 'pending' : 'not issued';
    if (!onDisk) return 'incomplete';
    if (request) return 'pending';
    if (state.asked !== undefined && state.asked !== asked) return 'changed';
    return due !== undefined && due <= now ? 'due' : 'valid';
  };
  return {
    name: wanted.name,
    commonName: wanted.commonName,
    condition: condition(),
    serial: (onDisk ?? state.certificate)?.serial ?? null,
    notBefore: isoTimeOrNull(held?.notBefore),
    notAfter: isoTimeOrNull(held?.notAfter),
    daysLeft: held ? Math.floor((held.notAfter - now) / DAY_MS) : null,
    renewalDue: isoTimeOrNull(due),
    renewedLater: later ? failureOf(later) : null,
    requestStatus: request?.status ?? null,
    owedHooks: state.owedHooks,
    exposed: exposed ? failureOf(exposed) : null,
    lastError: problem
      ? {
          at: isoTime(problem.at),
          code: problem.code,
          message: problem.message,
          hint: problem.hint ?? null,
        }
      : null,
  };
}
