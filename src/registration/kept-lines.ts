// Lines that a workload has, of secrets that it should have and a run could do nothing about: they are not taken away for that.

import { secretLines } from './drop-in.ts';
import type { Problem } from './plan.ts';

/** By Podman's name. `dropIn`: the one that is there. */
export function keptLines(
  dropIn: string | undefined,
  left: readonly { readonly name: string }[],
): ReadonlyMap<string, string> {
  const present = secretLines(dropIn ?? '');
  return new Map(
    left.flatMap(({ name }) => {
      const line = present.get(name);
      return line === undefined ? [] : [[name, line] as const];
    }),
  );
}

export function stayingIn(kept: ReadonlyMap<string, string>): (problem: Problem) => Problem {
  return (problem) => (kept.has(problem.name) ? { ...problem, reason: `${problem.reason}; its line stays` } : problem);
}
