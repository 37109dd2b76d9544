import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';

import { readValue, writeValue } from '../../../../src/adapters/sealed/value-stream.ts';

test('takes what comes in by stdin as it is, and no more than a secret may have', async () => {
  const value = await readValue('-', Readable.from([Buffer.from('a\n'), Buffer.from([0, 255])]));
  assert.deepEqual([...value.expose()], [97, 10, 0, 255]);
  await assert.rejects(readValue('-', Readable.from([Buffer.alloc(512_000)])), { code: 'BAD_REQUEST' });
});

test('says what to do where nothing comes in, or a person would type it', async () => {
  await assert.rejects(readValue('-', Readable.from([])), { code: 'BAD_REQUEST', hint: /-i/ });
  const typed = Object.assign(Readable.from([Buffer.from('x')]), { isTTY: true });
  await assert.rejects(readValue('-', typed), { code: 'BAD_REQUEST' });
  await assert.rejects(readValue('/nowhere/at/all', Readable.from([])), { code: 'HOST' });
});

test('writes bytes as they are, but nothing to a terminal that it would take for commands', () => {
  const pipe = new PassThrough();
  writeValue(Buffer.from([27, 0, 255]), pipe);
  assert.deepEqual([...(pipe.read() as Buffer)], [27, 0, 255]);
  const terminal = Object.assign(new PassThrough(), { isTTY: true });
  assert.throws(
    () => {
      writeValue(Buffer.from('\u001b]0;x'), terminal);
    },
    { code: 'BAD_REQUEST' },
  );
  writeValue(Buffer.from('plain\n'), terminal);
  assert.equal((terminal.read() as Buffer).toString(), 'plain\n');
});
