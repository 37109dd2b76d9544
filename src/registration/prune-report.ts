// What `psi prune` tells when it is done. It travels from the service to the command line, so every field is plain data.

import type { Failure } from '../core/failure.ts';

/** Something that goes, or has gone. */
export type Removal = {
  readonly action: 'remove-drop-in' | 'remove-secret' | 'remove-mapping' | 'remove-file';
  /** Null: it is of none that can be told. */
  readonly workload: string | null;
  /** The unit, Podman's name of the secret, the id of the mapping, or the path. */
  readonly target: string;
};

/** Something that stays though the config does not name it: `subject` is a unit, a workload or a secret. */
export type Staying = { readonly subject: string; readonly reason: string; readonly hint: string };

export type PruneReport = {
  /** False: nothing was changed, `removals` is the plan. */
  readonly applied: boolean;
  readonly removals: readonly Removal[];
  readonly left: readonly Staying[];
  readonly failures: readonly Failure[];
  readonly notes: readonly string[];
};
