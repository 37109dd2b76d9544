// The token's public key on disk, so that the cache can be saved while the token is away. No secret, but whoever can change it can have the
// next cache wrapped for a key of his own: it is in the state folder, where only PSI writes.

import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

import { writeFileAtomic } from '../files/atomic-write.ts';
import { fileCalls, readBounded } from '../files/file-calls.ts';
import { fileError } from '../files/host-error.ts';
import type { TokenTarget } from '../../sealing/token-target.ts';
import { wrapKeyOfPem, type WrapKey } from './wrap-key.ts';

/** One file per token and key that the config names: after an edit the old one's public key must not wrap the next cache. */
export function publicKeyPath(stateDir: string, { token, key }: Pick<TokenTarget, 'token' | 'key'>): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([token, key]))
    .digest('hex');
  return `${stateDir}/hsm-key.${digest.slice(0, 12)}.pem`;
}

export class PublicKeyFile {
  readonly #path: string;

  constructor(options: { readonly path: string }) {
    this.#path = options.path;
  }

  /** Undefined for anything but a whole key: the token has it anyway. */
  async read(): Promise<WrapKey | undefined> {
    try {
      return wrapKeyOfPem((await readBounded(this.#path)).toString('utf8'));
    } catch {
      return undefined;
    }
  }

  async write({ key }: WrapKey): Promise<void> {
    try {
      await fileCalls.run(this.#path, () => mkdir(dirname(this.#path), { recursive: true, mode: 0o700 }));
      await writeFileAtomic(this.#path, key.export({ type: 'spki', format: 'pem' }), { mode: 0o600 });
    } catch (error) {
      throw fileError("write the token's public key", this.#path, error);
    }
  }
}
