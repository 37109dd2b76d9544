// Reads the secret-valued fields of a config from where they point to, each time they are used.

import type { SecretValue } from '../core/secret-value.ts';
import type { SecretField } from '../core/secret-field.ts';
import { resolveSecret, type SecretDeps } from './schema/secret-field.ts';

export class SecretReader {
  readonly #deps: SecretDeps;

  constructor(deps: SecretDeps) {
    this.#deps = deps;
  }

  /** The value now; undefined for a field that is not set. Fails with CONFIG_INVALID if there is nothing to read. */
  async read(field: SecretField | undefined): Promise<SecretValue | undefined> {
    return field === undefined ? undefined : await resolveSecret(field, this.#deps);
  }

  /** For whoever reads it later and more than once; undefined for a field that is not set. */
  readerOf(field: SecretField | undefined): (() => Promise<SecretValue>) | undefined {
    return field === undefined ? undefined : () => resolveSecret(field, this.#deps);
  }
}
