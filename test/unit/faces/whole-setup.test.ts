// A setup that a program asks for: its report, or why there is none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wholeSetup } from '../../../src/faces/control/whole-setup.ts';

function clientOf(...lines: readonly unknown[]): Parameters<typeof wholeSetup>[0] {
  return {
    // eslint-disable-next-line @typescript-eslint/require-await -- as the client's
    async *stream(path, body) {
      assert.deepEqual([path, body], ['/setup', {}]);
      yield* lines;
    },
  };
}

test('its last event has the report', async () => {
  const report = { changes: [] };
  assert.deepEqual(await wholeSetup(clientOf({ event: 'caching' }, { event: 'done', report })), report);
});

test('a failure is thrown as the service gave it', async () => {
  const failure = { code: 'PROVIDER_DOWN', message: 'infisical is down', hint: null };
  await assert.rejects(wholeSetup(clientOf({ event: 'error', failure, exit: 69 })), {
    code: 'PROVIDER_DOWN',
    message: 'infisical is down',
    hint: undefined,
  });
});

test('an answer without a last event is none', async () => {
  await assert.rejects(wholeSetup(clientOf({ event: 'caching' })), { code: 'SERVICE_DOWN' });
});
