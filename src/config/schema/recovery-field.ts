// The public half of a recovery key in the config. Never shown: somebody may have pasted the private half.

import { isPrivateKey, isRecoveryKey, RECOVERY_PATTERN } from '../../sealing/recovery-key.ts';
import { BACKENDS } from '../../sealing/key-wrapper.ts';
import { MOST_STANZAS } from '../../sealing/stanzas.ts';
import { Leaf, LeafRefusal } from './leaf.ts';

/** There has to be room for each backend beside them. */
export const MOST_RECOVERY_KEYS = MOST_STANZAS - BACKENDS.length;

export const recoveryKey = new Leaf<string>({
  expected: 'recipient of age such as age1…',
  code: 'BAD_RECOVERY_KEY',
  json: { type: 'string', pattern: RECOVERY_PATTERN },
  parse: (value) => {
    if (typeof value !== 'string') return undefined;
    if (isPrivateKey(value)) return new LeafRefusal('PRIVATE_RECOVERY_KEY');
    return isRecoveryKey(value) ? value : undefined;
  },
});
