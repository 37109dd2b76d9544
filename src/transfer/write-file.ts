// One secret from the manager into a file.

import { decodeBase64 } from '../core/base64.ts';
import { PsiError, toPsiError } from '../core/error.ts';
import type { Fetched } from '../core/fetched.ts';
import type { SecretRef } from '../provider/secret-source.ts';
import type { SecretFiles } from './secret-files.ts';

export type WriteFileDeps = {
  readonly get: (ref: SecretRef) => Promise<Fetched>;
  readonly files: SecretFiles;
};

export type WriteFileRequest = {
  readonly ref: SecretRef;
  readonly out: string;
  readonly mode: number;
  readonly owner: string | undefined;
  readonly base64: boolean;
};

export type WriteFileReport = {
  readonly path: string;
  readonly bytes: number;
  /** The value holds a reference that the manager leaves as it is. */
  readonly literal: boolean;
};

/** Nothing is written unless everything before it went well. */
export async function writeSecretFile(deps: WriteFileDeps, request: WriteFileRequest): Promise<WriteFileReport> {
  const { ref, out, mode, owner, base64 } = request;
  const ids = owner === undefined ? undefined : await deps.files.ownerOf(owner);
  const { value: stored, literal = false } = await deps.get(ref).catch(rethrown);
  const value = base64 ? decodeBase64(stored) : stored;
  if (!value) {
    throw new PsiError('BAD_REQUEST', `the value of ${ref.key} in ${ref.project}:${ref.path} is not base64`, {
      hint: 'leave `--base64` out, or store the output of `base64 -w0`',
    });
  }
  await deps.files.write(out, value, { mode, owner: ids });
  return { path: out, bytes: value.byteLength, literal };
}

/** The source speaks to whoever registers secrets. */
function rethrown(thrown: unknown): never {
  const { code, message, details } = toPsiError(thrown);
  if (code !== 'NOT_FOUND') throw thrown;
  const hint = 'check the name, `--path` and `--environment`, or allow the machine identity to see it';
  throw new PsiError(code, message, { hint, details });
}
