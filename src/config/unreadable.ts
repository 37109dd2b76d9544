// What a config refers to and what cannot be read: no problem of the config, and no reason to serve less than can be served without it.

import { PsiError, toPsiError } from '../core/error.ts';
import type { Config } from './config.ts';
import { references, secretReferences } from './references.ts';
import { reasonOf, resolveSecret, type SecretDeps } from './schema/secret-field.ts';

/** Files, credentials and variables with secrets, and files with authorities; each is read once. Never fails. */
export async function unreadable(config: Partial<Config>, deps: SecretDeps): Promise<readonly PsiError[]> {
  const secrets = secretReferences(config).map((field) => failureOf(() => resolveSecret(field, deps)));
  const failures = await Promise.all([...secrets, ...authorities(config, deps)]);
  return failures.filter((failure) => failure !== undefined);
}

/** Of that, what has to be there before another config takes the place of one that works. */
export async function indispensable(config: Config, deps: SecretDeps): Promise<readonly PsiError[]> {
  const { socketToken: token } = config;
  const tokens = token === undefined ? [] : [failureOf(() => resolveSecret(token, deps))];
  const failures = await Promise.all([...tokens, ...authorities(config, deps)]);
  return failures.filter((failure) => failure !== undefined);
}

function authorities(config: Partial<Config>, { readFile }: SecretDeps): readonly Promise<PsiError | undefined>[] {
  return references(config).caFiles.map((path) =>
    failureOf(() => readFile(path).catch((cause: unknown) => Promise.reject(noAuthority(path, cause)))),
  );
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
