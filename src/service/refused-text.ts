// What a config is refused for, for whoever is about to write it.

import { ConfigError } from '../config/findings/issue.ts';
import type { PsiError } from '../core/error.ts';
import type { Remark } from '../migrate/remarks.ts';

/** `read` answers what else keeps it from being written. */
export async function refusedBy(read: () => Promise<PsiError | undefined>): Promise<readonly Remark[]> {
  try {
    const other = await read();
    return other ? [{ subject: 'psi', reason: other.message, hint: other.hint }] : [];
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    const errors = thrown.issues.filter(({ severity }) => severity === 'error');
    return errors.map(({ path, expected, got, hint }) => {
      return { subject: path, reason: `this psi refuses it: expected ${expected}, got ${got}`, hint };
    });
  }
}
