// One run at a time, between processes, and no lock that outlives its holder.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FlockFile } from '../../src/adapters/files/run-lock.ts';

const ADAPTER = join(import.meta.dirname, '../../src/adapters/files/run-lock.ts');
const HOLDER = `
  const { FlockFile } = await import(process.argv[1]);
  const lock = new FlockFile({ path: process.argv[2], what: 'test', look: 'ps' });
  await lock.hold(() => new Promise(() => { console.log('held'); setInterval(() => {}, 1000); }));
`;

describe('the lock of a run', () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'psi-lock-'));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const lockAt = (name: string): FlockFile =>
    new FlockFile({
      path: join(dir, name, 'lock'),
      what: 'psi infisical tls',
      look: 'systemctl status psi-tls-renew.service',
    });

  test('lets one work and refuses the other, and is free afterwards', async () => {
    const lock = lockAt('a');
    const answer = await lock.hold(async () => {
      await assert.rejects(
        lock.hold(() => Promise.resolve()),
        { code: 'CONFLICT', retry: 'later', message: /another psi infisical tls is at work/ },
      );
      return 'done';
    });
    assert.equal(answer, 'done');
    assert.equal(await lock.hold(() => Promise.resolve('again')), 'again');
    assert.equal((await stat(join(dir, 'a/lock'))).mode & 0o777, 0o600);
  });

  test('is free after work that failed', async () => {
    const lock = lockAt('b');
    await assert.rejects(
      lock.hold(() => Promise.reject(new Error('broken'))),
      { message: 'broken' },
    );
    await lock.hold(() => Promise.resolve());
  });

  test('ends with a holder that is killed', async () => {
    const path = join(dir, 'c/lock');
    const holder = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, ADAPTER, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    await assert.rejects(
      lockAt('c').hold(() => Promise.resolve()),
      { code: 'CONFLICT' },
    );
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    // The kernel closes the pipe of flock's child at once; that one needs a moment to end.
    const gone = async (): Promise<boolean> =>
      lockAt('c')
        .hold(() => Promise.resolve(true))
        .catch(() => false);
    while (!(await gone()));
  });
});
