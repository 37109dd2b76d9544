// How the certificates stand, from the state, the files and the timer alone. Asks no authority, so it works through an outage.

import { NO_STATE, type WantedCertificate } from './certificate.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import { isoTime, isoTimeOrNull } from '../core/time.ts';
import { renewalDue } from './plan.ts';
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
};

export type CertificateOverviewDeps = Pick<CertificateRunDeps, 'files' | 'states' | 'clock' | 'digest' | 'host'> & {
  readonly timers: UnitTimers;
};

const DAY_MS = 86_400_000;

export async function certificateOverview(
  deps: CertificateOverviewDeps,
  certificates: readonly WantedCertificate[],
  name: string | undefined,
): Promise<CertificateOverview> {
  const chosen = chooseCertificates(certificates, name);
  const [nextRun, ...statuses] = await Promise.all([
    deps.timers.nextRun(RENEW_TIMER),
    ...chosen.map((wanted) => statusOf(deps, wanted)),
  ]);
  return { certificates: statuses, nextRun: isoTimeOrNull(nextRun) };
}

async function statusOf(deps: CertificateOverviewDeps, wanted: WantedCertificate): Promise<CertificateStatus> {
  const { asked, fraction } = digestsOf(wanted, deps);
  const state = (await deps.states.get(wanted.name)) ?? NO_STATE;
  const onDisk = await deps.files.inspect(wanted.name, wanted.output);
  const exposed = await deps.files.exposed(wanted.name, wanted.output);
  const held = onDisk ?? state.certificate;
  const now = deps.clock.now();
  const due = held && renewalDue(held, wanted, fraction);
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
    serial: held?.serial ?? null,
    notBefore: isoTimeOrNull(held?.notBefore),
    notAfter: isoTimeOrNull(held?.notAfter),
    daysLeft: held ? Math.floor((held.notAfter - now) / DAY_MS) : null,
    renewalDue: isoTimeOrNull(due),
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
