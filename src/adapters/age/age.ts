// Recovery keys, by the package that the maker of age maintains. A sealed key is a whole age file: `age --decrypt` opens it too. The package is
// loaded when it is used: without a recovery key in the config, and for every lookup, it is not there at all.

import { PsiError } from '../../core/error.ts';
import { SecretValue } from '../../core/secret-value.ts';
import { DATA_KEY_BYTES } from '../../sealing/key-wrapper.ts';
import type { RecoveryRecipient } from '../../sealing/recipients.ts';

type Package = typeof import('age-encryption');

export class AgeRecipient implements RecoveryRecipient {
  readonly kind = 'recovery';
  readonly parameters: string;

  /** `recipient`: as age-keygen prints it. */
  constructor(recipient: string) {
    this.parameters = recipient;
  }

  async wrap(dataKey: SecretValue): Promise<Uint8Array> {
    if (dataKey.byteLength !== DATA_KEY_BYTES) {
      throw new PsiError('INTERNAL', `a data key has ${String(DATA_KEY_BYTES)} bytes`);
    }
    // Its owner may wipe it while the package is loaded.
    const bytes = Uint8Array.from(dataKey.expose());
    try {
      const { Encrypter } = await load();
      const encrypter = new Encrypter();
      encrypter.addRecipient(this.parameters);
      return await encrypter.encrypt(bytes);
    } catch (thrown) {
      throw unusable(this.parameters, thrown);
    } finally {
      bytes.fill(0);
    }
  }
}

/** The data key, if one of the identities is for one of the sealed keys; undefined: none is. */
export async function unwrapWithIdentities(
  identities: readonly SecretValue[],
  wrappedKeys: readonly Uint8Array[],
): Promise<SecretValue | undefined> {
  const { Decrypter } = await load();
  const decrypter = new Decrypter();
  try {
    for (const identity of identities) decrypter.addIdentity(identity.exposeText());
  } catch {
    // Not as the cause: the package quotes what it was given.
    throw new PsiError('BAD_REQUEST', 'a private key of age is not as it was made: its checksum is wrong', {
      hint: 'give the file that `age-keygen` wrote; a key that was typed or copied by hand has a mistake',
    });
  }
  for (const wrappedKey of wrappedKeys) {
    const dataKey = await decrypter.decrypt(wrappedKey).catch(() => undefined);
    if (dataKey?.length === DATA_KEY_BYTES) return new SecretValue(dataKey);
  }
  return undefined;
}

async function load(): Promise<Package> {
  try {
    return await import('age-encryption');
  } catch (cause) {
    throw new PsiError('KEY_UNAVAILABLE', 'the package for recovery keys cannot be loaded', {
      hint: 'use the image as it is built; elsewhere: `npm ci`',
      cause,
      details: { reason: 'absent' },
    });
  }
}

function unusable(recipient: string, cause: unknown): PsiError {
  if (cause instanceof PsiError) return cause;
  return new PsiError('KEY_UNAVAILABLE', `nothing can be sealed for the recovery key ${recipient}`, {
    hint: 'make another one with `age-keygen` and name it under `cache.recovery`',
    cause,
    details: { reason: 'refused' },
  });
}
