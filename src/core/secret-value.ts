// A secret value in memory: bytes that print as [redacted] wherever they are logged, joined or inspected by mistake.

const INSPECT = Symbol.for('nodejs.util.inspect.custom');
const REDACTED = '[redacted]';

/** Bytes of one secret. Only faces that hand the value to its consumer call `expose()`. */
export class SecretValue {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  static fromText(text: string): SecretValue {
    return new SecretValue(new TextEncoder().encode(text));
  }

  /** The bytes themselves, not a copy: do not change them. */
  expose(): Uint8Array {
    return this.#bytes;
  }

  /** The bytes as UTF-8 text. */
  exposeText(): string {
    return new TextDecoder().decode(this.#bytes);
  }

  /** The text whose UTF-8 these bytes are, a byte order mark included; undefined if they are none. */
  exposeExactText(): string | undefined {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.#bytes);
    } catch {
      return undefined;
    }
  }

  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [INSPECT](): string {
    return REDACTED;
  }
}
