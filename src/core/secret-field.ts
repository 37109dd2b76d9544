// Secret-valued fields of a config, as the rest of PSI sees them: what they hold is read when it is used.

import type { SecretValue } from './secret-value.ts';

/** Given in the file itself, or a reference. */
export type SecretField =
  | { readonly kind: 'text'; readonly value: SecretValue }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'credential'; readonly name: string };

/** Where a JWT comes from: a secret field, or the standard output of a command. */
export type TokenSource = SecretField | { readonly kind: 'command'; readonly argv: readonly string[] };
