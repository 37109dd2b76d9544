// Running programs for the test hosts: what every other test takes for granted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingCommand, must, run } from '../../hosts/run.ts';

test('gives input, takes both outputs and the exit code', async () => {
  const result = await run(['sh', '-c', 'cat; echo "$WHO" >&2; exit 7'], {
    input: 'grüezi',
    env: { ...process.env, WHO: 'me' },
  });
  assert.deepEqual([result.code, result.stdout, result.stderr], [7, 'grüezi', 'me\n']);
});

test('keeps bytes that are no text', async () => {
  const input = Uint8Array.from([0, 255, 10, 13, 200]);
  assert.deepEqual(new Uint8Array((await run(['cat'], { input })).bytes), input);
});

test('ends a program that takes too long, its children included', async () => {
  const result = await run(['sh', '-c', 'echo started; sleep 600 & wait'], { timeoutMs: 300 });
  assert.deepEqual([result.code, result.stdout], [137, 'started\n']);
});

test('throws the words of a step that failed', async () => {
  await assert.rejects(must(['sh', '-c', 'echo no such thing >&2; exit 3']), /exit 3: no such thing/);
});

test('names the first command that is missing', async () => {
  assert.equal(await missingCommand(['sh', 'psi-no-such-command', 'psi-nor-this']), 'psi-no-such-command');
  assert.equal(await missingCommand(['sh', 'cat']), undefined);
});
