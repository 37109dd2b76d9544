// What each refusal of a token means: its reason, its words, and the command that helps. `TOOL` stands for pkcs11-tool with the module.

import type { Retry } from '../../core/error.ts';
import type { KeyFailure } from '../../sealing/key-wrapper.ts';
import type { TokenFailure } from './wire.ts';

export type Meaning = {
  readonly reason: KeyFailure;
  readonly retry?: Retry;
  readonly message: string;
  readonly hint: string;
};

export const GONE: Meaning = {
  reason: 'absent',
  retry: 'later',
  message: 'went away while it was used',
  hint: 'see `TOOL --list-slots`, `systemctl status pcscd` and `journalctl -k --grep=usb`',
};
const BUSY: Meaning = {
  reason: 'busy',
  retry: 'later',
  message: 'is in use by others',
  hint: 'see who uses it: `TOOL --list-slots`, `systemctl status pcscd`',
};
export const WRONG_PIN: Meaning = {
  reason: 'auth',
  message: 'refuses the PIN, which is not tried again',
  hint: 'put the right one where `podman exec psi psi hsm status` says it comes from; until then psi leaves the remaining tries alone',
};
const NO_OAEP: Meaning = {
  reason: 'refused',
  message: 'cannot decrypt RSA-OAEP with SHA-256',
  hint: 'use a token that can: `TOOL --list-mechanisms` has to list RSA-PKCS-OAEP with SHA256 (SoftHSM 2.6 knows SHA-1 only)',
};
const UNFIT_KEY: Meaning = {
  reason: 'refused',
  message: 'has a key that may not decrypt',
  hint: 'make one that may: `TOOL --login --keypairgen --key-type rsa:3072 --usage-decrypt --label psi`',
};
const OTHER_PAIR: Meaning = {
  reason: 'refused',
  message: 'does not get back what its public key has wrapped',
  hint: 'public and private key under that label or id have to be one pair: see `TOOL --login --list-objects`, set `key_id` under cache.hsm, or make one: `TOOL --login --keypairgen --key-type rsa:3072 --usage-decrypt --label psi`',
};
const ENTERED_WRONG: Meaning = {
  reason: 'auth',
  message: 'was given a wrong PIN last time: psi leaves the remaining tries to people',
  hint: 'log in once by hand, which resets the count: `TOOL --login --list-objects`; then `podman exec psi psi hsm init`',
};
const LOCKED: Meaning = {
  reason: 'lockout',
  message: 'has locked its PIN',
  hint: 'unlock it with the SO PIN: `TOOL --init-pin --login --login-type so`',
};

