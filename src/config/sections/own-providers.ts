// Entries of `providers:` that ask nobody: their values are on this host. They have no projects, so no workload takes its secrets from one.

import { cacheHasBackend } from './cache.ts';
import { mapOf, type Plain } from '../findings/check-parts.ts';
import type { Finding } from '../findings/finding.ts';
import { nitrokeySection, readNitrokey, type NitrokeyConfig } from './nitrokeyhsm.ts';
import { entriesOf, type EntrySection } from './providers.ts';
import { readSealed, SEALED, sealedSection, type SealedConfig } from './sealed.ts';

export const OWN_SECTIONS: readonly EntrySection[] = [sealedSection, nitrokeySection];

export type OwnProviders = {
  /** Undefined: nothing is sealed on this host. */
  readonly sealed: SealedConfig | undefined;
  /** Tokens of the Python PSI, by name. */
  readonly nitrokeys: ReadonlyMap<string, NitrokeyConfig>;
};

export const NO_OWN_PROVIDERS: OwnProviders = { sealed: undefined, nitrokeys: new Map() };

/** Of entries that were decoded and checked before. */
export function assembleOwn(entries: Plain): OwnProviders {
  const sealed = entriesOf(entries, [sealedSection]).flatMap(({ name, entry }) => readSealed(name, entry) ?? []);
  const nitrokeys = entriesOf(entries, [nitrokeySection]).flatMap(({ name, entry }) => {
    const read = readNitrokey(entry);
    return read === undefined ? [] : [[name, read] as const];
  });
  return { sealed: sealed[0], nitrokeys: new Map(nitrokeys) };
}

export function hasHsmToken({ nitrokeys }: Pick<OwnProviders, 'nitrokeys'>): boolean {
  return nitrokeys.size > 0;
}

export function ownNames(entries: Plain): readonly string[] {
  return entriesOf(entries, OWN_SECTIONS).map(({ name }) => name);
}

export function ownChecks(root: Plain): readonly Finding[] {
  const [first, ...more] = entriesOf(mapOf(root['providers']), [sealedSection]);
  if (first === undefined) return [];
  return [...more.map(({ name }) => second(name, first.name)), ...keyChecks(mapOf(root['cache']), first.name)];
}

function second(name: string, first: string): Finding {
  const path = ['providers', name];
  return {
    code: 'SEALED_TWICE',
    path,
    atKey: true,
    expected: `one of kind ${SEALED}`,
    got: `another one beside ${first}`,
  };
}

/** What opens the values at a start is what opens the cache: its device is mounted for that. */
function keyChecks(cache: Plain, name: string): readonly Finding[] {
  if (cacheHasBackend(cache)) return [];
  const path = ['providers', name];
  return [
    { code: 'SEALED_WITHOUT_BACKEND', path, atKey: true, expected: 'a cache with a backend beside it', got: 'none' },
  ];
}
