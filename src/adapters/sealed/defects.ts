// What is wrong with the file of a sealed value, as an error for people.

import { PsiError, toPsiError } from '../../core/error.ts';
import { ENVELOPE_VERSION } from '../../sealing/envelope.ts';
import type { Stanza } from '../../sealing/stanzas.ts';
import { SEAL_WORDS, type DefectWords, type SealDefect } from '../envelope/defect-words.ts';
import type { SealedDefect } from './format.ts';

const RECOVER = '`podman exec -i psi psi cache recover --identity - < KEY_FILE`';
const ANEW =
  'have it back from a backup of this file, or store the value anew: `podman exec -i psi psi sealed store NAME < FILE`';

/** What the envelope knows nothing of. */
type OwnDefect = Exclude<SealedDefect, SealDefect>;

const OWN_WORDS: Readonly<Record<OwnDefect, DefectWords>> = {
  'not-sealed': {
    message: 'is no sealed secret of this psi',
    cause: 'another program wrote it: look at it, and move it away',
  },
  'old-version': {
    message: 'is of a format in which no psi wrote one',
    cause: 'it is damaged: look for disk errors with `journalctl -k`',
  },
  'future-version': {
    message: `is newer than format ${String(ENVELOPE_VERSION)}`,
    cause: 'a newer psi wrote it: start that one again',
  },
  'other-backend': {
    message: 'was sealed for none of the backends that the config names',
    cause: 'set `cache.backend` back, then `systemctl restart psi.service`',
  },
  'other-name': { message: 'is that of another secret', cause: 'somebody has renamed or exchanged files' },
};

function isOwn(defect: SealedDefect): defect is OwnDefect {
  return defect in OWN_WORDS;
}

/** `stanzas`: those of the file, where something else may open it. */
export function sealedDefect(defect: SealedDefect, path: string, stanzas: readonly Stanza[] = []): PsiError {
  const { message, cause } = isOwn(defect) ? OWN_WORDS[defect] : SEAL_WORDS[defect];
  return new PsiError('CACHE_CORRUPT', `the sealed secret ${path} ${message}`, {
    hint: hasRecovery(stanzas) ? `${cause}; or ${RECOVER} opens it with its recovery key` : `${cause}; then ${ANEW}`,
    details: { defect },
  });
}

function hasRecovery(stanzas: readonly Stanza[]): boolean {
  return stanzas.some(({ kind }) => kind === 'recovery');
}

/** What kept a key from being unwrapped, in words that are about this file and not about the cache. */
export function keyProblem(thrown: unknown, path: string, stanzas: readonly Stanza[]): PsiError {
  const error = toPsiError(thrown);
  if (error.code === 'CACHE_CORRUPT') {
    return sealedDefect(error.details['reason'] === 'version' ? 'key-version' : 'key-damaged', path);
  }
  if (error.code !== 'KEY_UNAVAILABLE') return error;
  const recovery = hasRecovery(stanzas);
  const hints = [ownHint(error.hint), recovery ? `for good: ${RECOVER} opens it with its recovery key` : ''];
  const { code, message, retry, details } = error;
  return new PsiError(code, message.replace('the cache was wrapped', 'it was wrapped'), {
    hint: hints.filter((hint) => hint !== '').join('; ') || '`podman exec psi psi sealed status` says what opens it',
    retry,
    details: { ...details, recovery },
    cause: error,
  });
}

/** A cache can be filled anew, for whatever key is there: that clause of a hint would lead away from the value. */
function ownHint(hint = ''): string {
  return hint.replace(/(?:^|[;,] )(?:or )?[^;,]*`podman exec psi psi cache refresh`[^;,]*/g, '');
}

export function noRecovery(path: string): PsiError {
  return new PsiError('NOT_FOUND', `the sealed secret ${path} was sealed for no recovery key`, {
    hint: 'what opens it, `podman exec psi psi sealed status` tells; `recovery` in the config is for values that are stored from now on',
  });
}

export function storedMeanwhile(path: string): PsiError {
  return new PsiError('CONFLICT', `the sealed secret ${path} was stored anew meanwhile`, {
    hint: `run it again: ${RECOVER}`,
  });
}
