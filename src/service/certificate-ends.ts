// When the certificates of the config end, from what psi remembers of them: no authority is asked, and no file of theirs read.

import type { CertificateState, WantedCertificate } from '../certificates/certificate.ts';
import type { CertificateStates } from '../certificates/certificate-states.ts';
import { renewalDue } from '../certificates/plan.ts';
import { toPsiError, type PsiError } from '../core/error.ts';
import type { Clock } from '../core/clock.ts';
import { isoSeconds, isoTimeOrNull } from '../core/time.ts';
import type { ServiceProblem } from '../lookup/status.ts';

/** A daily timer with its spread comes within that. */
const TIMER_MS = 36 * 3_600_000;

export type CertificateEnd = {
  readonly name: string;
  /** ms since the epoch; undefined: none was issued. */
  readonly notAfter: number | undefined;
  /** The latest moment at which it is renewed. */
  readonly renewalDue: number | undefined;
  /** Of the last run that failed. */
  readonly problem: CertificateState['problem'];
};

export class CertificateEnds {
  readonly #deps: { readonly states: Pick<CertificateStates, 'get'>; readonly clock: Clock };
  #ends: readonly CertificateEnd[] = [];

  constructor(deps: { readonly states: Pick<CertificateStates, 'get'>; readonly clock: Clock }) {
    this.#deps = deps;
  }

  /** As they were found last. */
  get ends(): readonly CertificateEnd[] {
    return this.#ends;
  }

  /** For programs. */
  get told(): readonly {
    readonly name: string;
    readonly notAfter: string | null;
    readonly renewalDue: string | null;
  }[] {
    return this.#ends.map(({ name, notAfter, renewalDue: due }) => ({
      name,
      notAfter: isoTimeOrNull(notAfter),
      renewalDue: isoTimeOrNull(due),
    }));
  }

  async look(certificates: readonly WantedCertificate[]): Promise<readonly ServiceProblem[]> {
    const { states, clock } = this.#deps;
    const unread: ServiceProblem[] = [];
    const look = async (wanted: WantedCertificate): Promise<CertificateEnd | undefined> => {
      try {
        return certificateEnd(wanted, await states.get(wanted.name));
      } catch (thrown) {
        unread.push(unreadProblem(wanted.name, toPsiError(thrown)));
        return undefined;
      }
    };
    const found = await Promise.all(certificates.map(look));
    this.#ends = found.filter((end) => end !== undefined);
    const now = clock.now();
    return [...unread, ...this.#ends.flatMap((end) => certificateProblem(end, now))];
  }
}

/** It is not renewed as long as that is so. */
function unreadProblem(name: string, { message, hint }: PsiError): ServiceProblem {
  return { severity: 'warning', subject: `certificate ${name}`, message, hint: hint ?? null };
}

export function certificateEnd(wanted: WantedCertificate, state: CertificateState | undefined): CertificateEnd {
  const held = state?.certificate;
  const due = held && renewalDue(held, wanted, 0);
  return { name: wanted.name, notAfter: held?.notAfter, renewalDue: due, problem: state?.problem };
}

/** Empty: it is valid, and its renewal has time. */
export function certificateProblem(end: CertificateEnd, now: number): readonly ServiceProblem[] {
  const { name, problem } = end;
  const found = judged(end, now);
  if (!found) return [];
  const said = problem ? ` (the last try, ${isoSeconds(problem.at)}: ${problem.message})` : '';
  return [{ ...found, subject: `certificate ${name}`, message: `${found.message}${said}` }];
}

function judged(
  { notAfter, renewalDue: due }: CertificateEnd,
  now: number,
): Omit<ServiceProblem, 'subject'> | undefined {
  if (notAfter === undefined || due === undefined) {
    const hint = 'run `podman exec psi psi infisical tls issue`';
    return { severity: 'warning', message: 'none was issued yet', hint };
  }
  const hint = 'run `podman exec psi psi infisical tls renew`, and see `systemctl status psi-tls-renew.timer`';
  if (notAfter <= now) return { severity: 'error', message: `it ended ${isoSeconds(notAfter)}`, hint };
  // A certificate of hours has no day to wait for the timer.
  if (now < due + Math.min(TIMER_MS, (notAfter - due) / 2)) return undefined;
  const message = `its renewal is overdue since ${isoSeconds(due)}, and it ends ${isoSeconds(notAfter)}`;
  return { severity: 'warning', message, hint };
}
