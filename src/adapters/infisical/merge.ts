// From an answer to secrets: who wins between own and imported ones, and which values are none, or not sure to be. Pure.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { SecretValue } from '../../core/secret-value.ts';
import type { Fetched, Moment } from '../../core/fetched.ts';
import type { ListedSecret, Origin } from '../../provider/secret-source.ts';
import type { Import, Item, Listing } from './codec.ts';
import { holdsReference } from './references.ts';

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

/** May the text that stands for this item's value be a reference that was left as it is? */
export function isDoubtful(item: Item): boolean {
  return valueOf(item) !== undefined && holdsReference(item.secretValue ?? '');
}

/** An identity has no personal secrets, but early servers show it those of people. */
export function isShared(item: Item): boolean {
  return item.type !== 'personal';
}

export type MergeOptions = {
  /** The one that was asked for: imported secrets are found there too. */
  readonly path: string;
  readonly environment: string;
  readonly recursive: boolean;
  readonly values: boolean;
  readonly imports?: false;
  /**
   * Of a recursive listing: the keys that the listed folder itself imports. The answer holds the imports of every folder below it too,
   * without a word about which folder has them.
   */
  readonly importedHere?: ReadonlySet<string>;
};

/** Is this doubtful text, of this version, known to be the value of the secret that is looked up there? */
export type IsLiteral = (item: Item, path: string) => boolean;

/**
 * Own secrets win; among the imports the last does, and within one the first occurrence, because nested imports are appended behind.
 * At most one for each path and key. Long listings are merged in slices: lookups go on meanwhile.
 */
export async function mergeListing(
  listing: Listing,
  options: MergeOptions,
  moment: Moment,
  isLiteral: IsLiteral = () => false,
): Promise<readonly ListedSecret[]> {
  const { path, environment, recursive, values, imports, importedHere } = options;
  const merged = new Merged();
  let turn = 0;
  const add = async (item: Item, where: string, from: Origin): Promise<void> => {
    if (isShared(item)) {
      merged.add(where, item.secretKey, () => ({
        key: item.secretKey,
        path: where,
        ...(values ? settled(item, from, moment, (one) => isLiteral(one, where)) : NAME),
      }));
    }
    turn += 1;
    if (turn % SLICE === 0) await nextTurn();
  };
  for (const item of listing.secrets) {
    const where = recursive ? (item.secretPath ?? path) : path;
    await add(item, where, { environment, path: where });
  }
  if (imports === false) return merged.all;
  for (const group of (listing.imports ?? []).toReversed()) {
    const from = originOf(group, { environment, path });
    for (const item of group.secrets) {
      if (importedHere?.has(item.secretKey) === false) merged.addElsewhere(item, path);
      else await add(item, path, from);
    }
  }
  return merged.all;
}

/** Secrets that are merged between two turns of the event loop. */
const SLICE = 1_000;

/** At most one secret for each path and key. */
class Merged {
  readonly #slots = new Map<string, ListedSecret>();
  readonly #keys = new Set<string>();

  get all(): readonly ListedSecret[] {
    return [...this.#slots.values()];
  }

  add(where: string, key: string, made: () => ListedSecret): void {
    const slot = JSON.stringify([where, key]);
    if (this.#slots.has(slot)) return;
    this.#slots.set(slot, made());
    this.#keys.add(key);
  }

  /** Imported by a folder below the listed one: it is looked up there, and which one that is the answer does not say. */
  addElsewhere(item: Item, path: string): void {
    const { secretKey: key } = item;
    if (!isShared(item) || this.#keys.has(key)) return;
    const objection = {
      reason: `a folder below ${path} imports it, and a recursive listing does not say which`,
      hint: 'name that folder as a source of its own',
    };
    this.add('elsewhere', key, () => ({ key, path, fetched: undefined, objection }));
  }
}

const NAME = { fetched: undefined };

function settled(
  item: Item,
  from: Origin,
  moment: Moment,
  isLiteral: (item: Item) => boolean,
): Pick<ListedSecret, 'fetched' | 'unsettled' | 'from'> {
  const fetched = fetchedOf(item, moment);
  if (!fetched || !isDoubtful(item)) return { fetched };
  return { fetched: isLiteral(item) ? { ...fetched, literal: true } : undefined, unsettled: true, from };
}

function originOf({ environment, secretPath }: Import, home: Origin): Origin {
  return { environment: environment ?? home.environment, path: secretPath ?? home.path };
}

/** May a list of values have left out keys whose values may not be read? A plain folder is listed whole or refused whole. */
export function mayLeaveOut({ imports }: Listing, { recursive }: { readonly recursive: boolean }): boolean {
  return recursive || (imports ?? []).length > 0;
}

/** A list of values with what only a list of names has. */
export function withNames(listed: readonly ListedSecret[], names: readonly ListedSecret[]): readonly ListedSecret[] {
  const slotOf = ({ path, key }: ListedSecret): string => JSON.stringify([path, key]);
  const there = new Set(listed.map(slotOf));
  return [...listed, ...names.filter((name) => !there.has(slotOf(name)))];
}

/** Does an answer keep to the folder that was asked for? Its paths end in unit files, on terminals and in further questions. */
export function keepsTo(
  listing: Listing,
  { path, recursive }: { readonly path: string; readonly recursive: boolean },
): boolean {
  if (!recursive) return true;
  const below = path === '/' ? '/' : `${path}/`;
  return listing.secrets.every(({ secretPath }) => {
    if (secretPath === undefined || secretPath === null || secretPath === path) return true;
    return secretPath.startsWith(below) && isPlainPath(secretPath);
  });
}

/** Servers of 2024 check the names of folders nowhere, so they may hold more than letters; never what ends a line or climbs. */
function isPlainPath(path: string): boolean {
  return (
    path.split('/').every((part) => part !== '.' && part !== '..') && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(path)
  );
}
