// Secret-valued fields: how they are written in the file, and how they are read when they are used, so that a rotated file or
// credential is picked up without a restart. Errors say where the value should have come from, never what it was.

import * as t from 'io-ts';
import { credentialFolders, credentialHint } from '../../core/credential-folders.ts';
import { PsiError, toPsiError } from '../../core/error.ts';
import { SecretValue } from '../../core/secret-value.ts';
import type { SecretField, TokenSource } from '../../core/secret-field.ts';
import type { Env, ReadFile } from '../surroundings.ts';
import { command } from './fields.ts';
import { credentialName, envName } from './name-fields.ts';
import { hiddenPath } from './path-fields.ts';
import { Leaf } from './leaf.ts';

const secretText = new Leaf<SecretValue>({
  expected: 'text',
  code: 'BAD_SECRET_FIELD',
  json: { type: 'string', minLength: 1 },
  parse: (value) => (typeof value === 'string' && value !== '' ? SecretValue.fromText(value) : undefined),
});

export const secretReferences = [
  t.type({ file: hiddenPath }),
  t.type({ env: envName }),
  t.type({ credential: credentialName }),
] as const;

export const secretField = t.union(
  [secretText, ...secretReferences],
  'text, {file: PATH}, {env: NAME} or {credential: NAME}',
);

/** A JWT is short-lived: text in the file would be stale before it is used, so only references are taken. */
export const tokenSource = t.union(
  [...secretReferences, t.type({ command: command(false) })],
  '{file: PATH}, {credential: NAME}, {env: NAME} or {command: [...]}',
);

export function toSecretField(raw: t.TypeOf<typeof secretField>): SecretField {
  if (raw instanceof SecretValue) return { kind: 'text', value: raw };
  if ('file' in raw) return { kind: 'file', path: raw.file };
  if ('env' in raw) return { kind: 'env', name: raw.env };
  return { kind: 'credential', name: raw.credential };
}

export function toTokenSource(raw: t.TypeOf<typeof tokenSource>): TokenSource {
  return 'command' in raw ? { kind: 'command', argv: raw.command } : toSecretField(raw);
}

export type SecretDeps = { readonly readFile: ReadFile; readonly env: Env };

/**
 * The value now. Of a file or credential one line end at its end is dropped (editors and `echo` add it); everything else is kept
 * byte for byte. Fails with CONFIG_INVALID if there is nothing to read or it is empty.
 */
export async function resolveSecret(field: SecretField, deps: SecretDeps): Promise<SecretValue> {
  switch (field.kind) {
    case 'text':
      return field.value;
    case 'env': {
      const value = deps.env[field.name];
      if (value === undefined || value === '') {
        throw missing(
          `the environment variable ${field.name} is not set`,
          'set it with `Environment=` or `EnvironmentFile=` of psi.container',
        );
      }
      return SecretValue.fromText(value);
    }
    case 'file':
      return await fromFile(
        field.path,
        `the file ${field.path}`,
        'create it with mode 0600, readable to psi inside its container',
        deps,
      );
    case 'credential':
      return await fromCredential(field.name, deps);
  }
}

async function fromCredential(name: string, deps: SecretDeps): Promise<SecretValue> {
  const what = `the credential ${name}`;
  const hint = credentialHint(deps.env, name);
  let failure = missing(`${what} cannot be read: CREDENTIALS_DIRECTORY is not set`, hint);
  for (const folder of credentialFolders(deps.env)) {
    try {
      return await fromFile(`${folder}/${name}`, what, hint, deps);
    } catch (thrown) {
      failure = toPsiError(thrown);
    }
  }
  throw failure;
}

async function fromFile(path: string, what: string, hint: string, deps: SecretDeps): Promise<SecretValue> {
  let bytes: Uint8Array;
  try {
    bytes = await deps.readFile(path);
  } catch (cause) {
    throw missing(`${what} ${reasonOf(cause)}`, hint, cause);
  }
  const end = bytes.at(-1) !== 10 ? bytes.length : bytes.at(-2) === 13 ? bytes.length - 2 : bytes.length - 1;
  if (end === 0) throw missing(`${what} is empty`, hint);
  return new SecretValue(bytes.subarray(0, end));
}

/** The reason in words, for the errors that node:fs rejects with. */
export function reasonOf(cause: unknown): string {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read by this user';
  if (code === 'EISDIR') return 'is a folder';
  if (code === 'NOT_A_FILE') return 'is no plain file';
  if (code === 'TOO_LARGE') return 'is too large';
  if (code === 'HANGS') return 'is on a file system that does not answer';
  return typeof code === 'string' ? `cannot be read (${code})` : 'cannot be read';
}

function missing(message: string, hint: string, cause?: unknown): PsiError {
  return new PsiError('CONFIG_INVALID', message, { hint, cause });
}
