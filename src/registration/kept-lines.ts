// Lines that a workload has, of secrets that it should have and a run could do nothing about: they are not taken away for that.

import { secretLines, type SecretLines } from './drop-in.ts';

/** By Podman's name. `dropIn`: the one that is there. */
export function keptLines(dropIn: string | undefined, stays: (name: string) => boolean): SecretLines {
  return new Map([...secretLines(dropIn ?? '')].filter(([name]) => stays(name)));
}

type Named = { readonly name: string; readonly reason: string };

export function stayingIn(kept: SecretLines): <One extends Named>(one: One) => One {
  return (one) => (kept.has(one.name) ? { ...one, reason: `${one.reason}; its line stays` } : one);
}
