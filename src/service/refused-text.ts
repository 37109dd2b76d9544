// What a config is refused for, for whoever is about to write it.

import { ConfigError } from '../config/findings/issue.ts';
import type { Remark } from '../migrate/remarks.ts';

export async function refusedBy(read: () => Promise<unknown>): Promise<readonly Remark[]> {
  try {
    await read();
    return [];
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    const errors = thrown.issues.filter(({ severity }) => severity === 'error');
    return errors.map(({ path, expected, got, hint }) => {
      return { subject: path, reason: `this psi refuses it: expected ${expected}, got ${got}`, hint };
    });
  }
}
