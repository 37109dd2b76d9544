// From an answer to secrets: who wins between own and imported ones, and which values are none. Pure.

import { SecretValue } from '../../core/secret-value.ts';
import type { Fetched, Moment } from '../../core/fetched.ts';
import type { ListedSecret } from '../../provider/secret-source.ts';
import type { Item, Listing } from './codec.ts';

/** What a server writes in place of a value that it hides. */
export const PLACEHOLDER = '<hidden-by-infisical>';

export function valueOf(item: Item): SecretValue | undefined {
  const { secretValue, secretValueHidden } = item;
  if (secretValueHidden === true || secretValue === PLACEHOLDER) return undefined;
  return typeof secretValue === 'string' ? SecretValue.fromText(secretValue) : undefined;
}

/** What an item of an answer is worth; undefined where its value is hidden. */
export function fetchedOf(item: Item, moment: Moment): Fetched | undefined {
  const value = valueOf(item);
  return value && { ...moment, value, version: item.version ?? undefined };
}

/** An identity has no personal secrets, but early servers show it those of people. */
export function isShared(item: Item): boolean {
  return item.type !== 'personal';
}

/**
 * Own secrets win; among the imports the last does, and within one the first occurrence, because nested imports are appended behind.
 * `path` is the one that was asked for: imported secrets are found there too.
 */
export function mergeListing(
  listing: Listing,
  options: { readonly path: string; readonly recursive: boolean; readonly values: boolean; readonly imports?: false },
  moment: Moment,
): readonly ListedSecret[] {
  const { path, recursive, values, imports } = options;
  const merged = new Map<string, ListedSecret>();
  const add = (item: Item, where: string): void => {
    const slot = JSON.stringify([where, item.secretKey]);
    if (!isShared(item) || merged.has(slot)) return;
    merged.set(slot, { key: item.secretKey, path: where, fetched: values ? fetchedOf(item, moment) : undefined });
  };
  for (const item of listing.secrets) add(item, recursive ? (item.secretPath ?? path) : path);
  if (imports === false) return [...merged.values()];
  for (const group of (listing.imports ?? []).toReversed()) for (const item of group.secrets) add(item, path);
  return [...merged.values()];
}
