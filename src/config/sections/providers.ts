// `providers:`: entries by name, each of one kind. An entry without `kind` is of the kind that has its name.

import * as t from 'io-ts';
import type { ProviderConfig } from '../../provider/provider.ts';
import { mapOf, type Plain } from '../findings/check-parts.ts';
import type { Finding } from '../findings/finding.ts';
import type { CommonSettings, ProviderSection } from '../provider-section.ts';
import { choice } from '../schema/leaf.ts';
import { name as nameLeaf } from '../schema/name-fields.ts';
import { section } from '../schema/section.ts';

/** What tells how an entry is written, whatever is made of it. */
export type EntrySection = Pick<ProviderSection, 'kind' | 'codec' | 'shared' | 'checks'>;

/** For the entries of one file: which keys one may have depends on its kind. */
export function providersCodec(entries: Plain, kinds: readonly EntrySection[]): t.Mixed {
  const words = kinds.map(({ kind }) => kind);
  const byName = kinds.map((one) => [one.kind, withKind(one, words)] as const);
  const given = entriesOf(entries, kinds).map(({ name, kind }) => [name, withKind(kind, words)] as const);
  return section({}, Object.fromEntries([...byName, ...given]));
}

function withKind({ codec }: EntrySection, words: readonly string[]): t.Mixed {
  return t.intersection([t.partial({ kind: choice(words) }, codec.name), codec], codec.name);
}

export function providerChecks(entries: Plain, kinds: readonly EntrySection[]): readonly Finding[] {
  return entriesOf(entries, kinds).flatMap(({ name, kind, entry }) => [
    ...nameCheck(name),
    ...kind.checks(mapOf(entry), ['providers', name]),
  ]);
}

function nameCheck(name: string): readonly Finding[] {
  if (nameLeaf.is(name)) return [];
  const { code, expected } = nameLeaf.spec;
  return [{ code, path: ['providers', name], atKey: true, expected, actual: name, visible: true }];
}

/** Names of those that are of a known kind. */
export function supportedNames(entries: Plain, kinds: readonly ProviderSection[]): readonly string[] {
  return entriesOf(entries, kinds).map(({ name }) => name);
}

export function assembleProviders(
  entries: Plain,
  kinds: readonly ProviderSection[],
  common: CommonSettings,
): ReadonlyMap<string, ProviderConfig> {
  return new Map(entriesOf(entries, kinds).map(({ name, kind, entry }) => [name, kind.read(entry, common)]));
}

type Entry<S extends EntrySection> = { readonly name: string; readonly kind: S; readonly entry: unknown };

/** Those that are of one of these kinds. */
export function entriesOf<S extends EntrySection>(entries: Plain, kinds: readonly S[]): readonly Entry<S>[] {
  return Object.entries(entries).flatMap(([name, entry]) => {
    const kind = kindOf(name, mapOf(entry)['kind'], kinds);
    // `__proto__` as a key of a JavaScript object is no key at all.
    return kind === undefined || name === '__proto__' ? [] : [{ name, kind, entry }];
  });
}

/** A word that is no kind is refused where it stands, if the name tells what was meant. */
function kindOf<S extends EntrySection>(name: string, given: unknown, kinds: readonly S[]): S | undefined {
  return kinds.find(({ kind }) => kind === given) ?? kinds.find(({ kind }) => kind === name);
}
