// Drop-ins in memory. `foreign` names units whose drop-in file is somebody else's; `failWith` fails the writes of one unit.

import { PsiError } from '../../src/core/error.ts';
import { dropInFileName } from '../../src/registration/drop-in.ts';
import type { DropIn, DropInStore, Hider, PresentDropIn } from '../../src/registration/drop-in-store.ts';

export class FakeDropInStore implements DropInStore {
  readonly files = new Map<string, string>();
  readonly foreign = new Set<string>();
  readonly failWith = new Map<string, PsiError>();
  /** Units whose drop-in has the name of their template's. */
  readonly misplaced = new Set<string>();
  /** By unit. */
  readonly hiding = new Map<string, readonly Hider[]>();
  /** Units in the order of their writes and removals. */
  readonly changes: string[] = [];

  list(): Promise<readonly PresentDropIn[]> {
    const moved = (unit: string) => (this.misplaced.has(unit) ? ({ misplaced: true } as const) : {});
    return Promise.resolve(
      [...this.files]
        .map(([unit, text]) => ({ unit, text, ...moved(unit) }))
        .sort((a, b) => (a.unit < b.unit ? -1 : 1)),
    );
  }

  write({ unit, text }: DropIn): Promise<void> {
    const refusal = this.#refusal(unit);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.changes.push(unit);
    this.files.set(unit, text);
    this.misplaced.delete(unit);
    return Promise.resolve();
  }

  remove(unit: string): Promise<void> {
    const refusal = this.#refusal(unit);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (this.files.delete(unit)) this.changes.push(unit);
    return Promise.resolve();
  }

  pathOf(unit: string): string {
    return `/etc/containers/systemd/${unit}.d/${dropInFileName(unit)}`;
  }

  refused(unit: string): Promise<PsiError | undefined> {
    return Promise.resolve(this.foreign.has(unit) ? this.#refusal(unit) : undefined);
  }

  hiders(unit: string): Promise<readonly Hider[]> {
    return Promise.resolve(this.hiding.get(unit) ?? []);
  }

  #refusal(unit: string): PsiError | undefined {
    if (this.foreign.has(unit)) return new PsiError('CONFLICT', `${unit}.d/50-secrets.conf was not written by psi`);
    return this.failWith.get(unit);
  }
}
