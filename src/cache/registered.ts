// Port: what is registered with Podman, as far as the cache has to know it. The mapping table of the lookup is one.

import type { Mapping } from '../core/mapping.ts';

export type NamedSecret = { readonly id: string; readonly name: string };

export type Registered = {
  /** Of every registered secret; two secrets may share a mapping. */
  readonly all: () => readonly Mapping[];
  /** Those of an id, of a secret as Podman names it, or of all secrets of a workload; empty where nothing has the name. */
  readonly named: (name: string) => readonly Mapping[];
  /** Names that Podman gave to ids: `named` finds by them from now on. */
  readonly learnNames: (secrets: Iterable<NamedSecret>) => void;
};
