// The public half of a recovery key in the config. Never shown: somebody may have pasted the private half.

import { isPrivateKey, isRecoveryKey, RECOVERY_PATTERN } from '../../sealing/recovery-key.ts';
import { BACKENDS } from '../../sealing/key-wrapper.ts';
import { MOST_STANZAS } from '../../sealing/stanzas.ts';
import { Leaf, LeafRefusal } from './leaf.ts';

/** There has to be room for each backend beside them. */
export const MOST_RECOVERY_KEYS = MOST_STANZAS - BACKENDS.length;

/** What has to be written where values are to be lost with the board that they are sealed on. */
export const NO_RECOVERY = 'none';

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

export const recoveryOrNone = new Leaf<string>({
  ...recoveryKey.spec,
  expected: 'recipient of age such as age1…, or none',
  json: { type: 'string', pattern: `^${NO_RECOVERY}$|${RECOVERY_PATTERN}` },
  parse: (value) => (value === NO_RECOVERY ? NO_RECOVERY : recoveryKey.spec.parse(value)),
});
