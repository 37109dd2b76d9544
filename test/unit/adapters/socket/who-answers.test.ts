// Which PSI is at a socket, told by its answer.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { whoAnswersAt } from '../../../../src/adapters/socket/who-answers.ts';

for (const [text, who] of [
  ['ok', 'old'],
  ['{"status":"ok","instance":"a"}', 'psi'],
  ['{"status":"ok"}', 'nobody'],
  ['<html>', 'nobody'],
] as const) {
  test(`${text}: ${who}`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'who-answers-'));
    t.after(() => rm(folder, { recursive: true }));
    const path = join(folder, 's');
    const server = createServer((_, response) => response.end(text));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    t.after(() => server.close());
    assert.equal(await whoAnswersAt(path), who);
  });
}

test('no socket', async () => {
  assert.equal(await whoAnswersAt(join(tmpdir(), 'who-answers-none')), 'nobody');
});
