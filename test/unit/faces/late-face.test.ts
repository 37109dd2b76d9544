import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lateFace } from '../../../src/faces/late-face.ts';
import { listenUnlessServed } from '../../../src/faces/listen.ts';
import { ask } from '../../hosts/psi-process.ts';

test('what answers is loaded with the first request, and a load that failed is told and tried again', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'psi-late-'));
  t.after(() => rm(dir, { recursive: true }));
  const socket = join(dir, 'control.sock');
  let loads = 0;
  const told: string[] = [];
  const face = await listenUnlessServed(
    lateFace(
      () => {
        loads += 1;
        if (loads === 1) return Promise.reject(new Error('too many open files'));
        return Promise.resolve((request, response) => {
          request.pipe(response);
        });
      },
      (error, route) => told.push(`${route} ${error.code}`),
    ),
    socket,
  );
  assert.equal(loads, 0);
  assert.equal((await ask(socket, 'POST', '/setup', 'words')).status, 500);
  assert.deepEqual(told, ['POST INTERNAL']);
  // The body that came meanwhile is there for whoever answers.
  const [one, two] = await Promise.all([ask(socket, 'POST', '/setup', 'one'), ask(socket, 'POST', '/setup', 'two')]);
  assert.deepEqual([one.body.toString(), two.body.toString(), loads], ['one', 'two', 2]);
  await face.stop();
});
