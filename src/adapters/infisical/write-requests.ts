// The writes, in the words of either API version, and how many secrets one of them carries.

import type { SecretToWrite } from '../../provider/secret-writer.ts';
import type { ApiRequest } from './api.ts';
import { FOLDERS, PROJECT, type ApiVersion, type Target } from './requests.ts';

/** A secret as the server is given it. */
export type Item = { readonly secretKey: string; readonly secretValue: string };

/** The server takes 1 MiB in one request; what stands in front of it may take less. */
const LARGEST_BATCH_BYTES = 480_000;
/** A row of the server's database is two dozen parameters of one statement, which has 65,535 at most. */
const LARGEST_BATCH = 250;
/** Room for what stands around the one secret. */
export const LARGEST_ITEM_BYTES = 1_000_000;

/** Creating makes missing parents too, and says nothing of a folder that is there. */
export function folderRequest(version: ApiVersion, target: Target): ApiRequest {
  const cut = target.path.lastIndexOf('/');
  return {
    method: 'POST',
    path: FOLDERS[version],
    body: {
      [PROJECT[version]]: target.projectId,
      environment: target.environment,
      name: target.path.slice(cut + 1),
      path: target.path.slice(0, cut) || '/',
    },
  };
}

export type BatchWrite = {
  readonly how: 'create' | 'overwrite';
  readonly items: readonly Item[];
  /** Only servers of 2024 want it. */
  readonly projectSlug: string | undefined;
};

export function batchRequest(version: ApiVersion, target: Target, { how, items, projectSlug }: BatchWrite): ApiRequest {
  return {
    method: how === 'create' ? 'POST' : 'PATCH',
    path: version === 'v4' ? '/api/v4/secrets/batch' : '/api/v3/secrets/batch/raw',
    body: {
      [PROJECT[version]]: target.projectId,
      ...(projectSlug !== undefined && { projectSlug }),
      environment: target.environment,
      secretPath: target.path,
      // A secret that was deleted since it was listed is made again; servers of 2024 do not know the word and refuse.
      ...(how === 'overwrite' && { mode: 'upsert' }),
      secrets: items,
    },
    hidden: items.flatMap(({ secretValue }) => [secretValue, JSON.stringify(secretValue).slice(1, -1)]),
    // Made twice, the second would find the secrets of the first and be refused for them.
    ...(how === 'create' && { once: true }),
  };
}

/** For servers of 2024: the id is known, the slug is what their batches want. */
export function projectRequest(projectId: string): ApiRequest {
  return { method: 'GET', path: `/api/v1/workspace/${encodeURIComponent(projectId)}` };
}

/** As many as a request may carry, in their order. */
export function divide<T extends SecretToWrite>(secrets: readonly T[]): readonly (readonly T[])[] {
  const batches: T[][] = [];
  let bytes = Infinity;
  for (const secret of secrets) {
    const own = itemBytes(secret) + 1;
    const open = batches.at(-1);
    if (open && bytes + own <= LARGEST_BATCH_BYTES && open.length < LARGEST_BATCH) {
      open.push(secret);
      bytes += own;
    } else {
      batches.push([secret]);
      bytes = own;
    }
  }
  return batches;
}

export function itemBytes(secret: SecretToWrite): number {
  return Buffer.byteLength(JSON.stringify(itemOf(secret)));
}

export function itemOf({ key, value }: SecretToWrite): Item {
  return { secretKey: key, secretValue: value.exposeExactText() ?? '' };
}
