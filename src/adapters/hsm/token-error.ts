// What goes wrong with a token and no result of its module says. Helper process only.

export class TokenError extends Error {
  readonly why: string;
  readonly seen: readonly string[];

  constructor(why: string, seen: readonly string[] = []) {
    super(why);
    this.why = why;
    this.seen = seen;
  }
}

/** The name of a PKCS#11 result (CKR_...), or what else the error says. */
export function resultOf(error: unknown): string {
  if (error instanceof TokenError) return error.why;
  return error instanceof Error ? error.message : 'unknown';
}
