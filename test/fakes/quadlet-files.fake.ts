// Quadlet files in memory, which fail on request.

import { PsiError } from '../../src/core/error.ts';
import type { DropInText, QuadletFiles } from '../../src/transfer/quadlet/quadlet-files.ts';

export class FakeQuadletFiles implements QuadletFiles {
  readonly texts = new Map<string, string | Uint8Array>();
  /** Paths that cannot be edited. */
  readonly stuck = new Set<string>();

  read(path: string): ReturnType<QuadletFiles['read']> {
    const dropIns: DropInText[] = [...this.texts.keys()]
      .filter((name) => name.startsWith(`${path}.d/`))
      .sort()
      .map((name) => ({ path: name, text: this.#text(name), shared: false }));
    return Promise.resolve().then(() => ({ unit: { path, text: this.#text(path) }, dropIns }));
  }

  readEnvFile(path: string): Promise<Uint8Array> {
    return Promise.resolve().then(() => {
      const text = this.#at(path);
      return typeof text === 'string' ? new TextEncoder().encode(text) : text;
    });
  }

  replace({ path, before, after }: Parameters<QuadletFiles['replace']>[0]): Promise<string> {
    return Promise.resolve().then(() => {
      if (this.stuck.has(path) || this.#text(path) !== before) throw new PsiError('CONFLICT', `${path} stays as it is`);
      this.texts.set(`${path}.bak`, before);
      this.texts.set(path, after);
      return `${path}.bak`;
    });
  }

  #text(path: string): string {
    const text = this.#at(path);
    return typeof text === 'string' ? text : new TextDecoder().decode(text);
  }

  #at(path: string): string | Uint8Array {
    const text = this.texts.get(path);
    if (text === undefined) throw new PsiError('NOT_FOUND', `there is no ${path}`, { hint: 'look for it' });
    return text;
  }
}
