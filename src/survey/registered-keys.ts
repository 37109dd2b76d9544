// What a workload has from before, and by which name: a place and key that are registered keep Podman's name whatever the config makes of
// them, so that a container that runs goes on asking for the same secret.

import type { Mapping } from '../core/mapping.ts';
import { nameStem, secretName, type SecretName } from '../core/naming.ts';
import type { SecretSpec, Workload } from '../core/workload.ts';
import { wantedBy } from './wanted.ts';

/**
 * A secret that is registered, or has a line. `name`: Podman's; undefined where it is not known. `mapping`: undefined where its file was lost,
 * or the secret itself.
 */
export type RegisteredKey =
  | { readonly name: string | undefined; readonly mapping: Mapping }
  | { readonly name: string; readonly mapping: undefined };

/** Where one secret of a source stands. */
export type KeyPlace = { readonly path: string; readonly key: string };

/** Does this source of a workload, whose provider is the mapping's, list the mapping's place? */
export function covers({ project, path, recursive }: SecretSpec, mapping: Pick<Mapping, 'project' | 'path'>): boolean {
  if (mapping.project !== project) return false;
  const below = path === '/' ? '/' : `${path}/`;
  return mapping.path === path || (recursive && mapping.path.startsWith(below));
}

/** The name that a source gives a key which is not registered yet. */
export function freshName(workload: Workload, spec: SecretSpec, key: string): SecretName {
  if (!spec.keys) return secretName(workload.name, spec.prefix + key);
  const uses = spec.keys.find((one) => one.key === key)?.uses ?? [];
  return secretName(workload.name, uses.find(({ kind }) => kind === 'env')?.target ?? nameStem(key));
}

/** The keys that a source would have given this name for; none if it asks for no such key. */
export function unplacedKey(workload: Workload, spec: SecretSpec, name: string): readonly string[] {
  if (spec.keys) return spec.keys.flatMap(({ key }) => (freshName(workload, spec, key) === name ? [key] : []));
  const start = secretName(workload.name, spec.prefix);
  const key = name.slice(start.length);
  return name.startsWith(start) && key !== '' && wantedBy(spec)(key) ? [key] : [];
}

type Source = { readonly spec: SecretSpec; readonly wanted: (key: string) => boolean };

/** The names of one workload's secrets. */
export class HeldNames {
  readonly #workload: Workload;
  readonly #sources: readonly Source[];
  readonly #bySlot: ReadonlyMap<string, readonly SecretName[]>;
  /** The slots of the names that some source still wants. */
  readonly #wanted = new Map<string, string>();
  /** Names that the config would not give today to what has them. */
  readonly #carried = new Set<string>();

  constructor(workload: Workload, registered: readonly RegisteredKey[]) {
    this.#workload = workload;
    this.#sources = workload.secrets.map((spec) => ({ spec, wanted: wantedBy(spec) }));
    const named = registered.flatMap(({ name, mapping }) =>
      mapping && name !== undefined ? [{ name: name as SecretName, mapping }] : [],
    );
    const bySlot = Map.groupBy(named, ({ mapping }) => slotOf(mapping));
    this.#bySlot = new Map([...bySlot].map(([slot, some]) => [slot, some.map(({ name }) => name).sort()]));
    for (const { name, mapping } of named) {
      const sources = this.#sourcesOf(mapping).filter((spec) => this.nameOf(spec, mapping) === name);
      if (sources.length === 0) continue;
      this.#wanted.set(name, slotOf(mapping));
      if (sources.every((spec) => freshName(workload, spec, mapping.key) !== name)) this.#carried.add(name);
    }
  }

  /** The name that a key of a source has, or else would get. */
  nameOf(spec: SecretSpec, { path, key }: KeyPlace): SecretName {
    const fresh = freshName(this.#workload, spec, key);
    const mapping = { project: spec.project, path, key };
    const names = this.namesOf(mapping);
    if (names.length === 0 || names.includes(fresh)) return fresh;
    // What another source of the same secret has named is that one's.
    const others = this.#sourcesOf(mapping).map((other) => freshName(this.#workload, other, key));
    return names.find((name) => !others.includes(name)) ?? fresh;
  }

  /** All that is registered for a place and key. */
  namesOf(mapping: Pick<Mapping, 'project' | 'path' | 'key'>): readonly SecretName[] {
    return this.#bySlot.get(slotOf(mapping)) ?? [];
  }

  /** Has something else this name that is still wanted? `mapping`: of who asks for it. */
  isOfAnother(name: string, mapping: Pick<Mapping, 'project' | 'path' | 'key'>): boolean {
    const slot = this.#wanted.get(name);
    return slot !== undefined && slot !== slotOf(mapping);
  }

  /** As `isOfAnother`, and the config would give it another name today. */
  isCarriedByAnother(name: string, mapping: Pick<Mapping, 'project' | 'path' | 'key'>): boolean {
    return this.#carried.has(name) && this.isOfAnother(name, mapping);
  }

  #sourcesOf(mapping: Pick<Mapping, 'project' | 'path' | 'key'>): readonly SecretSpec[] {
    return this.#sources.flatMap(({ spec, wanted }) => (covers(spec, mapping) && wanted(mapping.key) ? [spec] : []));
  }
}

function slotOf({ project, path, key }: Pick<Mapping, 'project' | 'path' | 'key'>): string {
  return JSON.stringify([project, path, key]);
}
