// From what a provider lists to what a workload gets: include, exclude, prefix, conflicts and refusals. One listing at a time.

import type { Fetched } from '../core/fetched.ts';
import type { Mapping } from '../core/mapping.ts';
import { printable, refuseKey, secretName, type Refusal, type SecretName } from '../core/naming.ts';
import type { SecretSpec, Workload } from '../core/workload.ts';
import type { ListedSecret } from '../provider/secret-source.ts';
import { matcherOf } from './key-pattern.ts';

export type DesiredSecret = {
  /** Podman's name. */
  readonly name: SecretName;
  readonly kind: 'env' | 'mount';
  /** Variable or file name. */
  readonly target: string;
  readonly mode: string | undefined;
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
/** No pattern is held against a longer name: four times what Podman takes, so that what is merely too long can still be left out by one. */
const MAX_MATCHED_KEY = 1024;

/** What one `secrets:` entry of a workload selects from its listing. */
export function select(workload: Workload, spec: SecretSpec, listed: readonly ListedSecret[]): Selection {
  const secrets: DesiredSecret[] = [];
  const refused: RefusedKey[] = [];
  const wanted = wantedBy(spec);
  for (const [key, places] of byKey(listed.filter((secret) => wanted(secret.key)))) {
    const target = spec.prefix + key;
    const refusal =
      places[0]?.objection ??
      refuseUnmatched(spec, key) ??
      refusePlaces(places) ??
      refuseKey(workload.name, target, target, spec.as) ??
      refuseValue(target, spec.as, places[0]);
    if (refusal) {
      refused.push({
        workload: workload.name,
        key: printable(key),
        name: secretName(workload.name, target),
        ...refusal,
      });
      continue;
    }
    const path = places[0]?.path ?? spec.path;
    secrets.push({
      name: secretName(workload.name, target),
      kind: spec.as,
      target,
      mode: spec.mode,
      mapping: { provider: workload.provider, project: spec.project, path, key },
      fetched: places[0]?.fetched,
    });
  }
  return { secrets, refused };
}

export type Overridden = { readonly workload: string; readonly name: string; readonly by: string };

/** Several selections of one workload as one: the later source wins on an equal name, and `overridden` says so. */
export function mergeSelections(
  workload: Workload,
  selections: readonly Selection[],
): Selection & { readonly overridden: readonly Overridden[] } {
  const byName = new Map<string, DesiredSecret>();
  const overridden: Overridden[] = [];
  for (const secret of selections.flatMap((selection) => selection.secrets)) {
    if (byName.has(secret.name)) {
      overridden.push({
        workload: workload.name,
        name: secret.name,
        by: `${secret.mapping.project}:${secret.mapping.path}`,
      });
    }
    byName.set(secret.name, secret);
  }
  const secrets = [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { secrets, refused: selections.flatMap((selection) => selection.refused), overridden };
}

/** Does the source ask for this key? One that is too long to tell is asked for, so that it is refused by name. */
export function wantedBy({ include, exclude }: SecretSpec): (key: string) => boolean {
  const included = matcherOf(include);
  const excluded = matcherOf(exclude);
  return (key) => isBeyondPatterns(key) || ((include.length === 0 || included(key)) && !excluded(key));
}

/** Is the name too long for any pattern to be held against it, and for Podman? */
export function isBeyondPatterns(key: string): boolean {
  return key.length > MAX_MATCHED_KEY;
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

function refuseValue(target: string, kind: 'env' | 'mount', secret: ListedSecret | undefined): Refusal | undefined {
  const value = secret?.fetched?.value;
  if (!value) return undefined;
  if (value.byteLength > MAX_VALUE_BYTES) {
    return {
      reason: `the value has ${String(value.byteLength)} bytes, Podman takes ${String(MAX_VALUE_BYTES)}`,
      hint: 'shorten it, or leave it out with `exclude`',
    };
  }
  if (kind === 'mount') return undefined;
  const room = MAX_ENV_STRING_BYTES - new TextEncoder().encode(target).length - 2;
  if (value.byteLength > room) {
    return {
      reason: `the value has ${String(value.byteLength)} bytes, a variable of this name holds ${String(room)}`,
      hint: 'use `as: mount` for it',
    };
  }
  if (value.expose().includes(0)) {
    return { reason: 'the value holds a NUL byte, which would cut the variable short', hint: 'use `as: mount` for it' };
  }
  return undefined;
}
