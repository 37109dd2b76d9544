// Texts that look like references and were found to be values, remembered so that they are not asked about again. Of a value only its
// digest is kept. In memory: what outlives the process is in the cache.

import { createHash } from 'node:crypto';

/** So many folders full of templates no host has; the oldest make room. */
const MOST = 20_000;

export type LiteralPlace = {
  readonly projectId: string;
  readonly environment: string;
  readonly path: string;
  readonly key: string;
};

export class Literals {
  readonly #found = new Map<string, string>();

  /** `version`: the server's own number of the value, where it gives one. */
  add(place: LiteralPlace, text: string, version: number | undefined): void {
    const slot = slotOf(place);
    this.#found.delete(slot);
    this.#found.set(slot, digestOf(text, version));
    const [oldest] = this.#found.keys();
    if (this.#found.size > MOST && oldest !== undefined) this.#found.delete(oldest);
  }

  has(place: LiteralPlace, text: string, version: number | undefined): boolean {
    return this.#found.get(slotOf(place)) === digestOf(text, version);
  }

  forget(place: LiteralPlace): void {
    this.#found.delete(slotOf(place));
  }
}

function slotOf({ projectId, environment, path, key }: LiteralPlace): string {
  return JSON.stringify([projectId, environment, path, key]);
}

function digestOf(text: string, version: number | undefined): string {
  return createHash('sha256')
    .update(`${String(version ?? '')}\n${text}`)
    .digest('base64');
}
