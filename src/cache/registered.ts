// Port: what is registered with Podman, as far as the cache has to know it. The mapping table of the lookup is one.

import type { Mapping } from '../core/mapping.ts';

export type NamedSecret = { readonly id: string; readonly name: string };

export type Registered = {
  /** Before anything is dropped for not being registered: reads what could not be read. Fails with HOST while nothing can be. */
  readonly readAgain: () => Promise<void>;
  /** Resolves once all that can be read has been. Never rejects. */
  readonly readRest: () => Promise<void>;
  /** Of every registered secret; two secrets may share a mapping. */
  readonly all: () => readonly Mapping[];
  /** Of one secret, by its id or by the name that Podman has for it; empty where there is none. */
  readonly ofSecret: (idOrName: string) => readonly Mapping[];
  /** Of all secrets of a workload. */
  readonly ofWorkload: (workload: string) => readonly Mapping[];
  /** Of all secrets of workloads that are none of these. */
  readonly ofOthers: (workloads: ReadonlySet<string>) => readonly Mapping[];
  /** Names that Podman gave to ids: secrets are found by them from now on. */
  readonly learnNames: (secrets: Iterable<NamedSecret>) => void;
};
