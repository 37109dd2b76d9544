// What a newer PSI wrote, as after a rollback: it is neither damaged nor this one's to replace, whatever this one does without it.

import { PsiError } from './error.ts';

/** `what`: with its path, such as "the mapping /var/lib/psi/ID". `otherwise`: what to do where the newer PSI is not to come back. */
export function newerFormat(
  what: string,
  formats: { readonly found: number; readonly known: number },
  otherwise: string,
): PsiError {
  const { found, known } = formats;
  return new PsiError(
    'HOST',
    `${what} is of format ${String(found)}, and this psi knows ${String(known)}: a newer psi wrote it`,
    {
      hint: `start that psi again, as docs/upgrade.md has it; or ${otherwise}`,
      details: { newer: true },
    },
  );
}

export function isOfNewer(error: PsiError | undefined): boolean {
  return error?.details['newer'] === true;
}

/** The number by which a file says its format, where that is newer than `known`; undefined: it is not, or says none. */
export function newerThan(known: number, format: unknown): number | undefined {
  return typeof format === 'number' && Number.isInteger(format) && format > known ? format : undefined;
}
