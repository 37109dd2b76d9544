// What a TPM refuses, in PSI's words. A blob that may be good is never called corrupt: whoever holds it would set it aside.

import type { TpmErrorKind } from 'node-tpm2-tss';
import { PsiError, type Retry } from '../../core/error.ts';
import type { KeyFailure } from '../../sealing/key-wrapper.ts';

const SEAL_ANEW = '`podman exec psi psi cache refresh` seals anew for this host as it is now';

type Meaning = { readonly reason: KeyFailure; readonly hint: string; readonly retry?: Retry };

const MEANINGS: Readonly<Record<TpmErrorKind, Meaning>> = {
  absent: {
    reason: 'absent',
    retry: 'later',
    hint: 'on the host, `ls -l /dev/tpmrm0` and `journalctl -k --grep=tpm`; in the container it needs `AddDevice=/dev/tpmrm0`; another: `cache.tpm.tcti`',
  },
  tcti: {
    reason: 'absent',
    hint: 'correct `cache.tpm.tcti`, or install its library: `apt-get install libtss2-tcti-device0t64` for device:/dev/tpmrm0',
  },
  'not-started': {
    reason: 'refused',
    hint: 'turn the TPM on in the firmware setup: `systemctl reboot --firmware-setup`',
  },
  failed: {
    reason: 'refused',
    hint: 'the TPM has failed its self test (`tpm2_gettestresult`): turn the machine off and on',
  },
  busy: {
    reason: 'busy',
    retry: 'later',
    hint: 'share it by the resource manager: `tcti: device:/dev/tpmrm0` under cache.tpm, not /dev/tpm0',
  },
  timeout: { reason: 'timeout', retry: 'later', hint: 'see what the kernel says of it: `journalctl -k --grep=tpm`' },
  'no-bank': { reason: 'refused', hint: 'set `cache.tpm.bank` to one that `tpm2_getcap pcrs` shows with registers' },
  'owner-auth': {
    reason: 'refused',
    hint: '`tpm2_createprimary -C o -P PASSWORD -c srk.ctx -a "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt" && tpm2_evictcontrol -C o -P PASSWORD -c srk.ctx 0x81000001` makes one',
  },
  'other-tpm': { reason: 'other-device', hint: SEAL_ANEW },
  policy: { reason: 'policy', hint: `if the change of firmware, Secure Boot or kernel was yours: ${SEAL_ANEW}` },
  'pcr-unstable': { reason: 'busy', retry: 'later', hint: 'wait until the machine has started up' },
  auth: {
    reason: 'auth',
    hint: 'set `cache.tpm.auth` to the value it was sealed with and `systemctl restart psi.service`, or seal anew: `podman exec psi psi cache refresh`',
  },
  lockout: { reason: 'lockout', hint: 'wait, or clear it with `tpm2_dictionarylockout --clear-lockout`' },
  damaged: { reason: 'damaged', hint: SEAL_ANEW },
  version: { reason: 'version', hint: `start the psi that made it, or: ${SEAL_ANEW}` },
  unexpected: {
    reason: 'refused',
    hint: 'look its code up with `tpm2_rc_decode`, and report it with the lines of `journalctl -u psi`',
  },
};

/** Of a TpmError: its class is not imported, because the package is loaded when it is used. */
export function tpmError(kind: TpmErrorKind, message: string, cause: unknown): PsiError {
  const { reason, hint, retry = 'no' } = MEANINGS[kind];
  const isBlob = reason === 'damaged' || reason === 'version';
  return new PsiError(isBlob ? 'CACHE_CORRUPT' : 'KEY_UNAVAILABLE', firstLower(message), {
    hint,
    retry,
    cause,
    details: { reason, kind },
  });
}

/** The native part of the package, or a library of the TSS, is not installed here. */
export function loadError(cause: unknown): PsiError {
  return new PsiError('KEY_UNAVAILABLE', 'the TPM software stack cannot be loaded', {
    hint: 'use the image as it is built; elsewhere: `npm run build -w packages/node-tpm2-tss`, with libtss2-esys, -tctildr, -mu and -rc installed',
    cause,
    details: { reason: 'absent', kind: 'not-loaded' },
  });
}

export function authError(cause: unknown): PsiError {
  const why = cause instanceof PsiError ? cause.message : 'unexpected error';
  return new PsiError('KEY_UNAVAILABLE', `the auth value of the TPM cannot be read: ${why}`, {
    hint: (cause instanceof PsiError ? cause.hint : undefined) ?? 'correct `cache.tpm.auth`',
    cause,
    details: { reason: 'auth', kind: 'auth' },
  });
}

export function closedError(): PsiError {
  return new PsiError('KEY_UNAVAILABLE', 'the TPM is no longer used: psi is stopping', {
    hint: 'start psi again: `systemctl start psi.service`',
    retry: 'no',
    details: { reason: 'absent', kind: 'closed' },
  });
}

// Messages begin with a small letter here; names such as PCR keep their capitals.
function firstLower(message: string): string {
  return /^[A-Z][a-z]/.test(message) ? message.charAt(0).toLowerCase() + message.slice(1) : message;
}
