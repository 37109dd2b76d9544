import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import { deletesApp } from '../../../src/faces/deletes.ts';
import { listenUnlessServed } from '../../../src/faces/listen.ts';
import { ask } from '../../hosts/psi-process.ts';

test('answers the deletes that are expected, and no other request', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'psi-deletes-'));
  t.after(() => rm(dir, { recursive: true }));
  const socket = join(dir, 'psi.sock');
  const forgotten: string[] = [];
  const forget = (id: string): Promise<void> => {
    if (id === 'broken') return Promise.reject(new PsiError('HOST', 'read-only file system'));
    forgotten.push(id);
    return Promise.resolve();
  };
  const face = await listenUnlessServed(deletesApp(new Set(['one', 'broken']), forget), socket);
  // Somebody serves it: that one goes on, and ending the second does not end it.
  const second = await listenUnlessServed(deletesApp(new Set(), forget), socket);
  await second.stop();
  const status = async (method: string, path: string): Promise<number> => (await ask(socket, method, path)).status;
  assert.equal(await status('DELETE', '/delete/one'), 200);
  assert.deepEqual(forgotten, ['one']);
  assert.equal(await status('DELETE', '/delete/broken'), 502);
  for (const path of ['/delete/two', '/delete/', '/delete/..%2Fone']) {
    assert.ok((await status('DELETE', path)) >= 400, path);
  }
  for (const path of ['/lookup/one', '/healthz', '/list']) assert.equal(await status('GET', path), 503, path);
  assert.equal(await status('POST', '/store/one'), 503);
  assert.deepEqual(forgotten, ['one']);
  await face.stop();
});
