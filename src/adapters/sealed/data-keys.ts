// The data keys of sealed values, in memory. One may seal many files, each under a nonce of its own: a start that asks for fifty values
// asks the card, which takes seconds, for the few keys that they have between them.

import { createHash, randomBytes } from 'node:crypto';

import { toPsiError, type PsiError } from '../../core/error.ts';
import { SecretValue } from '../../core/secret-value.ts';
import { SingleFlight } from '../../core/single-flight.ts';
import { DATA_KEY_BYTES } from '../../sealing/key-wrapper.ts';
import {
  unwrapWithAny,
  wrapForAll,
  wrapProven,
  type Recipients,
  type WrappedForAll,
} from '../../sealing/recipients.ts';
import type { Stanza } from '../../sealing/stanzas.ts';

/** Files of one key: far below what its cipher allows for random nonces. */
const MOST_FILES = 1_000;
/** Keys that are remembered. */
const MOST_KEYS = 256;

/** `key`: for its caller to wipe. */
export type SealingKey = WrappedForAll & { readonly key: Uint8Array };

type Current = SealingKey & { readonly files: number; readonly proven: boolean };

export class DataKeys {
  readonly #recipients: Recipients;
  readonly #mostFiles: number;
  readonly #known = new Map<string, Uint8Array>();
  readonly #unwrapping = new SingleFlight<string, SecretValue | undefined>();
  #current: Current | undefined;
  /** Why none could be proven: hundreds of files in a row do not wait for the same device that is away. */
  #unproven: PsiError | undefined;

  constructor(recipients: Recipients, { mostFiles = MOST_FILES }: { readonly mostFiles?: number } = {}) {
    this.#recipients = recipients;
    this.#mostFiles = mostFiles;
  }

  /**
   * For one file. One call at a time. `proven`: one of this host's own has given it back, which takes a token's PIN; where none can, it
   * rejects. So it does where none could take it.
   */
  async forSealing({ proven = false }: { readonly proven?: boolean } = {}): Promise<SealingKey> {
    const usable = this.#current !== undefined && (this.#current.proven || !proven) ? this.#current : undefined;
    const current = usable ?? (await this.#made(proven));
    const files = current.files + 1;
    // With somebody missing the next file tries again.
    const again = current.missed.length === 0 && files < this.#mostFiles;
    this.#current = again ? { ...current, files } : undefined;
    return { ...current, key: Uint8Array.from(current.key) };
  }

  renew(): void {
    this.#current = undefined;
    this.#unproven = undefined;
  }

  forget(): void {
    this.#known.clear();
  }

  /** The key of a file, for its caller to wipe; undefined: no stanza is for any of this host's. */
  async ofFile(stanzas: readonly Stanza[]): Promise<Uint8Array | undefined> {
    const name = nameOf(stanzas);
    const known = this.#known.get(name);
    if (known) return Uint8Array.from(known);
    const found = await this.#unwrapping.run(name, () => unwrapWithAny(this.#recipients.own, stanzas));
    return found && Uint8Array.from(this.#remember(name, found.expose()));
  }

  async #made(proven: boolean): Promise<Current> {
    const key = randomBytes(DATA_KEY_BYTES);
    const { stanzas, missed } = await (proven ? this.#proven(key) : wrapForAll(this.#recipients, new SecretValue(key)));
    this.#remember(nameOf(stanzas), key);
    return { key, stanzas, missed, proven, files: 0 };
  }

  async #proven(key: Uint8Array): Promise<WrappedForAll> {
    if (this.#unproven) throw this.#unproven;
    try {
      return await wrapProven(this.#recipients, new SecretValue(key));
    } catch (thrown) {
      this.#unproven = toPsiError(thrown);
      throw this.#unproven;
    }
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
