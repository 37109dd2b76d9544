// What is wrong with a cache file, as an error for people: one message and one hint per defect.

import { PsiError } from '../../core/error.ts';
import { ENVELOPE_VERSION } from '../../sealing/envelope.ts';
import type { RecipientKind, Stanza } from '../../sealing/stanzas.ts';
import { SEAL_WORDS, type SealDefect } from '../envelope/defect-words.ts';
import type { Defect } from './format.ts';

const COMMAND = '`podman exec psi psi cache refresh`';
const RECOVER = '`podman exec -i psi psi cache recover --identity - < KEY_FILE`';
const REFILL = `${COMMAND} fills a new one`;

/** Certain, whatever the key and the config: what is cut, or authentic for no key. Anything else may be good for another config or PSI. */
const DAMAGED: ReadonlySet<Defect> = new Set([
  'truncated',
  'trailing-bytes',
  'mixed-files',
  'mixed-stanzas',
  'stanza-doubled',
  'stanza-missing',
  'stanzas-reordered',
  'key-damaged',
  'header-altered',
  'content-altered',
]);

/** What the envelope knows nothing of. */
type OwnDefect = Exclude<Defect, SealDefect>;

const OWN_WORDS: Readonly<Record<OwnDefect, { readonly message: string; readonly hint: string }>> = {
  'not-a-cache': {
    message: 'is no cache of this psi',
    hint: `another program wrote it; ${REFILL}`,
  },
  'python-cache': {
    message: 'is one of the python psi, which this psi does not read',
    hint: `what is in it, its workloads name: ${REFILL}`,
  },
  'old-version': {
    message: 'is older than format 1',
    hint: `this psi does not read it; ${REFILL}`,
  },
  'future-version': {
    message: `is newer than format ${String(ENVELOPE_VERSION)}`,
    hint: `a newer psi wrote it: start that one again to use it, or fill a new one: ${COMMAND}`,
  },
  'other-backend': {
    message: 'was written with another `cache.backend` than the config names',
    hint: `set \`cache.backend\` back and \`systemctl restart psi.service\`, or seal it for the new one: ${COMMAND}`,
  },
  'bad-content': {
    message: 'is whole, but its content is not understood',
    hint: `this is a bug of the psi that wrote it: report it; ${REFILL}`,
  },
};

function isOwn(defect: Defect): defect is OwnDefect {
  return defect in OWN_WORDS;
}

function wordsOf(defect: Defect): { readonly message: string; readonly hint: string } {
  if (isOwn(defect)) return OWN_WORDS[defect];
  const { message, cause } = SEAL_WORDS[defect];
  return { message, hint: `${cause}; ${REFILL}` };
}

/** `recipients`: which ones the file names, where they are what is wrong. */
export function cacheDefect(defect: Defect, path: string, recipients: readonly RecipientKind[] = []): PsiError {
  const { message, hint } = wordsOf(defect);
  const found = recipients.length === 0 ? '' : ` (it was ${[...new Set(recipients)].join(', ')})`;
  return new PsiError('CACHE_CORRUPT', `the cache ${path} ${message}${found}`, {
    hint,
    details: { defect, damaged: DAMAGED.has(defect) },
  });
}

/** `error` of opening a file that has these stanzas. */
export function withRecovery(error: unknown, stanzas: readonly Stanza[]): unknown {
  if (!(error instanceof PsiError) || error.details['damaged'] === true) return error;
  if (stanzas.every(({ kind }) => kind !== 'recovery')) return error;
  const { code, message, hint, retry, details } = error;
  const recover = `${RECOVER} opens it with its recovery key`;
  return new PsiError(code, message, {
    hint: hint === undefined ? recover : `${recover}; or: ${hint}`,
    retry,
    details: { ...details, recovery: true },
    cause: error,
  });
}

export function noFile(path: string): PsiError {
  return new PsiError('NOT_FOUND', `there is no cache at ${path} to recover`, { hint: REFILL });
}

export function noRecovery(path: string): PsiError {
  return new PsiError('NOT_FOUND', `the cache ${path} was sealed for no recovery key`, {
    hint: `what opens it, \`podman exec psi psi cache status\` tells; \`cache.recovery\` in the config is for files to come; ${REFILL}`,
  });
}

export function savedMeanwhile(path: string): PsiError {
  return new PsiError('CONFLICT', `the cache ${path} was saved anew meanwhile`, { hint: `run it again: ${RECOVER}` });
}
