// In which order an import writes: a server may want everything to be there that a value refers to.

import type { ImportEntry } from './entry.ts';

/** Infisical follows references ten deep. What hangs deeper shares the last round, in its order, and is told apart by halving. */
const MOST_ROUNDS = 10;

/**
 * Rounds, to be written one after another: first what refers to nothing, then what refers to nothing that is still to be written. What refers
 * to itself, or in a circle, comes last. `referencesOf`: keys of the same place; undefined: no reference at all.
 */
export function roundsOf(
  entries: readonly ImportEntry[],
  referencesOf: (entry: ImportEntry) => readonly string[] | undefined,
): readonly (readonly ImportEntry[])[] {
  const references = new Map(entries.map((entry) => [entry, referencesOf(entry)]));
  const rounds = [entries.filter((entry) => references.get(entry) === undefined)];
  let left = entries.filter((entry) => references.get(entry) !== undefined);
  while (left.length > 0) {
    const open = new Set(left.map(({ key }) => key));
    const free = left.filter((entry) => !references.get(entry)?.some((key) => open.has(key)));
    const round = free.length > 0 ? free : left;
    const last = rounds.length > MOST_ROUNDS ? (rounds.pop() ?? []) : [];
    rounds.push([...last, ...round]);
    const taken = new Set(round);
    left = left.filter((entry) => !taken.has(entry));
  }
  return rounds.filter((round) => round.length > 0);
}
