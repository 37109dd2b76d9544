// From what a provider lists to what a workload gets: include, exclude, prefix, conflicts and refusals. One listing at a time.

import type { Fetched } from '../core/fetched.ts';
import type { Mapping } from '../core/mapping.ts';
import { printable, refuseKey, refuseName, type Refusal, type SecretName } from '../core/naming.ts';
import { claimOf, type SecretSpec, type SecretUse, type Workload } from '../core/workload.ts';
import type { ListedSecret } from '../provider/secret-source.ts';
import { namesFor, type NamedGroup } from './names.ts';
import { freshName, HeldNames } from './registered-keys.ts';
import { isBeyondPatterns, MAX_MATCHED_KEY, wantedBy } from './wanted.ts';

/** One use of a secret: one line of the drop-in. Several may have one name, and then one mapping. */
export type DesiredSecret = SecretUse & {
  /** Podman's name. */
  readonly name: SecretName;
  readonly mapping: Mapping;
  /** Its value as it was listed; undefined where that is not known. */
  readonly fetched: Fetched | undefined;
};

/** `name`: what Podman has, or would have, it under. */
export type RefusedKey = Refusal & { readonly workload: string; readonly key: string; readonly name: SecretName };

export type Selection = { readonly secrets: readonly DesiredSecret[]; readonly refused: readonly RefusedKey[] };

/** Podman's own limit for a secret. */
const MAX_VALUE_BYTES = 511_999;
/** The kernel's limit of one environment string (MAX_ARG_STRLEN), its NUL included. */
const MAX_ENV_STRING_BYTES = 131_072;

/** What one `secrets:` entry of a workload selects from its listing. `held`: the names that it has. */
export function select(
  workload: Workload,
  spec: SecretSpec,
  listed: readonly ListedSecret[],
  held: HeldNames = new HeldNames(workload, []),
): Selection {
  const secrets: DesiredSecret[] = [];
  const refused: RefusedKey[] = [];
  const wanted = wantedBy(spec);
  for (const [key, places] of byKey(listed.filter((secret) => wanted(secret.key)))) {
    const path = places[0]?.path ?? spec.path;
    const uses = usesOf(spec, key);
    const refusal = refuse(workload, spec, { key, places, uses });
    if (refusal) {
      const name = held.nameOf(spec, { path, key });
      refused.push({ workload: workload.name, key: printable(key), name, ...refusal });
      continue;
    }
    const name = freshName(workload, spec, key);
    const mapping = { provider: workload.provider, project: spec.project, path, key };
    const fetched = places[0]?.fetched;
    secrets.push(...uses.map((use) => ({ ...use, name, mapping, fetched })));
  }
  return { secrets, refused };
}

function usesOf(spec: SecretSpec, key: string): readonly SecretUse[] {
  const { as: kind, prefix, mode, uid, gid, keys } = spec;
  if (keys) return keys.find((one) => one.key === key)?.uses ?? [];
  return [{ kind, target: prefix + key, mode, uid, gid }];
}

type Selecting = {
  readonly key: string;
  readonly places: readonly ListedSecret[];
  readonly uses: readonly SecretUse[];
};

function refuse(workload: Workload, spec: SecretSpec, { key, places, uses }: Selecting): Refusal | undefined {
  const [first] = places;
  const value = (): Refusal | undefined =>
    uses.map(({ target, kind }) => refuseValue(target, kind, first, spec)).find((one) => one !== undefined);
  // What the config names key by key has its targets checked there, and needs no name of the key's.
  if (spec.keys) return first?.objection ?? refuseName(freshName(workload, spec, key)) ?? value();
  const target = spec.prefix + key;
  return (
    first?.objection ??
    refuseUnmatched(spec, key) ??
    refusePlaces(places) ??
    refuseKey(workload.name, target, target, spec.as) ??
    value()
  );
}

/** `entry`: it was not the order that decided, but an entry of `keys`. */
export type Overridden = {
  readonly workload: string;
  readonly name: string;
  readonly by: string;
  readonly entry?: true;
};

/**
 * The selections of all sources of one workload as one: of sources without `keys` the later wins on an equal name, an entry of `keys` wins over
 * all of them on an equal variable or file, and `overridden` says so. Then each has its name: the one that it is registered with, else a new one.
 */
