// What a token refuses, as PSI's errors. A blob that may be good is never called corrupt: whoever holds it would set it aside.

import { PsiError } from '../../core/error.ts';
import { GONE, MEANINGS, meaningOf, WRONG_PIN } from './failure-words.ts';
import type { TokenFailure } from './wire.ts';
import type { TokenTarget } from '../../sealing/token-target.ts';

const RECOVERABLE = new Set(['crashed', ...Object.keys(MEANINGS).filter((why) => MEANINGS[why] === GONE)]);

/** May a new process and session help at once? Never after a login was refused. */
export function isRecoverable({ why }: TokenFailure): boolean {
  return RECOVERABLE.has(why);
}

export function isWrongPin({ step, why }: TokenFailure): boolean {
  return step === 'login' && MEANINGS[why] === WRONG_PIN;
}

export function tokenError(failure: TokenFailure, target: TokenTarget): PsiError {
  const { reason, retry = 'no', message, hint } = meaningOf(failure);
  const seen = failure.seen.length === 0 ? '' : ` (there: ${failure.seen.join(', ')})`;
  return new PsiError(
    reason === 'damaged' ? 'CACHE_CORRUPT' : 'KEY_UNAVAILABLE',
    `${deviceName(target)} ${message}${seen}`,
    {
      hint: hint.replaceAll('TOOL', `pkcs11-tool --module ${target.module}`),
      retry,
      details: { reason, step: failure.step, why: failure.why },
    },
  );
}

/** Refused before, so not asked again: the same words, so that the log has them once. */
export function refusedPin(target: TokenTarget): PsiError {
  return tokenError({ step: 'login', why: 'CKR_PIN_INCORRECT', seen: [] }, target);
}

export function silentToken(target: TokenTarget, timeoutMs: number): PsiError {
  return new PsiError('KEY_UNAVAILABLE', `${deviceName(target)} did not answer within ${String(timeoutMs / 1000)} s`, {
    hint: 'see `systemctl status pcscd` and `journalctl -k --grep=usb`, plug the token out and in',
    retry: 'later',
    details: { reason: 'timeout' },
  });
}

export function closedToken(target: TokenTarget): PsiError {
  return new PsiError('KEY_UNAVAILABLE', `${deviceName(target)} is not used any more: psi is stopping`, {
    hint: 'wait for psi.service: `systemctl status psi`',
    details: { reason: 'absent' },
  });
}

/** A token as its operator named it. */
export function deviceName({ module, token }: TokenTarget): string {
  const named = [
    token.label,
    token.serial && `serial ${token.serial}`,
    token.slot !== undefined && `slot ${String(token.slot)}`,
  ];
  const name = named.filter((part) => typeof part === 'string').join(', ');
  return `the token ${name === '' ? '' : `${name} `}at ${module}`;
}
