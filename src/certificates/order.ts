// From a plan to a certificate in hand: orders, renews, follows what is under way. Every id is kept before anything else can fail, or a
// killed run would order the same again.

import type { CertificateState, PendingRequest, WantedCertificate } from './certificate.ts';
import { PsiError } from '../core/error.ts';
import { renewalDue, uselessClock, type CertificatePlan } from './plan.ts';
import type { CertificateAuthority, CertificateMaterial, OrderAnswer } from './certificate-authority.ts';
import type { ProviderWords } from '../core/provider-words.ts';
import { isoSeconds, spanText } from '../core/time.ts';
import type { Clock } from '../core/clock.ts';

/** Between two looks at an order within one run: two and a half minutes in all. The next run goes on. */
export const POLL_PAUSES_MS: readonly number[] = [10_000, 20_000, 40_000, 80_000];

/** More renewals of one certificate than a server makes between two runs. */
const LONGEST_LINE = 50;

export type Obtained =
  | {
      readonly kind: 'material';
      readonly how: 'issued' | 'renewed' | 'restored';
      readonly id: string;
      readonly material: CertificateMaterial;
    }
  | { readonly kind: 'pending'; readonly status: string };

export type OrderDeps = {
  readonly authority: CertificateAuthority;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly wanted: WantedCertificate;
  readonly asked: string;
  /** This host's part of the spread of renewals. */
  readonly fraction: number;
  readonly state: () => CertificateState;
  readonly keep: (state: CertificateState) => Promise<void>;
  readonly waiting: (status: string, ms: number) => void;
};

type How = 'issued' | 'renewed' | 'restored';

export class CertificateOrder {
  readonly #deps: OrderDeps;

  constructor(deps: OrderDeps) {
    this.#deps = deps;
  }

  async carryOut(plan: Exclude<CertificatePlan, { act: 'keep' | 'rejected' }>): Promise<Obtained> {
    switch (plan.act) {
      case 'issue':
        return this.#issue();
      case 'renew':
        return this.#renew(plan.id);
      case 'fetch':
        return this.#fetch(plan.id, 'restored');
      case 'poll':
        return this.#poll(plan.request, plan.requestId, 'issued');
    }
  }

