// The results of one import by key, and the sifting that comes before anything is asked or written.

import { sameBytes } from '../../core/bytes.ts';
import type { ImportEntry, RefusedEntry } from './entry.ts';
import type { Objection } from '../../provider/secret-writer.ts';
import type { KeyOutcome, KeyResult } from './report.ts';

type Why = { readonly reason?: string | undefined; readonly hint?: string | undefined };

export class ImportResults {
  readonly #unreadable: readonly KeyResult[];
  readonly #byEntry = new Map<ImportEntry, KeyResult>();

  constructor(refused: readonly RefusedEntry[]) {
    this.#unreadable = refused.map(({ key, from, reason, hint }) => {
      return { key: key ?? null, from, outcome: 'refused', reason, hint, notes: [] };
    });
  }

  set(entry: ImportEntry, outcome: KeyOutcome, { reason, hint }: Why = {}): void {
    const { key, from } = entry;
    const notes = this.#byEntry.get(entry)?.notes ?? (entry.note === undefined ? [] : [entry.note]);
    this.#byEntry.set(entry, { key, from, outcome, reason: reason ?? null, hint: hint ?? null, notes });
  }

  /** What is left to be written: each key once, nothing that the writer objects to. Everything is `untried` until it is set. */
  sift(
    entries: readonly ImportEntry[],
    objectionTo: (entry: ImportEntry) => Objection | undefined,
  ): readonly ImportEntry[] {
    const byKey = Map.groupBy(entries, ({ key }) => key);
    for (const entry of entries) {
      this.set(entry, 'untried');
      const twins = (byKey.get(entry.key) ?? []).filter((twin) => twin !== entry);
      const other = twins.find((twin) => !sameBytes(twin.value.expose(), entry.value.expose()));
      const first = byKey.get(entry.key)?.[0];
      const objection = objectionTo(entry);
      if (other) {
        const reason = `${other.from} gives it another value`;
        this.set(entry, 'refused', { reason, hint: 'take out the one that is not meant' });
      } else if (first && first !== entry) {
        this.set(entry, 'skipped', { reason: `the same as ${first.from}` });
      } else if (objection?.kind === 'refuse') {
        this.set(entry, 'refused', objection);
      } else if (objection) this.note(entry, `${objection.reason}; ${objection.hint}`);
    }
    return entries.filter((entry) => this.#byEntry.get(entry)?.outcome === 'untried');
  }

  /** What somebody should look at although it goes well. */
  note(entry: ImportEntry, text: string): void {
    const known = this.#byEntry.get(entry);
    if (known) this.#byEntry.set(entry, { ...known, notes: [...known.notes, text] });
  }

  list(): readonly KeyResult[] {
    return [...this.#byEntry.values(), ...this.#unreadable];
  }
}
