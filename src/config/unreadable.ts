// What a config refers to and what cannot be read: no problem of the config, and no reason to serve less than can be served without it.

import { PsiError, toPsiError } from '../core/error.ts';
import type { Config } from './config.ts';
import { references, secretReferences } from './references.ts';
import { reasonOf, resolveSecret, type SecretDeps } from './schema/secret-field.ts';

/** Files, credentials and variables with secrets, and files with authorities; each is read once. Never fails. */
export async function unreadable(config: Partial<Config>, deps: SecretDeps): Promise<readonly PsiError[]> {
  const secrets = secretReferences(config).map((field) => failureOf(() => resolveSecret(field, deps)));
  const authorities = references(config).caFiles.map((path) =>
    failureOf(() => deps.readFile(path).catch((cause: unknown) => Promise.reject(noAuthority(path, cause)))),
  );
  const failures = await Promise.all([...secrets, ...authorities]);
  return failures.filter((failure) => failure !== undefined);
}

async function failureOf(work: () => Promise<unknown>): Promise<PsiError | undefined> {
  try {
    await work();
    return undefined;
  } catch (thrown) {
    return toPsiError(thrown);
  }
}

function noAuthority(path: string, cause: unknown): PsiError {
  return new PsiError('CONFIG_INVALID', `ca_cert ${path} ${reasonOf(cause)}`, {
    hint: 'in the container only mounted folders are there: put the file below /etc/psi',
    cause,
  });
}