  async #issue(): Promise<Obtained> {
    const { authority, wanted, signal } = this.#deps;
    await this.#requireClock();
    return this.#take(await authority.issue(wanted, signal), 'issued');
  }

  /** Before each order: what it brings would be refused, and the next run would order the same again. */
  async #requireClock(): Promise<void> {
    const { authority, wanted, signal, clock } = this.#deps;
    const ahead = await authority.clockAhead(signal);
    if (ahead === undefined || !uselessClock(ahead, wanted)) return;
    const there = isoSeconds(clock.now() + ahead);
    throw new PsiError(
      'HOST',
      `the clock of this host is ${spanText(Math.abs(ahead))} ${ahead > 0 ? 'behind' : 'ahead of'} that of ${authority.words.name} (${isoSeconds(clock.now())} here, ${there} there): ${wanted.name} would be of no use here`,
      {
        hint: 'set the clock right: `timedatectl`, `timedatectl set-ntp true`; nothing was ordered, the next run does it',
      },
    );
  }

  /** Looks first: the server, or a run whose answer was lost, may have renewed it. */
  async #renew(id: string): Promise<Obtained> {
    const { authority, wanted, signal, clock, fraction } = this.#deps;
    const last = await this.#lastOf(id);
    if (!last?.active) return this.#issue();
    if (last.id !== id) {
      const { notBefore, notAfter } = last;
      const fresh =
        notBefore === undefined ||
        notAfter === undefined ||
        renewalDue({ notBefore, notAfter }, wanted, fraction) > clock.now();
      if (fresh) return this.#adopt(last.id);
    }
    await this.#requireClock();
    const answer = await authority.renew(wanted, last.id, signal);
    if (answer.kind !== 'gone') return this.#take(answer, 'renewed');
    const after = await this.#lastOf(last.id);
    return after?.active && after.id !== last.id ? this.#adopt(after.id) : this.#issue();
  }

  /** The end of the line of renewals that begins with this one. */
  async #lastOf(id: string): Promise<
    | {
        readonly id: string;
        readonly active: boolean;
        readonly notBefore?: number | undefined;
        readonly notAfter?: number | undefined;
      }
    | undefined
  > {
    const { authority, wanted, signal } = this.#deps;
    let current = id;
    for (let length = 0; length < LONGEST_LINE; length += 1) {
      const record = await authority.inspect(wanted.project, current, signal);
      if (!record) return undefined;
      if (record.renewedAs === undefined) return { ...record, id: current };
      current = record.renewedAs;
    }
    return undefined;
  }

  async #adopt(id: string): Promise<Obtained> {
    await this.#request({ status: 'issued', requestId: undefined, certificateId: id });
    return this.#fetch(id, 'renewed');
  }

  async #take(answer: OrderAnswer, how: How): Promise<Obtained> {
    if (answer.kind === 'pending') {
      const { requestId, status } = answer;
      const request = await this.#request({ status, requestId, certificateId: undefined });
      return this.#poll(request, requestId, how);
    }
    const { certificateId: id, material } = answer;
    await this.#request({ status: 'issued', requestId: undefined, certificateId: id });
    return material.key ? { kind: 'material', how, id, material } : this.#fetch(id, how);
  }

  async #poll(request: PendingRequest, requestId: string, how: How): Promise<Obtained> {
    const { authority, wanted, signal, clock, waiting } = this.#deps;
    for (const pause of [...POLL_PAUSES_MS, undefined]) {
      const answer = await authority.request(wanted.project, requestId, signal);
      switch (answer.kind) {
        case 'issued':
          await this.#request({ status: 'issued', requestId, certificateId: answer.certificateId });
          return this.#fetch(answer.certificateId, how);
        case 'unknown':
          return this.#issue();
        case 'failed':
        case 'rejected':
          return this.#refused(request, answer);
        case 'pending':
          if (answer.status !== request.status) await this.#request({ ...request, status: answer.status });
          if (pause === undefined) return { kind: 'pending', status: answer.status };
          waiting(answer.status, pause);
          await clock.sleep(pause, signal);
      }
    }
    throw new PsiError('INTERNAL', 'the looks at a certificate request have no end');
  }

  async #refused(
    request: PendingRequest,
    answer: { readonly kind: 'failed' | 'rejected'; readonly reason: string },
  ): Promise<never> {
    const { name } = this.#deps.wanted;
    const { words } = this.#deps.authority;
    if (answer.kind === 'rejected') {
      await this.#request({ ...request, status: 'rejected' });
      throw rejection(words, name, `the request for ${name} was rejected: ${answer.reason}`);
    }
    // Failures pass: the next run orders anew.
    await this.#deps.keep({ ...this.#deps.state(), request: undefined });
    throw new PsiError('PROVIDER_DENIED', `the authority could not issue ${name}: ${answer.reason}`, {
      hint: `see the certificate request in ${words.name}; the next run orders it anew`,
    });
  }

  async #fetch(id: string, how: How): Promise<Obtained> {
    const { authority, wanted, signal } = this.#deps;
    const { name, group, rights } = authority.words;
    const material = await authority.fetch(wanted.project, id, signal);
    if (material?.key) return { kind: 'material', how, id, material };
    // Of an old one without its key a new one is ordered. One that has just been ordered would be followed by the same again.
    const fresh = how !== 'restored' || this.#deps.state().request?.certificateId === id;
    if (material && fresh) {
      throw new PsiError(
        'PROVIDER_DENIED',
        `${name} hands out the certificate ${wanted.name} without its private key`,
        {
          hint: `give the machine identity the right ${rights.readKeys} on certificates, or order anew: \`podman exec psi psi ${group} tls issue --force ${wanted.name}\``,
        },
      );
    }
    return this.#issue();
  }

  async #request(change: Pick<PendingRequest, 'status' | 'requestId' | 'certificateId'>): Promise<PendingRequest> {
    const { state, keep, asked, clock } = this.#deps;
    const { status, requestId, certificateId } = change;
    const before = state().request;
    const same = before?.asked === asked && before.requestId !== undefined && before.requestId === requestId;
    const request = { asked, since: same ? before.since : clock.now(), status, requestId, certificateId };
    await keep({ ...state(), request });
    return request;
  }
}

/** Of an earlier run, as it was kept. */
export function rejected(words: ProviderWords, name: string, kept: CertificateState['problem']): PsiError {
  return rejection(words, name, kept?.message ?? `the request for ${name} was rejected`);
}

function rejection({ group }: ProviderWords, name: string, message: string): PsiError {
  return new PsiError('PROVIDER_DENIED', message, {
    hint: `ask whoever approves it, then run \`podman exec psi psi ${group} tls issue --force ${name}\``,
  });
}
