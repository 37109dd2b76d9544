// Which PSI it is: version and revision, by the command, by status and by the first line of the service.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run } from '../hosts/run.ts';
import { said, stage } from './observed/stage.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const versionOf = (env: Readonly<Record<string, string>>) =>
  run([...PSI_UNDER_TEST, '--version'], { env: { PATH: process.env['PATH'], ...env } });

test('the version names the revision that the image was built from', async () => {
  assert.match((await versionOf({ PSI_REVISION: COMMIT })).stdout, /^\d+\.\d+\.\d+ \(0123456789ab\)\n$/);
  assert.match((await versionOf({ PSI_REVISION: 'v1.2-3-gabc' })).stdout, /^\d+\.\d+\.\d+ \(v1\.2-3-gabc\)\n$/);
});

test('a tree without git says nothing of it', async () => {
  for (const env of [{}, { PSI_REVISION: '' }, { PSI_REVISION: 'no\nrevision' }]) {
    assert.match((await versionOf(env)).stdout, /^\d+\.\d+\.\d+\n$/);
  }
});

test('the service says it in its first line and in status', async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a' } }, env: { PSI_REVISION: COMMIT, PSI_UNITS: '7' } });
  await it.registered();
  const start =
    it.psi
      .log()
      .split('\n')
      .find((line) => line.includes('psi serves')) ?? assert.fail();
  const { version, units } = JSON.parse(start) as { readonly version: string; readonly units: number };
  assert.match(version, /^\d+\.\d+\.\d+ \(0123456789ab\)$/);
  assert.equal(units, 7);
  assert.match(said(await it.psi.cli('status')), /^psi \d+\.\d+\.\d+ \(0123456789ab\), up /m);
});
