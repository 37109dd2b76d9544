// Who asks for a secret. What cannot be told is `unknown`, never guessed: a policy and the audit depend on it.

export type Caller = { readonly kind: 'unknown' };

export const UNKNOWN_CALLER: Caller = { kind: 'unknown' };
