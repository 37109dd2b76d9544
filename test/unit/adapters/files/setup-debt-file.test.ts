import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { SetupDebtFile } from '../../../../src/adapters/files/setup-debt-file.ts';

async function stateDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-debt-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

test('keeps what is owed for the next process, until it is cleared', async (t) => {
  const dir = await stateDir(t);
  const store = new SetupDebtFile({ stateDir: dir });
  assert.equal(await store.read(), undefined);
  for (const debt of [{ workloads: ['a', 'worker@'] }, { workloads: undefined }]) {
    await store.write(debt);
    assert.deepEqual(await new SetupDebtFile({ stateDir: dir }).read(), debt);
  }
  assert.equal((await stat(join(dir, 'setup.owed'))).mode & 0o777, 0o600);
  await store.clear();
  await store.clear();
  assert.deepEqual([await store.read(), await readdir(dir)], [undefined, []]);
});

test('takes what it cannot read for all workloads', async (t) => {
  const dir = await stateDir(t);
  const store = new SetupDebtFile({ stateDir: dir });
  const path = join(dir, 'setup.owed');
  for (const text of ['', '{', '[]', 'null', '{"workloads":[1]}', '{"workloads":"a"}', ' '.repeat(300_000)]) {
    await writeFile(path, text);
    assert.deepEqual(await store.read(), { workloads: undefined }, text.slice(0, 20));
  }
  await rm(path);
  await mkdir(path);
  assert.deepEqual(await store.read(), { workloads: undefined });
  await assert.rejects(store.write({ workloads: [] }), { code: 'HOST' });
});

test('makes a state folder that is gone, and owes nothing without one', async (t) => {
  const dir = join(await stateDir(t), 'state');
  const store = new SetupDebtFile({ stateDir: dir });
  await store.clear();
  await store.write({ workloads: ['a'] });
  assert.deepEqual(await store.read(), { workloads: ['a'] });
});
