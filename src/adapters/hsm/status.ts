// What `psi hsm status` and `psi hsm preflight` say of a token, from what it says of itself. Nothing here asks the token or has a PIN.

import type { PsiError } from '../../core/error.ts';
import type { Check } from '../../sealing/backends.ts';
import type { WrapperStatus } from '../../sealing/key-wrapper.ts';
import { deviceName, refusedPin, tokenError } from './errors.ts';
import type { TokenFacts } from './wire.ts';
import type { TokenTarget } from '../../sealing/token-target.ts';
import { wrapKeyOf } from './wrap-key.ts';

export type Seen = {
  readonly facts: TokenFacts;
  /** Which source has a PIN; undefined: none. */
  readonly pinFrom: string | undefined;
  /** Did the token refuse it since the start? */
  readonly refused: boolean;
};

export function statusOf(target: TokenTarget, seen: Seen): WrapperStatus {
  const checks = checksOf(target, seen);
  return {
    device: deviceName(target),
    problem: checks.find((check) => check.problem)?.problem,
    facts: new Map(checks.map(({ name, found }) => [name, found])),
  };
}

export function checksOf(target: TokenTarget, { facts, pinFrom, refused }: Seen): readonly Check[] {
  const problem = (why: string): PsiError => tokenError({ step: 'token', why, seen: [] }, target);
  const pinProblem = (): PsiError | undefined => {
    if (facts.pin === 'not-needed') return undefined;
    if (facts.pin !== 'ok') return problem(`pin-${facts.pin}`);
    if (pinFrom === undefined) return problem('pin-missing');
    return refused ? refusedPin(target) : undefined;
  };
  return [
    {
      name: 'token',
      found: `${facts.label} (serial ${facts.serial}, slot ${facts.slot}, ${facts.manufacturer} ${facts.model})`,
      problem: undefined,
    },
    { name: 'pin', found: `${facts.pin}, from ${pinFrom ?? 'nowhere'}`, problem: pinProblem() },
    {
      name: 'mechanism',
      found: facts.oaep ? 'RSA-PKCS-OAEP' : 'no RSA-PKCS-OAEP',
      problem: facts.oaep ? undefined : problem('CKR_MECHANISM_INVALID'),
    },
    // Tokens that show public keys to nobody without a PIN may well have one.
    { name: 'key', found: keyLine(facts), problem: undefined },
  ];
}

function keyLine({ publicKey }: TokenFacts): string {
  if (!publicKey) return 'not to be seen without a login';
  const { key, fingerprint } = wrapKeyOf(publicKey);
  return `RSA-${String(key.asymmetricKeyDetails?.modulusLength)}, sha256 ${fingerprint.slice(0, 16)}`;
}
