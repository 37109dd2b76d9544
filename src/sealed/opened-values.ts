// Values that were opened once, in memory up to a bound: what opens one may be a card that takes seconds, and a start asks for many at
// once.

import type { SecretValue } from '../core/secret-value.ts';
import { SingleFlight } from '../core/single-flight.ts';

/** Hundreds of the usual ones, or some tens of the largest. */
const MOST_BYTES = 16 * 1024 * 1024;

export class OpenedValues {
  readonly #mostBytes: number;
  readonly #held = new Map<string, SecretValue>();
  readonly #opening = new SingleFlight<string, SecretValue>();
  #bytes = 0;
  /** Counts what was forgotten: what was read before that is not remembered after it. */
  #forgotten = 0;

  constructor(mostBytes = MOST_BYTES) {
    this.#mostBytes = mostBytes;
  }

  get(key: string, open: () => Promise<SecretValue>): SecretValue | Promise<SecretValue> {
    return this.#held.get(key) ?? this.#opening.run(`${String(this.#forgotten)} ${key}`, () => this.#open(key, open));
  }

  remember(key: string, value: SecretValue): void {
    this.forget(key);
    this.#hold(key, value);
  }

  forget(key: string): void {
    this.#forgotten += 1;
    this.#drop(key);
  }

  async #open(key: string, open: () => Promise<SecretValue>): Promise<SecretValue> {
    const before = this.#forgotten;
    const value = await open();
    if (before === this.#forgotten) this.#hold(key, value);
    return value;
  }

  #hold(key: string, value: SecretValue): void {
    this.#drop(key);
    this.#held.set(key, value);
    this.#bytes += value.byteLength;
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= this.#mostBytes) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#bytes -= this.#held.get(key)?.byteLength ?? 0;
    this.#held.delete(key);
  }
}