export const MEANINGS: Readonly<Record<string, Meaning>> = {
  'no-token': {
    reason: 'absent',
    retry: 'later',
    message: 'is not there: the module sees no token at all',
    hint: 'plug it in, see `TOOL --list-slots` and `systemctl status pcscd`; in the container mount the folder /run/pcscd',
  },
  'blank-tokens': {
    reason: 'absent',
    message: 'is not there: the module sees no token that was initialised',
    hint: 'initialise one: `TOOL --init-token --slot N --label psi`, then its PIN and key; `TOOL --list-slots` tells which slot holds it',
  },
  'other-token': {
    reason: 'absent',
    retry: 'later',
    message: 'is not there',
    hint: 'plug it in, or correct `token`, `serial` or `slot` under cache.hsm: `TOOL --list-slots`',
  },
  'many-tokens': {
    reason: 'refused',
    message: 'is not the only one that fits',
    hint: 'set `serial` under cache.hsm to one of them: `TOOL --list-slots`',
  },
  'no-key': {
    reason: 'refused',
    message: 'has no such RSA key',
    hint: 'correct `key` or `key_id` under cache.hsm, or make it: `TOOL --login --keypairgen --key-type rsa:3072 --usage-decrypt --label psi`',
  },
  'many-keys': {
    reason: 'refused',
    message: 'has several RSA keys that fit',
    hint: 'set `key` or `key_id` under cache.hsm to one of them: `TOOL --login --list-objects`',
  },
  'other-key': {
    reason: 'other-device',
    message: 'has another key than the one the cache was wrapped with',
    hint: 'plug in the token that was there, or wrap anew with this one: `podman exec psi psi cache refresh`',
  },
  'pin-missing': {
    reason: 'auth',
    message: 'wants a PIN and psi has none',
    hint: 'make it a credential: `systemd-ask-password -n | systemd-creds encrypt --name=hsm-pin - /etc/credstore.encrypted/hsm-pin`, `pin: {credential: hsm-pin}` under cache.hsm, then `psi systemd install` and a restart',
  },
  'pin-low': ENTERED_WRONG,
  'pin-last-try': ENTERED_WRONG,
  'pin-locked': LOCKED,
  'pin-not-set': {
    reason: 'refused',
    message: 'has no user PIN yet',
    hint: 'set one: `TOOL --init-pin --login --login-type so`',
  },
  CKR_PIN_INCORRECT: WRONG_PIN,
  CKR_PIN_INVALID: WRONG_PIN,
  CKR_PIN_LEN_RANGE: WRONG_PIN,
  CKR_PIN_LOCKED: LOCKED,
  CKR_PIN_EXPIRED: {
    reason: 'auth',
    message: 'wants its PIN changed first',
    hint: 'change it: `TOOL --login --change-pin`',
  },
  CKR_DEVICE_REMOVED: GONE,
  CKR_TOKEN_NOT_PRESENT: GONE,
  CKR_TOKEN_NOT_RECOGNIZED: GONE,
  CKR_SLOT_ID_INVALID: GONE,
  CKR_DEVICE_ERROR: GONE,
  CKR_GENERAL_ERROR: GONE,
  CKR_FUNCTION_FAILED: GONE,
  CKR_FUNCTION_CANCELED: GONE,
  CKR_SESSION_HANDLE_INVALID: GONE,
  CKR_SESSION_CLOSED: GONE,
  CKR_USER_NOT_LOGGED_IN: GONE,
  CKR_CRYPTOKI_NOT_INITIALIZED: GONE,
  CKR_DEVICE_MEMORY: BUSY,
  CKR_HOST_MEMORY: BUSY,
  CKR_SESSION_COUNT: BUSY,
  CKR_OPERATION_ACTIVE: BUSY,
  CKR_USER_TOO_MANY_TYPES: BUSY,
  CKR_USER_ANOTHER_ALREADY_LOGGED_IN: BUSY,
  CKR_MECHANISM_INVALID: NO_OAEP,
  CKR_MECHANISM_PARAM_INVALID: NO_OAEP,
  CKR_KEY_FUNCTION_NOT_PERMITTED: UNFIT_KEY,
  CKR_KEY_TYPE_INCONSISTENT: UNFIT_KEY,
};

export function meaningOf({ step, why }: TokenFailure): Meaning {
  if (step === 'module') {
    return {
      reason: 'absent',
      message: `is out of reach: its module cannot be loaded (${why})`,
      hint: "install the module (`opensc-pkcs11`, `libnss3`, the vendor's), or correct `module` under cache.hsm",
    };
  }
  if (step === 'decrypt' || step === 'try') {
    if (why === 'CKR_ARGUMENTS_BAD') return NO_OAEP;
    if (/^CKR_(ENCRYPTED_)?DATA_|^bad-length$|^other-bytes$/.test(why)) {
      if (step === 'try') return OTHER_PAIR;
      return {
        reason: 'damaged',
        message: 'cannot decrypt the data key: it is damaged',
        hint: '`podman exec psi psi cache refresh` wraps a new one',
      };
    }
  }
  if (why === 'crashed') return { ...GONE, message: 'made its module crash' };
  return (
    MEANINGS[why] ?? {
      reason: 'refused',
      message: `answers ${why} (${step})`,
      hint: 'see `podman exec psi psi hsm preflight`, and report it with the lines of `journalctl -u psi`',
    }
  );
}
