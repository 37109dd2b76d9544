// What is wrong with a file that is sealed for recipients, in words for people: a message and a cause per defect. What to do about it is said
// by whoever knows what the file is.

import type { EnvelopeDefect } from '../../sealing/envelope.ts';

/** Beside those of the structure: what shows when a key is asked for and tried. */
export type SealDefect = EnvelopeDefect | 'key-damaged' | 'key-version' | 'header-altered' | 'content-altered';

export type DefectWords = { readonly message: string; readonly cause: string };

const DISK = 'look for disk errors with `journalctl -k`';
const NEWER = 'a newer psi wrote it: start that one again; or it is damaged: `journalctl -k` shows disk errors';
const PUT_TOGETHER = 'somebody put it together, or it is damaged';

export const SEAL_WORDS: Readonly<Record<SealDefect, DefectWords>> = {
  truncated: { message: 'is cut short', cause: 'see whether the disk is full (`df -h`) or a copy was broken off' },
  'trailing-bytes': { message: 'is longer than its header says', cause: 'something else was written behind it' },
  'bad-header': { message: 'has a damaged header', cause: DISK },
  'mixed-files': {
    message: 'has the header of one file and the content of another',
    cause: 'somebody put it together, or its header is damaged',
  },
  'bad-stanzas': { message: 'has sealed keys that do not add up', cause: DISK },
  'unknown-backend': {
    message: 'names a kind of key that this psi does not know',
    cause: NEWER,
  },
  'mixed-stanzas': { message: 'has a sealed key of another file', cause: PUT_TOGETHER },
  'stanza-doubled': { message: 'has one of its sealed keys twice', cause: PUT_TOGETHER },
  'stanza-missing': { message: 'lacks one of its sealed keys', cause: 'somebody took it out, or it is damaged' },
  'stanzas-reordered': {
    message: 'has its sealed keys in another order than they were written in',
    cause: PUT_TOGETHER,
  },
  'key-damaged': { message: 'has a damaged wrapped key', cause: DISK },
  'key-version': {
    message: 'has a key wrapped in a way that this psi does not know',
    cause: NEWER,
  },
  'header-altered': {
    message: 'has a header that was altered after it was written',
    cause: `${DISK}, and who can write there`,
  },
  'content-altered': {
    message: 'has content that was altered after it was written',
    cause: `${DISK}, and who can write there`,
  },
};
