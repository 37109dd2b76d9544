// Port: what a quadlet keeps from working of the secrets that its unit is given.

import type { SecretUse } from '../core/workload.ts';

export type QuadletDoubts = {
  /** For people, one line each. None where the quadlet cannot be read: it may lie where PSI does not see it. */
  readonly of: (unit: string, uses: readonly SecretUse[]) => Promise<readonly string[]>;
};
