// The last good config in memory.

import type { PsiError } from '../../src/core/error.ts';
import type { LastGoodStore } from '../../src/service/last-good.ts';

export class FakeLastGood implements LastGoodStore {
  readonly path = '/var/lib/psi/config.last-good';
  text: string | undefined;
  /** Makes the next writes fail. */
  failWith: PsiError | undefined;

  read(): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.text === undefined ? undefined : new TextEncoder().encode(this.text));
  }

  keep(content: Uint8Array): Promise<void> {
    if (this.failWith) return Promise.reject(this.failWith);
    this.text = new TextDecoder().decode(content);
    return Promise.resolve();
  }
}
