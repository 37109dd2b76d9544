import assert from 'node:assert/strict';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { QuadletFolder } from '../../../../src/adapters/systemd/quadlet-file.ts';
import { PsiError } from '../../../../src/core/error.ts';
import { DROP_IN_MARK } from '../../../../src/registration/drop-in.ts';
import { quadletFilesContract } from '../../../contract/quadlet-files.contract.ts';

let dir: string;
let folder: QuadletFolder;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'psi-quadlet-'));
  folder = new QuadletFolder({ systemdDir: dir, roots: [{ folder: dir }] });
});
afterEach(() => rm(dir, { recursive: true }));

async function put(name: string, text: string | Uint8Array): Promise<string> {
  const path = join(dir, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

const dropInsOf = async (path: string): Promise<readonly (readonly [string, boolean])[]> =>
  (await folder.read(path)).dropIns.map(({ path: file, shared }) => [file.slice(dir.length + 1), shared]);

const code =
  (wanted: string, message?: RegExp) =>
  (error: unknown): boolean =>
    error instanceof PsiError && error.code === wanted && (message?.test(error.message) ?? true);

quadletFilesContract('the folder', () => Promise.resolve({ files: folder, put }));

test('reads a unit and its drop-ins in the order of their file names', async () => {
  const unit = await put('app.container', '[Container]\n');
  await put('app.container.d/20-b.conf', 'b');
  await put('app.container.d/10-a.conf', 'a');
  await put('app.container.d/notes.txt', 'x');
  await put('container.d/15-all.conf', 'all');
  const { unit: read, dropIns } = await folder.read(unit);
  assert.deepEqual(read, { path: unit, text: '[Container]\n' });
  assert.deepEqual(
    dropIns.map(({ text, shared }) => [text, shared]),
    [
      ['a', false],
      ['all', true],
      ['b', false],
    ],
  );
});

test('the same file name counts in the most specific folder only', async () => {
  const unit = await put('web-eu-app.container', '');
  await put('container.d/x.conf', '');
  await put('web-.container.d/x.conf', '');
  await put('web-eu-.container.d/x.conf', '');
  assert.deepEqual(await dropInsOf(unit), [['web-eu-.container.d/x.conf', true]]);
  await put('web-eu-app.container.d/x.conf', '');
  assert.deepEqual(await dropInsOf(unit), [['web-eu-app.container.d/x.conf', false]]);
});

test('an instance also reads the drop-ins of its template', async () => {
  const unit = await put('worker@1.container', '');
  await put('worker@.container.d/a.conf', '');
  await put('worker@1.container.d/b.conf', '');
  assert.deepEqual(await dropInsOf(unit), [
    ['worker@.container.d/a.conf', true],
    ['worker@1.container.d/b.conf', false],
  ]);
});

test('a unit in a folder below also reads drop-ins of the quadlet folder', async () => {
  const unit = await put('sub/app.container', '');
  await put('app.container.d/a.conf', '');
  assert.deepEqual(await dropInsOf(unit), [['app.container.d/a.conf', false]]);
});

test('the drop-in that psi writes is not the operator’s', async () => {
  const unit = await put('app.container', '');
  await put('app.container.d/50-secrets.conf', `${DROP_IN_MARK}\n`);
  assert.deepEqual(await dropInsOf(unit), []);
});

test('says what is not there and what is no text', async () => {
  await assert.rejects(folder.read(join(dir, 'none.container')), code('NOT_FOUND', /none\.container/));
  await assert.rejects(folder.readEnvFile(join(dir, 'none.env')), code('NOT_FOUND'));
  const latin = await put('latin.container', Uint8Array.of(0x23, 0xe9, 0x0a));
  await assert.rejects(folder.read(latin), code('BAD_REQUEST', /not valid UTF-8/));
});

test('an edit keeps the mode, and the old text in a backup for the owner alone', async () => {
  const path = await put('app.container', 'old\n');
  await chmod(path, 0o640);
  const backup = await folder.replace({ path, before: 'old\n', after: 'new\n' });
  assert.equal(backup, `${path}.bak`);
  assert.deepEqual([await readFile(path, 'utf8'), await readFile(backup, 'utf8')], ['new\n', 'old\n']);
  assert.deepEqual([(await stat(path)).mode & 0o777, (await stat(backup)).mode & 0o777], [0o640, 0o600]);
});

test('an edit keeps the owner', async () => {
  const path = await put('app.container', 'old');
  const own = await stat(path);
  // Only root can give files away.
  const [uid, gid] = own.uid === 0 ? [1234, 2345] : [own.uid, own.gid];
  await chown(path, uid, gid);
  const backup = await folder.replace({ path, before: 'old', after: 'new' });
  for (const file of [path, backup]) {
    const found = await stat(file);
    assert.deepEqual([found.uid, found.gid], [uid, gid]);
  }
});

test('an older backup is never overwritten', async () => {
  const path = await put('app.container', 'first');
  await folder.replace({ path, before: 'first', after: 'second' });
  assert.equal(await folder.replace({ path, before: 'second', after: 'third' }), `${path}.bak.2`);
  assert.equal(await readFile(`${path}.bak`, 'utf8'), 'first');
  assert.deepEqual((await readdir(dir)).sort(), ['app.container', 'app.container.bak', 'app.container.bak.2']);
});

test('what was changed meanwhile, or is a link, stays as it is', async () => {
  const path = await put('app.container', 'changed');
  await assert.rejects(folder.replace({ path, before: 'old', after: 'new' }), code('CONFLICT'));
  const link = join(dir, 'link.container');
  await symlink('app.container', link);
  await assert.rejects(folder.replace({ path: link, before: 'changed', after: 'new' }), code('CONFLICT'));
  assert.equal(await readFile(path, 'utf8'), 'changed');
  assert.deepEqual((await readdir(dir)).sort(), ['app.container', 'link.container']);
});

test('a name alone is the quadlet that podman reads, a path is one of the working directory', async () => {
  assert.equal(await folder.pathOf('app.container'), join(dir, 'app.container'));
  const below = await put('apps/app.container', '[Container]\n');
  assert.equal(await folder.pathOf('app.container'), below);
  assert.equal(await folder.pathOf('./app.container'), join(process.cwd(), 'app.container'));
});

test('reads drop-ins from all folders in which podman looks for them, the first of a name', async () => {
  const roots = ['run', 'etc', 'usr'].map((name) => ({ folder: join(dir, name) }));
  folder = new QuadletFolder({ systemdDir: join(dir, 'etc'), roots });
  const unit = await put('etc/apps/app.container', '[Container]\n');
  await put('run/app.container.d/10-a.conf', 'run');
  await put('etc/app.container.d/10-a.conf', 'hidden');
  await put('usr/sub/app.container.d/20-b.conf', 'usr');
  await put('etc/apps/container.d/30-c.conf', 'all');
  assert.deepEqual(await dropInsOf(unit), [
    ['run/app.container.d/10-a.conf', false],
    ['usr/sub/app.container.d/20-b.conf', false],
    ['etc/apps/container.d/30-c.conf', true],
  ]);
});
