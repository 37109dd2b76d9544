// The key wrapper on a systemd credential: 32 bytes that systemd decrypts (with this host's TPM or its own key) into memory for psi.service.
// Read anew for each call and wiped after it.

import { PsiError } from '../../core/error.ts';
import { SecretValue } from '../../core/secret-value.ts';
import { DATA_KEY_BYTES, type KeyFailure, type KeyWrapper, type WrapperStatus } from '../../sealing/key-wrapper.ts';
import { errnoOf } from '../files/host-error.ts';
import { checkBlob, credentialKey, openKey, sealKey, type CredentialKey } from './blob.ts';

export type CredentialKeyWrapperDeps = {
  /** Rejects as node:fs does. */
  readonly readFile: (path: string) => Promise<Uint8Array>;
};

export type CredentialKeyWrapperOptions = {
  readonly name: string;
  /** Where systemd put it; undefined: it gave PSI none. */
  readonly folder: string | undefined;
};

const SECRET_BYTES = 32;

export class CredentialKeyWrapper implements KeyWrapper {
  readonly backend = 'credential';
  readonly #readFile: CredentialKeyWrapperDeps['readFile'];
  readonly #options: CredentialKeyWrapperOptions;
  #closed = false;

  constructor({ readFile }: CredentialKeyWrapperDeps, options: CredentialKeyWrapperOptions) {
    this.#readFile = readFile;
    this.#options = options;
  }

  async wrap(dataKey: SecretValue): Promise<Uint8Array> {
    if (dataKey.byteLength !== DATA_KEY_BYTES) {
      throw new PsiError('INTERNAL', `a data key has ${String(DATA_KEY_BYTES)} bytes`);
    }
    // Its owner may wipe it while the credential is read.
    const bytes = Uint8Array.from(dataKey.expose());
    try {
      return await this.#use((key) => sealKey(key, bytes));
    } finally {
      bytes.fill(0);
    }
  }

  async unwrap(blob: Uint8Array): Promise<SecretValue> {
    const copy = Uint8Array.from(blob);
    checkBlob(copy);
    const dataKey = await this.#use((key) => openKey(key, copy));
    if (dataKey) return new SecretValue(dataKey);
    throw this.#refusal('other-device', 'is another one than the cache was wrapped with', {
      hint:
        `bring back the old ${this.#options.name}, then \`systemctl restart psi-cache-key.service psi.service\`; ` +
        'or wrap anew with this one: `podman exec psi psi cache refresh`',
    });
  }

  async describe(): Promise<WrapperStatus> {
    const device = `the credential ${this.#options.name}`;
    try {
      await this.#use(() => undefined);
      return {
        device,
        problem: undefined,
        facts: new Map([['key', `${String(SECRET_BYTES)} bytes, read from systemd`]]),
      };
    } catch (error) {
      if (!(error instanceof PsiError)) throw error;
      return { device, problem: error, facts: new Map() };
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  async #use<T>(work: (key: CredentialKey) => T): Promise<T> {
    if (this.#closed) {
      throw this.#refusal('absent', 'is not used any more: psi is stopping', {
        hint: 'wait for psi.service: `systemctl status psi`',
      });
    }
    const secret = await this.#secret();
    const key = credentialKey(secret);
    try {
      return work(key);
    } finally {
      secret.fill(0);
      key.key.fill(0);
    }
  }

  async #secret(): Promise<Uint8Array> {
    const { name, folder } = this.#options;
    // One that is there may be what a cache opens with: it is not to be made anew in its place.
    const hint =
      '`systemctl status psi-cache-key` says why it could not be loaded; mended, `systemctl restart psi-cache-key.service psi.service` ' +
      'loads it; if there is none yet, make it: ' +
      `\`head -c 32 /dev/urandom | systemd-creds encrypt --name=${name} - /etc/credstore.encrypted/${name}\`, ` +
      'then `psi systemd install` writes psi-cache-key.service, which loads it';
    if (folder === undefined || folder === '')
      throw this.#refusal('absent', 'is not there: neither PSI_CACHE_KEY_DIRECTORY nor CREDENTIALS_DIRECTORY is set', {
        hint,
      });
    let secret: Uint8Array;
    try {
      secret = await this.#readFile(`${folder}/${name}`);
    } catch (cause) {
      const code = errnoOf(cause) ?? 'unexpected error';
      throw this.#refusal('absent', `cannot be read (${code})`, { hint, retry: 'later', cause });
    }
    // Not trimmed: these bytes are random, and the last may well be a line end.
    if (secret.length === SECRET_BYTES) return secret;
    const found = String(secret.length);
    secret.fill(0);
    throw this.#refusal('refused', `has ${found} bytes and not ${String(SECRET_BYTES)}`, { hint });
  }

  #refusal(reason: KeyFailure, what: string, init: { hint: string; retry?: 'later'; cause?: unknown }): PsiError {
    return new PsiError('KEY_UNAVAILABLE', `the credential ${this.#options.name} ${what}`, {
      ...init,
      details: { reason },
    });
  }
}
