// Asserting that a call ends with a TpmError of one kind.

import assert from 'node:assert/strict';
import { TpmError, type TpmErrorKind } from 'node-tpm2-tss';

export async function rejectsAs(kind: TpmErrorKind, promise: Promise<unknown>): Promise<TpmError> {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof TpmError, `rejects with a TpmError, not ${String(thrown)}`);
  assert.equal(thrown.kind, kind, `${thrown.kind}: ${thrown.message}`);
  return thrown;
}
