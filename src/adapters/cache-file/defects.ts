// What is wrong with a cache file, as an error for people: one message and one hint per defect.

import { PsiError } from '../../core/error.ts';
import type { Backend } from '../../sealing/key-wrapper.ts';
import { VERSION, type Defect } from './envelope.ts';

const COMMAND = '`podman exec psi psi cache refresh`';
const REFILL = `${COMMAND} fills a new one`;

/** Certain, whatever the key and the config: what is cut, or authentic for no key. Anything else may be good for another config or PSI. */
const DAMAGED: ReadonlySet<Defect> = new Set([
  'truncated',
  'trailing-bytes',
  'mixed-files',
  'key-damaged',
  'header-altered',
  'content-altered',
]);

const WORDS: Readonly<Record<Defect, { readonly message: string; readonly hint: string }>> = {
  'not-a-cache': {
    message: 'is no cache of this psi',
    hint: `another program wrote it, or the python psi; ${REFILL}`,
  },
  'old-version': {
    message: `is older than format ${String(VERSION)}`,
    hint: `this psi does not read it; ${REFILL}`,
  },
  'future-version': {
    message: `is newer than format ${String(VERSION)}`,
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
    hint: `its seventh byte is damaged, or a newer psi wrote it; ${REFILL}`,
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

/** `backend`: which one the file names, where that is what is wrong. */
export function cacheDefect(defect: Defect, path: string, backend?: Backend): PsiError {
  const { message, hint } = WORDS[defect];
  const found = backend === undefined ? '' : ` (it was ${backend})`;
  return new PsiError('CACHE_CORRUPT', `the cache ${path} ${message}${found}`, {
    hint,
    details: { defect, damaged: DAMAGED.has(defect) },
  });
}
