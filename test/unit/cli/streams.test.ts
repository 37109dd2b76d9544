import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { test } from 'node:test';

import { allowClosedReaders, flushed } from '../../../src/cli/streams.ts';

test('an end waits until a slow reader has taken everything', async () => {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const slow = new Writable({
    write: (_chunk, _encoding, taken) =>
      void promise.then(() => {
        taken();
      }),
  });
  slow.write('a line');
  let done = false;
  const end = flushed([new PassThrough(), slow]).then(() => {
    done = true;
  });
  await new Promise(setImmediate);
  assert.equal(done, false);
  resolve(undefined);
  await end;
});

test('a reader that has gone away is no failure', async () => {
  const gone = new Writable({
    write: (_chunk, _encoding, taken) => {
      taken(new Error('EPIPE'));
    },
  });
  allowClosedReaders([gone]);
  gone.write('a line');
  await flushed([gone]);
});
