// A folder as far as it may be read: every key that can be seen, with its value or with the reason why there is none. One value that is
// hidden or refers to what may not be read makes a server refuse the whole list; then the names are listed and each is asked for by itself.

import { inByteOrder } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import type { Fetched } from '../core/fetched.ts';
import type { ListedSecret, Place, SecretRef, SecretReads } from '../provider/secret-source.ts';
import { SingleReads, type SingleRead } from '../provider/single-reads.ts';

export type FolderReader = {
  readonly source: SecretReads;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** One call, bounded in time; limits are for the caller to wait out. */
  readonly call: <T>(what: string, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  /** Before each secret that is asked for by itself. */
  readonly onSingle?: (done: number, total: number) => void;
};

/**
 * value      `fetched.literal` says that a reference in it stays text
 * hidden     it may be seen, and its value may not be read
 * refused    its value may not be read for what it refers to, or for another reason that the server gives
 * not known  nobody could tell: it is gone meanwhile, or the server did not answer
 */
export type Reading =
  | { readonly kind: 'value'; readonly fetched: Fetched }
  | { readonly kind: 'hidden' }
  | { readonly kind: 'refused' | 'not known'; readonly error: PsiError };

export type ReadSecret = { readonly key: string; readonly path: string; readonly reading: Reading };

/** In byte order of path and key. Fails as a list does where not even the names may be seen. */
export async function readFolder(
  reader: FolderReader,
  place: Place,
  { recursive }: { readonly recursive: boolean },
): Promise<readonly ReadSecret[]> {
  const listed = await listFolder(reader, place, recursive);
  const open = listed.secrets.filter((secret) => isOpen(secret, listed.hasValues));
  const singles = new SingleReads(reader);
  const read = (ref: SecretRef): Promise<Fetched> =>
    reader.call('reading a secret', (signal) => reader.source.get(ref, signal));
  const asked = new Map<ListedSecret, Reading>();
  for (const [done, secret] of open.entries()) {
    reader.onSingle?.(done, open.length);
    asked.set(secret, readingAfter(await singles.of(refTo(secret, place), read)));
  }
  return listed.secrets
    .map((secret) => ({ key: secret.key, path: secret.path, reading: asked.get(secret) ?? readingOf(secret) }))
    .toSorted((a, b) => inByteOrder(a.path, b.path) || inByteOrder(a.key, b.key));
}

type Listed = { readonly secrets: readonly ListedSecret[]; readonly hasValues: boolean };

async function listFolder({ source, call }: FolderReader, place: Place, recursive: boolean): Promise<Listed> {
  const list = (values: boolean): Promise<readonly ListedSecret[]> =>
    call('listing the secrets', (signal) =>
      source.list(place, { recursive, values, ...(values && { everyName: true }), signal }),
    );
  try {
    return { secrets: await list(true), hasValues: true };
  } catch (thrown) {
    const error = toPsiError(thrown);
    if (error.code !== 'PROVIDER_DENIED' && error.code !== 'VALUE_HIDDEN') throw error;
    return { secrets: await list(false), hasValues: false };
  }
}

/** Only a read of its own tells, and it can be asked for. */
function isOpen({ unsettled, fetched, objection }: ListedSecret, hasValues: boolean): boolean {
  return objection === undefined && fetched === undefined && (!hasValues || unsettled === true);
}

function refTo({ path, key, from }: ListedSecret, { project }: Place): SecretRef {
  return { project, path, key, ...(from && { from }) };
}

function readingOf({ fetched, objection }: ListedSecret): Reading {
  if (objection) return { kind: 'refused', error: new PsiError('PROVIDER_DENIED', objection.reason, objection) };
  return fetched === undefined ? { kind: 'hidden' } : { kind: 'value', fetched };
}

function readingAfter(read: SingleRead): Reading {
  if (read.kind === 'value') return read;
  if (read.error.code === 'VALUE_HIDDEN') return { kind: 'hidden' };
  return { kind: read.kind === 'refused' ? 'refused' : 'not known', error: read.error };
}
