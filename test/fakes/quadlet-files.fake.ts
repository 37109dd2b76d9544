// Quadlet files in memory, which fail on request. Of shared drop-ins it knows those of all containers, beside the unit.

import { basename, dirname } from 'node:path';

import { PsiError } from '../../src/core/error.ts';
import { isPsiDropIn } from '../../src/registration/drop-in.ts';
import type { DropInText, QuadletFiles } from '../../src/transfer/quadlet/quadlet-files.ts';

export class FakeQuadletFiles implements QuadletFiles {
  readonly texts = new Map<string, string | Uint8Array>();
  /** Paths that cannot be edited. */
  readonly stuck = new Set<string>();

  read(path: string): ReturnType<QuadletFiles['read']> {
    return Promise.resolve().then(() => ({ unit: { path, text: this.#text(path) }, dropIns: this.#dropIns(path) }));
  }

  readEnvFile(path: string): Promise<Uint8Array> {
    return Promise.resolve().then(() => {
      const text = this.#at(path);
      return typeof text === 'string' ? new TextEncoder().encode(text) : text;
    });
  }

  replace({ path, before, after }: Parameters<QuadletFiles['replace']>[0]): Promise<string> {
    return Promise.resolve().then(() => {
      if (this.stuck.has(path) || this.#text(path) !== before) {
        throw new PsiError('CONFLICT', `${path} stays as it is`, { hint: 'look at it' });
      }
      const backup = this.#freeName(`${path}.bak`);
      this.texts.set(backup, before);
      this.texts.set(path, after);
      return backup;
    });
  }

  #dropIns(path: string): readonly DropInText[] {
    const byName = new Map<string, DropInText>();
    for (const [folder, shared] of [
      [`${path}.d`, false],
      [`${dirname(path)}/container.d`, true],
    ] as const) {
      for (const file of this.texts.keys()) {
        const name = basename(file);
        if (dirname(file) !== folder || !name.endsWith('.conf') || byName.has(name)) continue;
        byName.set(name, { path: file, text: this.#text(file), shared });
      }
    }
    const sorted = [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, dropIn]) => dropIn);
    return sorted.filter(({ text }) => !isPsiDropIn(text));
  }

  #freeName(wanted: string): string {
    let name = wanted;
    for (let count = 2; this.texts.has(name); count += 1) name = `${wanted}.${String(count)}`;
    return name;
  }

  #text(path: string): string {
    const text = this.#at(path);
    if (typeof text === 'string') return text;
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(text);
    } catch {
      throw new PsiError('BAD_REQUEST', `${path} is not valid UTF-8`, { hint: 'look at it' });
    }
  }

  #at(path: string): string | Uint8Array {
    const text = this.texts.get(path);
    if (text === undefined) throw new PsiError('NOT_FOUND', `there is no ${path}`, { hint: 'look for it' });
    return text;
  }
}
