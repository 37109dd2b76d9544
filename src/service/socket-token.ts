// The token of the driver's socket as the service has it. One that cannot be read ends no start, and opens no socket either: what lookups
// send stands in the header file, so that is what is asked for meanwhile.

import { toPsiError, type PsiError } from '../core/error.ts';
import type { SecretField } from '../core/secret-field.ts';
import type { SecretValue } from '../core/secret-value.ts';
import type { HeaderFile } from '../registration/driver-command/header-file.ts';
import type { Start } from './starting-config.ts';

export type SocketToken = {
  /** Undefined: none is asked for, or, with a problem, none is to be had. */
  readonly value: SecretValue | undefined;
  /** Why it is not the one of the config; undefined: it is. */
  readonly problem: PsiError | undefined;
};

export type SocketTokenDeps = {
  readonly secrets: { readonly read: (field: SecretField | undefined) => Promise<SecretValue | undefined> };
  readonly headerFile: HeaderFile;
};

/** Puts a header file right that holds another token, or none. Where the disk does not let it, PSI serves all the same: whoever asks is told. */
export async function socketToken(field: SecretField | undefined, deps: SocketTokenDeps): Promise<SocketToken> {
  const { secrets, headerFile } = deps;
  try {
    const value = await secrets.read(field);
    if (value) await keepHeader(headerFile, value);
    return { value, problem: undefined };
  } catch (thrown) {
    return { value: await headerFile.read(), problem: toPsiError(thrown) };
  }
}

/** Without a config nobody can tell whether one is asked for: what lookups send is what is known of it. */
export async function tokenAtStart({ origin, config }: Start, deps: SocketTokenDeps): Promise<SocketToken> {
  if (origin !== 'nothing' || config.socketToken !== undefined) return socketToken(config.socketToken, deps);
  return { value: await deps.headerFile.read(), problem: undefined };
}

async function keepHeader(file: HeaderFile, token: SecretValue): Promise<void> {
  try {
    if (!(await file.holds(token))) await file.write(token);
  } catch (thrown) {
    if (toPsiError(thrown).code !== 'HOST') throw thrown;
  }
}
