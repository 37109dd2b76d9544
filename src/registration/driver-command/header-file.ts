// Port: the file with the socket token that the driver's curl reads (`-H @FILE`), so that a rotated token is one file write.

import type { SecretValue } from '../../core/secret-value.ts';

export type HeaderFile = {
  /** Does the file hold exactly this token? One that is missing, or cannot be read, does not. */
  readonly holds: (token: SecretValue) => Promise<boolean>;
  /** The token that it holds; undefined: none, or it cannot be read. */
  readonly read: () => Promise<SecretValue | undefined>;
  /** Fails with HOST, and with CONFIG_INVALID for a token that no header can hold. */
  readonly write: (token: SecretValue) => Promise<void>;
};

/** Where it lies: each command that asks for a token names it. */
export function headerFilePath(stateDir: string): string {
  return `${stateDir}/driver.hdr`;
}
