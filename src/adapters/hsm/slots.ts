// Which slot holds the wanted token, and how PKCS#11 writes what a token says of itself. Helper process only.

import pkcs11, { type Handle, type PKCS11 } from 'pkcs11js';

import { TokenError } from './token-error.ts';
import type { TokenFacts } from './wire.ts';
import type { TokenTarget } from '../../sealing/token-target.ts';

export function chooseSlot(library: PKCS11, { token: { label, serial, slot, index } }: TokenTarget): Handle {
  if (index !== undefined) return slotAt(library, index);
  const slots = library.C_GetSlotList(true).map((handle) => ({ handle, info: library.C_GetTokenInfo(handle) }));
  if (slots.length === 0) throw new TokenError('no-token');
  // SoftHSM always offers one more slot, whose token is blank: no key can be there.
  const tokens = slots
    .filter(({ info }) => (info.flags & pkcs11.CKF_TOKEN_INITIALIZED) !== 0)
    .map(({ handle, info }) => {
      return { handle, number: slotNumber(handle), label: unpadded(info.label), serial: unpadded(info.serialNumber) };
    });
  if (tokens.length === 0) throw new TokenError('blank-tokens');
  const matching = tokens.filter(
    (token) =>
      (label === undefined || token.label === label) &&
      (serial === undefined || token.serial === serial) &&
      (slot === undefined || token.number === String(slot)),
  );
  const seen = tokens.map((token) => `${token.label} (serial ${token.serial}, slot ${token.number})`);
  const [found] = matching;
  if (!found) throw new TokenError('other-token', seen);
  if (matching.length > 1) throw new TokenError('many-tokens', seen);
  return found.handle;
}

function slotAt(library: PKCS11, index: number): Handle {
  const slots = library.C_GetSlotList(true);
  const found = slots[index];
  if (found) return found;
  if (slots.length === 0) throw new TokenError('no-token');
  const seen = slots.map((handle) => unpadded(library.C_GetTokenInfo(handle).label));
  throw new TokenError('other-token', seen);
}

export function pinState(flags: number): TokenFacts['pin'] {
  if ((flags & pkcs11.CKF_LOGIN_REQUIRED) === 0) return 'not-needed';
  if ((flags & pkcs11.CKF_USER_PIN_LOCKED) !== 0) return 'locked';
  if ((flags & pkcs11.CKF_USER_PIN_INITIALIZED) === 0) return 'not-set';
  if ((flags & pkcs11.CKF_USER_PIN_FINAL_TRY) !== 0) return 'last-try';
  return (flags & pkcs11.CKF_USER_PIN_COUNT_LOW) !== 0 ? 'low' : 'ok';
}

/** Names in a token are padded with blanks. */
export function unpadded(text: string): string {
  return text.replace(/[\s\0]+$/u, '');
}

/** pkcs11js hands out the bytes of an unsigned long. */
export function slotNumber(handle: Handle): string {
  const bytes = Buffer.alloc(8);
  handle.copy(bytes);
  return String(bytes.readBigUInt64LE());
}
