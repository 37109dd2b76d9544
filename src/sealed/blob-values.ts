// Values that stand encrypted in their mappings. What opens them is a token, which takes seconds: once for each.

import type { SecretValue } from '../core/secret-value.ts';
import { OpenedValues } from './opened-values.ts';

export class BlobValues {
  readonly #open: (blob: string) => Promise<SecretValue>;
  readonly #opened = new OpenedValues();

  constructor(open: (blob: string) => Promise<SecretValue>) {
    this.#open = open;
  }

  read(blob: string): SecretValue | Promise<SecretValue> {
    return this.#opened.get(blob, () => this.#open(blob));
  }
}
