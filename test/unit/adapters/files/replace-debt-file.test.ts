import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ReplaceDebtFile } from '../../../../src/adapters/files/replace-debt-file.ts';
import { MOST_UNFINISHED, type UnfinishedReplace } from '../../../../src/registration/replace-debt.ts';

async function stateDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-debt-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

const ONE: UnfinishedReplace = {
  name: 'app--Ä "x"',
  id: 'd0a530acce22815a7778d156f',
  mapping: { provider: 'infisical', project: 'p', path: '/app', key: 'Ä "x"' },
  workload: 'app',
};

test('keeps what it takes to create secrets again for the next process, and no file without any', async (t) => {
  const dir = await stateDir(t);
  const debt = new ReplaceDebtFile({ stateDir: dir });
  assert.deepEqual(await debt.read(), []);
  for (const all of [[ONE], [ONE, { ...ONE, name: 'b', id: 'aa', workload: undefined }]]) {
    await debt.write(all);
    assert.deepEqual(await new ReplaceDebtFile({ stateDir: dir }).read(), all);
  }
  assert.equal((await stat(join(dir, 'replace.owed'))).mode & 0o777, 0o600);
  await debt.write([]);
  await debt.write([]);
  assert.deepEqual(await readdir(dir), []);
});

test('as many as there may be, with the longest of all, fit', async (t) => {
  const long = 'k'.repeat(15_000);
  const mapping = { ...ONE.mapping, key: `${long}"`.slice(1) };
  const all = Array.from({ length: MOST_UNFINISHED }, (_, index) => {
    return { ...ONE, name: `${'"'.repeat(250)}${String(index)}`, mapping };
  });
  const debt = new ReplaceDebtFile({ stateDir: await stateDir(t) });
  await debt.write(all);
  assert.deepEqual(await debt.read(), all);
});

test('what it cannot read, or is none of its own, is said with its path', async (t) => {
  const dir = await stateDir(t);
  const debt = new ReplaceDebtFile({ stateDir: dir });
  const path = join(dir, 'replace.owed');
  const [good] = [JSON.stringify({ ...ONE, mapping: JSON.stringify(ONE.mapping) })];
  const bad = ['', '{', '[]', 'null', '{"secrets":{}}', '{"secrets":[1]}', `{"secrets":[${good},{}]}`];
  for (const [name, value] of [
    ['id', '../x'],
    ['mapping', 'a value'],
    ['workload', 1],
  ] as const) {
    bad.push(JSON.stringify({ secrets: [{ ...(JSON.parse(good) as object), [name]: value }] }));
  }
  for (const text of bad) {
    await writeFile(path, text);
    await assert.rejects(debt.read(), { code: 'HOST', message: new RegExp(path) }, text);
  }
  await writeFile(path, `{"secrets":[${good}]}`);
  assert.deepEqual(await debt.read(), [ONE]);
  await rm(path);
  await mkdir(path);
  await assert.rejects(debt.read(), { code: 'HOST' });
});
