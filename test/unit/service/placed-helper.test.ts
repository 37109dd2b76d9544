import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PsiError } from '../../../src/core/error.ts';
import { helperSeenByService } from '../../../src/host/helper/mount.ts';
import { HelperUse } from '../../../src/lookup/helper-use.ts';
import { PlacedHelper } from '../../../src/service/placed-helper.ts';
import { FakeHelperFiles, helperBytes } from '../../fakes/helper-files.fake.ts';

const PATH = '/usr/local/libexec/psi/psi-lookup';

function stage(scope: 'system' | 'user' = 'system') {
  const [files, use, logged] = [new FakeHelperFiles(), new HelperUse(), [] as string[]];
  const at = helperSeenByService(true, '/usr/local/libexec/psi');
  const log = { info: (text: string) => logged.push(text) };
  const placed = new PlacedHelper({ files, use, scope, path: () => PATH, at: () => at, log });
  const said = async () => (await placed.look()).map(({ severity, message, hint }) => ({ severity, message, hint }));
  return { files, use, placed, said, logged };
}

test('at the start one that differs is replaced, and said; later ones are named alone', async () => {
  const { files, said, logged, placed } = stage();
  files.has(helperBytes('1.0.0'));
  assert.deepEqual(await said(), []);
  assert.deepEqual(files.written, ['/host/psi-helper/psi-lookup']);
  assert.deepEqual(logged, [
    `the lookup helper ${PATH} is of 1.0.0, and this psi brings 1.2.3: replaced by the one of this psi`,
  ]);
  assert.deepEqual(await placed.status(), { path: PATH, version: '1.2.3', lastLookupBy: null });
  files.has(new Uint8Array());
  const [found] = await said();
  assert.deepEqual(found, {
    severity: 'warning',
    message: `the lookup helper ${PATH} is empty: lookups go by curl, which takes longer`,
    hint: 'run `systemctl restart psi.service`, which replaces it; or run `psi install`',
  });
  assert.deepEqual([files.written.length, (await placed.status())?.version], [1, null]);
});

test('one that cannot be replaced is named with the reason, and nothing fails', async () => {
  const { files, said } = stage();
  files.failure = new PsiError('HOST', 'cannot write /host/psi-helper/psi-lookup: EROFS', {
    hint: 'mount it writable',
  });
  files.has(helperBytes('1.0.0'));
  const [found] = await said();
  assert.match(
    found?.message ?? '',
    /brings 1\.2\.3, and is not replaced: cannot write \/usr\/local\/libexec\/psi\/psi-lookup: EROFS: lookups/,
  );
  assert.equal(found?.hint, 'mount it writable; or run `psi install`');
});

test('a user is told of the own units', async () => {
  const { files, said } = stage('user');
  files.has(helperBytes());
  await said();
  files.has(helperBytes('1.0.0'));
  assert.match((await said())[0]?.hint ?? '', /systemctl --user restart psi\.service/);
});

test('none is no problem where install was told so, and one where its folder is still there', async () => {
  const { files, said, placed } = stage();
  for (const folder of ['missing', 'used'] as const) {
    files.found = { kind: 'nothing', folder };
    assert.deepEqual(await said(), []);
  }
  assert.deepEqual(await placed.status(), { path: PATH, version: null, lastLookupBy: null });
  files.found = { kind: 'nothing', folder: 'empty' };
  const [gone] = await said();
  assert.match(gone?.message ?? '', /^the lookup helper \S+ is gone: /);
  assert.match(gone?.hint ?? '', /`psi install`.+`psi install --no-helper`/);
  assert.deepEqual(files.written, []);
});

test('what is not psi’s own is never written over', async () => {
  const { files, said } = stage();
  files.found = { kind: 'no file' };
  assert.match((await said())[0]?.hint ?? '', new RegExp(`mv ${PATH} ${PATH}.away`));
  assert.deepEqual(files.written, []);
});

test('one that is good and was passed by is named until it is used: a container sees neither noexec nor SELinux', async () => {
  const { files, use, said } = stage();
  files.has(helperBytes());
  use.saw('3');
  assert.deepEqual(await said(), [], 'that lookup was before the first look');
  use.saw('2');
  use.saw(undefined);
  assert.deepEqual(await said(), []);
  use.saw('3');
  assert.match((await said())[0]?.hint ?? '', new RegExp(`^run \`${PATH} --version\` on the host`));
  use.saw('psi-lookup');
  assert.deepEqual(await said(), []);
});

test('a psi that was built without one looks after none', async () => {
  const { files, said, placed } = stage();
  files.brought = undefined;
  files.has(helperBytes('1.0.0'));
  assert.deepEqual([await said(), await placed.status(), files.written], [[], null, []]);
});

test('the service of an image finds it at a place of its own, another at the path of the host', () => {
  assert.equal(helperSeenByService(false, '/opt/psi'), '/opt/psi/psi-lookup');
  assert.equal(helperSeenByService(true, '/usr/local/bin'), '/host/psi-helper/psi-lookup');
});
