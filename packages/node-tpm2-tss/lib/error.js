// The one error of this package, and what a response code of the TSS means in the step it came from.

/** @import { TpmErrorInit, TpmErrorKind, TpmErrorLayer } from '../index.d.ts' */

const LAYERS = new Map(
  /** @type {const} */ ([
    [0, 'tpm'],
    [7, 'esys'],
    [8, 'sys'],
    [9, 'mu'],
    [10, 'tcti'],
    [11, 'resource manager'],
    [12, 'resource manager'],
  ]),
);

/** @type {ReadonlySet<TpmErrorKind>} */
const RETRYABLE = new Set(/** @type {const} */ (['absent', 'busy', 'timeout', 'pcr-unstable', 'lockout']));

/** @param {number} code @returns {TpmErrorLayer} */
function layerOf(code) {
  return LAYERS.get(/** @type {0} */ ((code >>> 16) & 0xff)) ?? 'unknown';
}

export class TpmError extends Error {
  /** @param {TpmErrorKind} kind @param {string} message @param {TpmErrorInit} [init] */
  constructor(kind, message, init = {}) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = 'TpmError';
    this.kind = kind;
    this.step = init.step;
    this.code = init.code;
    this.decoded = init.decoded;
    this.layer = init.code === undefined ? undefined : layerOf(init.code);
    this.pcrs = init.pcrs ?? [];
    this.retryable = RETRYABLE.has(kind);
  }
}

/** @type {Readonly<Record<TpmErrorKind, string>>} */
const MESSAGES = {
  absent: 'no TPM answers',
  tcti: 'the TCTI cannot be used: its library is not installed or its text is wrong',
  'not-started': 'the TPM was not started by the firmware',
  failed: 'the TPM is in failure mode',
  busy: 'the TPM is busy: its slots are full or it asks to be called again',
  timeout: 'the TPM did not answer in time',
  'no-bank': 'the PCR bank is not allocated',
  'owner-auth': 'the owner hierarchy has a password and there is no fit storage key without one at 0x81000001',
  'other-tpm': 'sealed by another TPM, or this one was cleared since',
  policy: 'the PCRs are not what they were when sealing',
  'pcr-unstable': 'PCRs kept changing while the policy was checked',
  auth: 'wrong auth value',
  lockout: 'the TPM is in dictionary-attack lockout',
  damaged: 'the blob is damaged',
  version: 'the blob has an unknown format',
  unexpected: 'the TPM refused',
};

// Response codes of the TPM itself: numbers of TPM 2.0 Library, part 2, "TPM_RC".
const FORMAT_ONE = 0x080;
const IN_PARAMETER = 0x040;
const NOT_STARTED = 0x100;
const FAILURE_MODE = 0x101;
const PCR_CHANGED = 0x128;
const LOCKOUT = 0x921;
// Context gap, object memory, session memory, memory, session handles, object handles; yielded, cancelled, testing; NV rate, retry, NV away.
const BUSY = new Set([0x901, 0x902, 0x903, 0x904, 0x905, 0x906, 0x908, 0x909, 0x90a, 0x920, 0x922, 0x923]);
// Format one, without the bits that say which handle, parameter or session.
const AUTH_FAIL = 0x0e;
const POLICY_FAIL = 0x1d;
const BAD_AUTH = 0x22;

// TSS2_BASE_RC_*, as the TCTI layer gives them.
const TCTI_TRY_AGAIN = 0x09;
const TCTI_UNUSABLE = new Set([0x02, 0x0b, 0x15]);

/** @param {string} step @param {number} code @returns {TpmErrorKind} */
export function classify(step, code) {
  if (step === 'StorageKeyName') return 'other-tpm';
  if (step === 'Unmarshal') return 'damaged';
  const layer = layerOf(code);
  const base = code & 0xffff;
  if (layer === 'tcti') {
    if (base === TCTI_TRY_AGAIN) return 'busy';
    return step === 'Connect' && TCTI_UNUSABLE.has(base) ? 'tcti' : 'absent';
  }
  if (layer !== 'tpm' && layer !== 'resource manager') return 'unexpected';
  return (base & FORMAT_ONE) === 0 ? classifyState(base) : classifyRefusal(step, base);
}

/** @param {number} base @returns {TpmErrorKind} */
function classifyState(base) {
  if (base === NOT_STARTED) return 'not-started';
  if (base === FAILURE_MODE) return 'failed';
  if (base === PCR_CHANGED) return 'pcr-unstable';
  if (base === LOCKOUT) return 'lockout';
  return BUSY.has(base) ? 'busy' : 'unexpected';
}

/** @param {string} step @param {number} base @returns {TpmErrorKind} */
function classifyRefusal(step, base) {
  const error = base & 0x3f;
  // Whatever displeases the TPM in what it is given to load comes from the blob: its parent is known to be the right one.
  if (step === 'Load' && (base & IN_PARAMETER) !== 0) return 'damaged';
  if (step === 'Unseal' && error === POLICY_FAIL) return 'policy';
  if (error !== BAD_AUTH && error !== AUTH_FAIL) return 'unexpected';
  return step === 'Unseal' ? 'auth' : 'owner-auth';
}

/**
 * From what the addon reports; `code` 0: the addon itself found it.
 * @param {{readonly step: string, readonly code: number, readonly text: string}} failure
 */
export function fromFailure({ step, code, text }) {
  const kind = classify(step, code);
  const decoded = text === '' ? undefined : text;
  const what = kind === 'unexpected' ? `${MESSAGES[kind]} ${step}` : MESSAGES[kind];
  const why = decoded === undefined || code === 0 ? (decoded ?? '') : `${decoded}, 0x${code.toString(16)}`;
  return new TpmError(kind, why === '' ? what : `${what} (${why})`, {
    step,
    code: code === 0 ? undefined : code,
    decoded,
  });
}
