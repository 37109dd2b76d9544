// A file that is set aside, and the beginning of one.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { headOf, moveFile } from '../../../../src/adapters/files/host-move.ts';

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'host-move-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

test('moved once is moved: a second time changes nothing', async (t) => {
  const folder = await folderFor(t);
  const [path, to] = [join(folder, 'a.conf'), join(folder, 'a.conf.python')];
  await writeFile(path, 'text');
  await moveFile(path, to);
  await moveFile(path, to);
  assert.deepEqual(await readdir(folder), ['a.conf.python']);
  assert.equal(await readFile(to, 'utf8'), 'text');
});

test('what is in the way is said', async (t) => {
  const folder = await folderFor(t);
  await writeFile(join(folder, 'a'), '');
  await mkdir(join(folder, 'b'));
  await assert.rejects(moveFile(join(folder, 'a'), join(folder, 'b')), { code: 'HOST' });
});

test('the first bytes of a plain file, and how many it has', async (t) => {
  const folder = await folderFor(t);
  const path = join(folder, 'cache.enc');
  assert.equal(await headOf(path, 6), undefined);
  await writeFile(path, 'PSIC\u0001\u0002 and more');
  const head = await headOf(path, 6);
  assert.deepEqual([Buffer.from(head?.start ?? []).toString('latin1'), head?.size], ['PSIC\u0001\u0002', 15]);
  await symlink(path, join(folder, 'link'));
  assert.equal(await headOf(join(folder, 'link'), 6), undefined);
  assert.equal(await headOf(folder, 6), undefined);
});
