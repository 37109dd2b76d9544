import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { StateLeftovers } from '../../../../src/adapters/files/state-leftovers.ts';
import { DropInFiles } from '../../../../src/adapters/systemd/drop-in-file.ts';

const BEGAN = Date.UTC(2026, 0, 2);
const OLD = new Date(BEGAN - 1000);
const YOUNG = new Date(BEGAN + 1000);

async function folder(t: { after: (undo: () => Promise<void>) => void }): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-leftovers-'));
  t.after(() => rm(dir, { recursive: true }));
  return dir;
}

async function file(path: string, at = OLD): Promise<void> {
  await writeFile(path, '');
  await utimes(path, at, at);
}

test('removes what killed writes of psi left in the state folder, and nothing else', async (t) => {
  const stateDir = await folder(t);
  await mkdir(join(stateDir, 'tls'));
  await mkdir(join(stateDir, 'sealed', '.aside'), { recursive: true });
  const left = [
    '.d0a530acce22815a7778d156f.0123456789ab.tmp',
    '.driver.hdr.0123456789ab.tmp',
    '.names.json.0123456789ab.tmp',
    '.reload.owed.0123456789ab.tmp',
    '.replace.owed.0123456789ab.tmp',
    '.cache.enc.0123456789ab.tmp',
    '..token.0123456789ab.json.0123456789ab.tmp',
    '.hsm-key.0123456789ab.pem.0123456789ab.tmp',
    'tls/.web.json.0123456789ab.tmp',
    'sealed/.db-password.0123456789ab.tmp',
    'sealed/.aside/.db-password~1700000000000.0123456789ab.tmp',
  ];
  const kept = [
    'aa11',
    'driver.hdr',
    '.aa11.tmp',
    '.aa11.0123456789xx.tmp',
    'aa11.0123456789ab.tmp',
    '.notes.txt.0123456789ab.tmp',
  ];
  const inSealed = ['sealed/db', 'sealed/.aside/db~12', 'sealed/.aside/.db.0123456789ab.tmp'];
  for (const name of [...left, ...kept, ...inSealed]) await file(join(stateDir, name));
  await file(join(stateDir, '.bb22.0123456789ab.tmp'), YOUNG);
  await symlink('aa11', join(stateDir, '.cc33.0123456789ab.tmp'));
  await mkdir(join(stateDir, '.dd44.0123456789ab.tmp'));
  const removed = await new StateLeftovers({ stateDir }).sweep(BEGAN);
  assert.deepEqual([...removed].sort(), left.map((name) => join(stateDir, name)).sort());
  const young = ['.bb22.0123456789ab.tmp', '.cc33.0123456789ab.tmp', '.dd44.0123456789ab.tmp'];
  assert.deepEqual((await readdir(stateDir)).sort(), [...kept, ...young, 'sealed', 'tls'].sort());
  assert.deepEqual(await new StateLeftovers({ stateDir: join(stateDir, 'absent') }).sweep(BEGAN), []);
});

test('removes what killed writes of drop-ins left beside them', async (t) => {
  const systemdDir = await folder(t);
  for (const unit of ['app.container.d', 'app.service.d']) {
    await mkdir(join(systemdDir, unit));
    for (const name of ['.50-secrets.conf.0123456789ab.tmp', '.60-own.conf.0123456789ab.tmp']) {
      await file(join(systemdDir, unit, name));
    }
  }
  const removed = await new DropInFiles({ systemdDir }).sweep(BEGAN);
  assert.deepEqual(removed, [join(systemdDir, 'app.container.d', '.50-secrets.conf.0123456789ab.tmp')]);
});
