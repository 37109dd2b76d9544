import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ReloadDebtFile } from '../../../../src/adapters/files/reload-debt-file.ts';

test('a debt outlives the process that made it, until it is settled, however often either is said', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'psi-debt-'));
  try {
    const stateDir = join(dir, 'state');
    const debt = new ReloadDebtFile({ stateDir });
    await debt.settle();
    assert.equal(await debt.owed(), false);
    await debt.owe();
    await debt.owe();
    assert.equal(await new ReloadDebtFile({ stateDir }).owed(), true);
    assert.equal((await stat(join(stateDir, 'reload.owed'))).mode & 0o777, 0o600);
    await debt.settle();
    await debt.settle();
    assert.equal(await debt.owed(), false);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
