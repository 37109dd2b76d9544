// Podman's name for each secret that a workload is to have: what is registered keeps its own, and no two have the same.

import { mappingKey, type Mapping } from '../core/mapping.ts';
import { nameStem, secretName, type SecretName } from '../core/naming.ts';
import type { SecretUse, Workload } from '../core/workload.ts';
import type { HeldNames } from './registered-keys.ts';

type NamedUse = SecretUse & { readonly name: SecretName; readonly mapping: Mapping };

/** One secret with its uses, named as a new one would be. `keyed`: an entry of `keys`. */
export type NamedGroup<U extends NamedUse = NamedUse> = {
  readonly keyed: boolean;
  readonly secrets: readonly [U, ...U[]];
};

/** In the order of the groups. */
export function namesFor(
  workload: Workload,
  groups: readonly NamedGroup[],
  held: HeldNames,
): readonly (SecretName | undefined)[] {
  const names = new Names(groups);
  names.keepWhatIs((mapping) => held.namesOf(mapping));
  // A source without `keys` comes first: its names are those of its keys.
  for (const group of groups.toSorted((a, b) => Number(a.keyed) - Number(b.keyed))) {
    names.giveNew(group, freeNames(workload, group, held));
  }
  // Once more, as the next run will find it: which name goes to which of several uses of one place and key is the same then.
  const again = new Names(groups);
  again.keepWhatIs((mapping) => [...new Set([...held.namesOf(mapping), ...names.of(mapping)])].sort());
  return groups.map((group) => again.get(group));
}

class Names {
  readonly #groups: readonly NamedGroup[];
  readonly #names = new Map<NamedGroup, SecretName>();
  readonly #taken = new Set<SecretName>();
  readonly #byPlace = new Map<string, readonly SecretName[]>();

  constructor(groups: readonly NamedGroup[]) {
    this.#groups = groups;
  }

  get(group: NamedGroup): SecretName | undefined {
    return this.#names.get(group);
  }

  of(mapping: Mapping): readonly SecretName[] {
    return this.#byPlace.get(mappingKey(mapping)) ?? [];
  }

  /** Who is registered under the very name that it would get is asked first. */
  keepWhatIs(namesOf: (mapping: Mapping) => readonly SecretName[]): void {
    for (const group of this.#groups) {
      const [{ name, mapping }] = group.secrets;
      if (namesOf(mapping).includes(name)) this.giveNew(group, [name]);
    }
    for (const group of this.#groups) this.giveNew(group, namesOf(group.secrets[0].mapping));
  }

  /** The first that nobody has. */
  giveNew(group: NamedGroup, wished: Iterable<SecretName>): void {
    if (this.#names.has(group)) return;
    for (const name of wished) {
      if (this.#taken.has(name)) continue;
      this.#names.set(group, name);
      this.#taken.add(name);
      const { mapping } = group.secrets[0];
      this.#byPlace.set(mappingKey(mapping), [...this.of(mapping), name]);
      return;
    }
  }
}

/** Without end. */
function* freeNames(workload: Workload, { keyed, secrets }: NamedGroup, held: HeldNames): Generator<SecretName> {
  const [{ name, mapping }] = secrets;
  const isFree = (one: SecretName): boolean =>
    !(keyed ? held.isOfAnother(one, mapping) : held.isCarriedByAnother(one, mapping));
  if (isFree(name)) yield name;
  const variables = secrets.flatMap(({ kind, target }) => (kind === 'env' ? [target] : []));
  for (const stem of keyed ? [...variables, nameStem(mapping.key)] : []) {
    const other = secretName(workload.name, stem);
    if (isFree(other)) yield other;
  }
  for (let count = 2; ; count += 1) {
    const numbered = `${name}-${String(count)}` as SecretName;
    if (isFree(numbered)) yield numbered;
  }
}
