// Kill points: a child process writes and is killed by SIGKILL after each step, as a power cut or the OOM killer would do.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { writeFileAtomic } from '../../../../src/adapters/files/atomic-write.ts';
import type { WriteStep } from '../../../../src/adapters/files/atomic-write.ts';

const MODULE = new URL('../../../../src/adapters/files/atomic-write.ts', import.meta.url).href;

function killedAt(step: WriteStep, path: string, data: string): Promise<NodeJS.Signals | null> {
  const script = `
    const { writeFileAtomic } = await import(${JSON.stringify(MODULE)});
    const onStep = (step) => { if (step === ${JSON.stringify(step)}) process.kill(process.pid, 'SIGKILL'); };
    await writeFileAtomic(${JSON.stringify(path)}, ${JSON.stringify(data)}, { mode: 0o600, onStep });`;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'ignore' });
    child.on('error', reject);
    child.on('close', (_code, signal) => {
      resolve(signal);
    });
  });
}

describe('atomic write', () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'psi-atomic-'));
  });
  after(() => rm(dir, { recursive: true }));

  it('writes text and bytes with exactly the given mode and leaves no other file', async () => {
    const path = join(dir, 'plain');
    await writeFileAtomic(path, 'first', { mode: 0o600 });
    await writeFileAtomic(path, Buffer.from([0, 255]), { mode: 0o666 });
    assert.deepEqual(await readFile(path), Buffer.from([0, 255]));
    assert.equal((await stat(path)).mode & 0o7777, 0o666);
    assert.deepEqual(await readdir(dir), ['plain']);
  });

  it('leaves the old content and no temporary file when a step fails', async () => {
    const path = join(dir, 'plain');
    await writeFileAtomic(path, 'old', { mode: 0o600 });
    for (const step of ['created', 'written', 'synced'] as const) {
      const onStep = (done: WriteStep) => {
        if (done === step) throw new Error('disk on fire');
      };
      await assert.rejects(writeFileAtomic(path, 'new', { mode: 0o600, onStep }), /disk on fire/);
      assert.equal(await readFile(path, 'utf8'), 'old');
    }
    assert.deepEqual(await readdir(dir), ['plain']);
  });

  for (const [step, expected] of [
    ['created', 'old'],
    ['written', 'old'],
    ['synced', 'old'],
    ['renamed', 'new'],
  ] as const) {
    it(`holds the ${expected} content when it is killed after "${step}", and the next write succeeds`, async () => {
      const folder = await mkdtemp(join(dir, 'kill-'));
      const path = join(folder, '50-secrets.conf');
      await writeFile(path, 'old');
      assert.equal(await killedAt(step, path, 'new'), 'SIGKILL');
      assert.equal(await readFile(path, 'utf8'), expected);
      // What a kill leaves behind is neither an id nor a file that quadlet reads.
      for (const name of (await readdir(folder)).filter((name) => name !== '50-secrets.conf')) {
        assert.match(name, /^\..*\.tmp$/);
      }
      await writeFileAtomic(path, 'later', { mode: 0o600 });
      assert.equal(await readFile(path, 'utf8'), 'later');
    });
  }

  it('lets writers of one file run side by side: one whole content wins', async () => {
    const path = join(dir, 'busy');
    const contents = Array.from({ length: 20 }, (_, at) => String(at).repeat(5000));
    await Promise.all(contents.map((content) => writeFileAtomic(path, content, { mode: 0o600 })));
    assert.ok(contents.includes(await readFile(path, 'utf8')));
  });
});
