// The data keys of sealed values, in memory. One may seal many files, each under a nonce of its own: a start that asks for fifty values
// asks the card, which takes seconds, for the few keys that they have between them.

import { createHash, randomBytes } from 'node:crypto';

import { SecretValue } from '../../core/secret-value.ts';
import { SingleFlight } from '../../core/single-flight.ts';
import { DATA_KEY_BYTES } from '../../sealing/key-wrapper.ts';
import { unwrapWithAny, wrapForAll, type Recipients, type WrappedForAll } from '../../sealing/recipients.ts';
import type { Stanza } from '../../sealing/stanzas.ts';

/** Files of one key: far below what its cipher allows for random nonces. */
const MOST_FILES = 1_000;
/** Keys that are remembered. */
const MOST_KEYS = 256;

/** `key`: for its caller to wipe. */
export type SealingKey = WrappedForAll & { readonly key: Uint8Array };

export class DataKeys {
  readonly #recipients: Recipients;
  readonly #mostFiles: number;
  readonly #known = new Map<string, Uint8Array>();
  readonly #unwrapping = new SingleFlight<string, SecretValue | undefined>();
  #current: (SealingKey & { readonly files: number }) | undefined;

  constructor(recipients: Recipients, { mostFiles = MOST_FILES }: { readonly mostFiles?: number } = {}) {
    this.#recipients = recipients;
    this.#mostFiles = mostFiles;
  }

  /** For one file. One call at a time. Rejects as `wrapForAll` does. */
  async forSealing(): Promise<SealingKey> {
    const current = this.#current ?? (await this.#made());
    const files = current.files + 1;
    // With somebody missing the next file tries again.
    const again = current.missed.length === 0 && files < this.#mostFiles;
    this.#current = again ? { ...current, files } : undefined;
    return { ...current, key: Uint8Array.from(current.key) };
  }

  renew(): void {
    this.#current = undefined;
  }

  /**
   * The key of a file, for its caller to wipe; undefined: no stanza is for any of this host's. `anew`: whoever has it is asked, whatever
   * is known.
   */
  async ofFile(
    stanzas: readonly Stanza[],
    { anew = false }: { readonly anew?: boolean } = {},
  ): Promise<Uint8Array | undefined> {
    const name = nameOf(stanzas);
    const known = anew ? undefined : this.#known.get(name);
    if (known) return Uint8Array.from(known);
    const found = await this.#unwrapping.run(`${name} ${String(anew)}`, () =>
      unwrapWithAny(this.#recipients.own, stanzas),
    );
    return found && Uint8Array.from(this.#remember(name, found.expose()));
  }

  async #made(): Promise<SealingKey & { readonly files: number }> {
    const key = randomBytes(DATA_KEY_BYTES);
    const { stanzas, missed } = await wrapForAll(this.#recipients, new SecretValue(key));
    this.#remember(nameOf(stanzas), key);
    return { key, stanzas, missed, files: 0 };
  }

  #remember(name: string, key: Uint8Array): Uint8Array {
    this.#known.set(name, key);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST_KEYS && oldest !== undefined) this.#known.delete(oldest);
    return key;
  }
}

/** Equal for equal sealed keys. */
function nameOf(stanzas: readonly Stanza[]): string {
  const hash = createHash('sha256');
  for (const { kind, parameters, wrappedKey } of stanzas) {
    hash.update(JSON.stringify([kind, parameters, wrappedKey.length])).update(wrappedKey);
  }
  return hash.digest('hex');
}
