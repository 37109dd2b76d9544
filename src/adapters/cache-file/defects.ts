// What is wrong with a cache file, as an error for people: one message and one hint per defect.

import { PsiError } from '../../core/error.ts';
import { ENVELOPE_VERSION } from '../../sealing/envelope.ts';
import type { RecipientKind, Stanza } from '../../sealing/stanzas.ts';
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

const WORDS: Readonly<Record<Defect, { readonly message: string; readonly hint: string }>> = {
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
  truncated: {
    message: 'is cut short',
    hint: `see whether the disk is full (\`df -h\`) or a copy was broken off; ${REFILL}`,
  },
  'trailing-bytes': {
    message: 'is longer than its header says',
    hint: `something else was written behind it; ${REFILL}`,
  },
  'unknown-backend': {
    message: 'names a kind of key that this psi does not know',
    hint: `it is damaged, or a newer psi wrote it; ${REFILL}`,
  },
  'other-backend': {
    message: 'was written with another `cache.backend` than the config names',
    hint: `set \`cache.backend\` back and \`systemctl restart psi.service\`, or seal it for the new one: ${COMMAND}`,
  },
  'bad-header': {
    message: 'has a damaged header',
    hint: `look for disk errors with \`journalctl -k\`; ${REFILL}`,
  },
  'mixed-files': {
    message: 'has the header of one file and the content of another',
    hint: `somebody put it together, or its header is damaged; ${REFILL}`,
  },
  'bad-stanzas': {
    message: 'has sealed keys that do not add up',
    hint: `look for disk errors with \`journalctl -k\`; ${REFILL}`,
  },
  'mixed-stanzas': {
    message: 'has a sealed key of another file',
    hint: `somebody put it together, or it is damaged; ${REFILL}`,
  },
  'stanza-doubled': {
    message: 'has one of its sealed keys twice',
    hint: `somebody put it together, or it is damaged; ${REFILL}`,
  },
  'stanza-missing': {
    message: 'lacks one of its sealed keys',
    hint: `somebody took it out, or it is damaged; ${REFILL}`,
  },
  'stanzas-reordered': {
    message: 'has its sealed keys in another order than they were written in',
    hint: `somebody put it together, or it is damaged; ${REFILL}`,
  },
  'key-damaged': {
    message: 'has a damaged wrapped key',
    hint: `look for disk errors with \`journalctl -k\`; ${REFILL}`,
  },
  'key-version': {
    message: 'has a key wrapped in a way that this psi does not know',
    hint: `a newer psi wrote it, or it is damaged; ${REFILL}`,
  },
  'header-altered': {
    message: 'has a header that was altered after it was written',
    hint: `look for disk errors with \`journalctl -k\`, and who can write there; ${REFILL}`,
  },
  'content-altered': {
    message: 'has content that was altered after it was written',
    hint: `look for disk errors with \`journalctl -k\`, and who can write there; ${REFILL}`,
  },
  'bad-content': {
    message: 'is whole, but its content is not understood',
    hint: `this is a bug of the psi that wrote it: report it; ${REFILL}`,
  },
};

/** `recipients`: which ones the file names, where they are what is wrong. */
export function cacheDefect(defect: Defect, path: string, recipients: readonly RecipientKind[] = []): PsiError {
  const { message, hint } = WORDS[defect];
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
