import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { FileCalls, readBounded } from '../../../../src/adapters/files/file-calls.ts';
import { fileError } from '../../../../src/adapters/files/host-error.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'psi-calls-'));
});
afterEach(() => rm(dir, { recursive: true }));

const never = (): Promise<never> => new Promise(() => undefined);
const HANGS = { code: 'HANGS' };
const SOON_MS = 20;

test('a call that hangs ends in time, and after two in one folder the next one is not made', async () => {
  const calls = new FileCalls(8);
  await assert.rejects(calls.run('/gone/a', never, SOON_MS), HANGS);
  await assert.rejects(calls.run('/gone/b', never, SOON_MS), HANGS);
  assert.equal(calls.hung, 2);
  let made = false;
  const third = calls.run('/gone/c', () => {
    made = true;
    return Promise.resolve();
  });
  await assert.rejects(third, HANGS);
  assert.equal(made, false);
  assert.equal(await calls.run('/there/a', () => Promise.resolve('content')), 'content');
});

test('one that ends after all makes the folder usable again', async () => {
  const calls = new FileCalls(8);
  const slow = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  for (const { promise } of slow)
    await assert.rejects(
      calls.run('/slow/a', () => promise, SOON_MS),
      HANGS,
    );
  for (const { resolve } of slow) resolve('late');
  while (calls.hung > 0) await new Promise(setImmediate);
  assert.equal(await calls.run('/slow/a', () => Promise.resolve('content')), 'content');
});

test('no more threads than allowed are in a file, and who waits for one waits no longer than its time', async () => {
  const calls = new FileCalls(2);
  const first = Promise.withResolvers<undefined>();
  const running = [calls.run('/a/1', () => first.promise), calls.run('/b/1', () => first.promise)];
  let began = false;
  const third = calls.run('/c/1', () => {
    began = true;
    return Promise.resolve();
  });
  await assert.rejects(
    calls.run('/d/1', () => Promise.resolve(), SOON_MS),
    HANGS,
  );
  assert.equal(began, false);
  first.resolve(undefined);
  await Promise.all([...running, third]);
  assert.equal(calls.hung, 0);
});

test('the work is told that its time is up, so that it does not go on when it wakes up', async () => {
  const calls = new FileCalls(2);
  let late: AbortSignal | undefined;
  const hanging = calls.run(
    '/gone/a',
    (signal) => {
      late = signal;
      return never();
    },
    SOON_MS,
  );
  await assert.rejects(hanging, HANGS);
  assert.equal(late?.aborted, true);
});

test('a file is read whole, also through a link and where it has no size', async () => {
  const path = join(dir, 'file');
  const content = Buffer.alloc(200_000, 'x');
  await writeFile(path, content);
  await symlink(path, join(dir, 'link'));
  assert.deepEqual(await readBounded(path), content);
  assert.deepEqual(await readBounded(join(dir, 'link')), content);
  await writeFile(path, '');
  assert.equal((await readBounded(path)).length, 0);
  const proc = '/proc/self/environ';
  assert.deepEqual(await readBounded(proc), await readFile(proc));
});

test('what is no file, or too large, is refused by name', async () => {
  const fifo = join(dir, 'fifo');
  execFileSync('mkfifo', [fifo]);
  await assert.rejects(readBounded(fifo), { code: 'NOT_A_FILE' });
  await assert.rejects(readBounded('/dev/zero'), { code: 'NOT_A_FILE' });
  await assert.rejects(readBounded(dir), { code: 'EISDIR' });
  await assert.rejects(readBounded(join(dir, 'none')), { code: 'ENOENT' });
  const large = join(dir, 'large');
  await writeFile(large, 'x'.repeat(101));
  await assert.rejects(readBounded(large, 100), { code: 'TOO_LARGE' });
  const error = await readBounded(fifo).catch((thrown: unknown) => fileError('read the cache', fifo, thrown));
  assert.ok(error instanceof Error);
  assert.equal(error.message, `cannot read the cache ${fifo}: it is no plain file`);
});
