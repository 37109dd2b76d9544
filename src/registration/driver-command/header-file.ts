// Port: the file with the socket token that the driver's curl reads (`-H @FILE`), so that a rotated token is one file write.

import type { SecretValue } from '../../core/secret-value.ts';

export type HeaderFile = {
  /** Does the file hold exactly this token? A missing file does not. */
  readonly holds: (token: SecretValue) => Promise<boolean>;
  readonly write: (token: SecretValue) => Promise<void>;
};

/** Where it lies: each command that asks for a token names it. */
export function headerFilePath(stateDir: string): string {
  return `${stateDir}/driver.hdr`;
}
