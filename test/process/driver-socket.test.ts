// The driver's socket is removed, hidden or closed under a running PSI: from outside, by files, sockets and commands alone.

import assert from 'node:assert/strict';
import { chmod, rename, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { request } from 'node:http';
import { join } from 'node:path';
import { stage, said } from './observed/stage.ts';

test('a driver socket that is removed stands in the status with its command, until it is there again', async (t) => {
  const { psi } = await stage(t, { folders: { '/app': { A: 'value' } } });
  assert.doesNotMatch(said(await psi.cli('status')), /problem/);
  await rename(psi.socket, `${psi.socket}.away`);
  const status = await psi.cli('status');
  assert.equal(status.code, 1, said(status));
  assert.ok(status.stdout.includes(`lookups do not reach psi: ${psi.socket} was removed`), said(status));
  assert.match(status.stdout, /`systemctl (?:--user )?restart psi\.s/);
  // Of those who still have a way to it, health checks and metrics hear the same.
  const health = await get(`${psi.socket}.away`, '/healthz');
  assert.match(health, /"problems":"lookups do not reach psi: /);
  assert.match(await get(join(psi.stateDir, '../control.sock'), '/metrics'), /^psi_problems 1$/m);
  await rename(`${psi.socket}.away`, psi.socket);
  assert.doesNotMatch(said(await psi.cli('status')), /problem/);
});

test('a driver socket of somebody else at its path is named', async (t) => {
  const { psi } = await stage(t, { folders: { '/app': { A: 'value' } } });
  await rm(psi.socket);
  const other = createServer((socket) => socket.end('no'));
  await new Promise<void>((done) => other.listen(psi.socket, done));
  t.after(() => other.close());
  const status = await psi.cli('status');
  assert.ok(status.stdout.includes(`what is at ${psi.socket} is not psi's socket`), said(status));
});

test('a driver socket without its mode is given it back', async (t) => {
  const { psi } = await stage(t, { folders: { '/app': { A: 'value' } } });
  await psi.cli('status');
  await chmod(psi.socket, 0);
  assert.equal((await psi.cli('status')).code, 0);
  assert.equal((await stat(psi.socket)).mode & 0o777, 0o600);
});

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((done, failed) => {
    const asked = request({ socketPath, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        done(text);
      });
    });
    asked.on('error', failed).end();
  });
}
