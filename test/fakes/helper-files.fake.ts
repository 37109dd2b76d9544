// The lookup helper of a host in memory, and one that PSI brings along.

import { PsiError } from '../../src/core/error.ts';
import type { HelperFiles, HelperFound } from '../../src/host/helper/helper-files.ts';

/** Like a program of this architecture in its first bytes, and of that version. */
export function helperBytes(version = '1.2.3', machine = 62, size = 200): Uint8Array {
  const bytes = new Uint8Array(size).fill(7);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0], 0);
  bytes.set([machine, 0], 18);
  bytes.set(new TextEncoder().encode(`psi-lookup ${version}\n`), 64);
  return bytes;
}

export class FakeHelperFiles implements HelperFiles {
  brought: Uint8Array | undefined = helperBytes();
  found: HelperFound = { kind: 'nothing', folder: 'missing' };
  failure: PsiError | undefined;
  /** Whether what is written may run. */
  runs = true;
  /** Paths that were looked at, and written. */
  readonly looked: string[] = [];
  readonly written: string[] = [];

  own(): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.brought);
  }

  look(path: string): Promise<HelperFound> {
    this.looked.push(path);
    return Promise.resolve(this.found);
  }

  write(path: string, bytes: Uint8Array): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    this.written.push(path);
    this.has(bytes, { mayRun: this.runs });
    return Promise.resolve();
  }

  has(bytes: Uint8Array, more: Partial<HelperFound & { readonly kind: 'file' }> = {}): void {
    this.found = { kind: 'file', bytes, mode: 0o100755, isOwn: true, mayRun: true, ...more };
  }
}