export function mergeSelections(
  workload: Workload,
  selections: readonly Selection[],
  held: HeldNames = new HeldNames(workload, []),
): Selection & { readonly overridden: readonly Overridden[] } {
  const overridden: Overridden[] = [];
  const override = (name: string, { mapping }: DesiredSecret, entry: { readonly entry?: true }): void => {
    overridden.push({ workload: workload.name, name, by: `${mapping.project}:${mapping.path}`, ...entry });
  };
  const all = selections.map(({ secrets }, index) => ({ secrets, index, keyed: isKeyed(workload, index) }));
  const entries = all.filter(({ keyed }) => keyed);
  const claims = new Map(entries.flatMap(({ secrets }) => secrets.map((one) => [claimOf(one), one] as const)));
  const byName = new Map<string, DesiredSecret>();
  for (const secret of all.flatMap(({ keyed, secrets }) => (keyed ? [] : secrets))) {
    const entry = claims.get(claimOf(secret));
    if (entry) {
      override(secret.name, entry, { entry: true });
      continue;
    }
    if (byName.has(secret.name)) override(secret.name, secret, {});
    byName.set(secret.name, secret);
  }
  const groups: readonly NamedGroup<DesiredSecret>[] = [
    ...[...byName.values()].map((secret) => ({ keyed: false, secrets: [secret] as const })),
    ...entries.flatMap(({ secrets }) => groupsOf(secrets)),
  ];
  const names = namesFor(workload, groups, held);
  const secrets = groups.flatMap((group, index) =>
    group.secrets.map((secret) => ({ ...secret, name: names[index] ?? secret.name })),
  );
  return {
    secrets: secrets.sort((a, b) => (a.name < b.name ? -1 : 1)),
    refused: selections.flatMap((selection) => selection.refused),
    overridden,
  };
}

function isKeyed({ secrets }: Workload, index: number): boolean {
  return secrets[index]?.keys !== undefined;
}

/** The uses of one key of one source are one secret. */
function groupsOf(secrets: readonly DesiredSecret[]): readonly NamedGroup<DesiredSecret>[] {
  const byKey = Map.groupBy(secrets, ({ mapping }) => mapping.key);
  return [...byKey.values()].flatMap(([first, ...more]) => (first ? [{ keyed: true, secrets: [first, ...more] }] : []));
}

function refuseUnmatched({ include, exclude }: SecretSpec, key: string): Refusal | undefined {
  if (!isBeyondPatterns(key) || include.length + exclude.length === 0) return undefined;
  return {
    reason: `the name has ${String(key.length)} characters: no pattern is held against more than ${String(MAX_MATCHED_KEY)}`,
    hint: 'shorten it at the provider, or move it into a folder of its own',
  };
}

function byKey(listed: readonly ListedSecret[]): Map<string, ListedSecret[]> {
  const groups = new Map<string, ListedSecret[]>();
  for (const secret of listed) {
    const group = groups.get(secret.key);
    if (group) group.push(secret);
    else groups.set(secret.key, [secret]);
  }
  return groups;
}

function refusePlaces(places: readonly ListedSecret[]): Refusal | undefined {
  if (places.length < 2) return undefined;
  const paths = places.map((place) => printable(place.path)).join(' and ');
  return {
    reason: `the same key is in several folders (${paths})`,
    hint: 'name the folders as separate sources, with `prefix` or `exclude`',
  };
}

function refuseValue(
  target: string,
  kind: 'env' | 'mount',
  secret: ListedSecret | undefined,
  { keys }: SecretSpec,
): Refusal | undefined {
  const value = secret?.fetched?.value;
  if (!value) return undefined;
  if (value.byteLength > MAX_VALUE_BYTES) {
    return {
      reason: `the value has ${String(value.byteLength)} bytes, Podman takes ${String(MAX_VALUE_BYTES)}`,
      hint: keys ? 'shorten it, or take it out of `keys`' : 'shorten it, or leave it out with `exclude`',
    };
  }
  if (kind === 'mount') return undefined;
  const hint = keys ? 'make it a file: `{ file: /path }` in `keys`' : 'use `as: mount` for it';
  const room = MAX_ENV_STRING_BYTES - new TextEncoder().encode(target).length - 2;
  if (value.byteLength > room) {
    return {
      reason: `the value has ${String(value.byteLength)} bytes, a variable of this name holds ${String(room)}`,
      hint,
    };
  }
  if (value.expose().includes(0)) {
    return { reason: 'the value holds a NUL byte, which would cut the variable short', hint };
  }
  return undefined;
}
