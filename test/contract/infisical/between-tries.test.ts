// A caller whose time is up in the pause before the next try: nobody is slow then, so it is told of the failure that has just been.
// DEADLINE would be wrong twice: it hides a limit the server named, and a breaker opens at once for it.
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import { PROD, read, ROOT, startStage, type Stage } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await startStage();
  stage.double.state.setSecret({ ...PROD, key: 'A', value: 'value of A' });
  await read(stage.source, 'A');
});
afterEach(() => stage.stop());

/** Asks for a secret and gives up in the pause after the first try, whose end `channel` tells. */
async function giveUpInThePause(channel: string, reason: unknown): Promise<void> {
  const { promise: failed, resolve } = Promise.withResolvers<undefined>();
  const onMessage = (): void => {
    resolve(undefined);
  };
  const impatient = new AbortController();
  subscribe(channel, onMessage);
  try {
    // With the token from the disk, and no connection kept that could break instead of being refused.
    const call = stage.restart().get({ ...ROOT, key: 'A' }, impatient.signal);
    await Promise.race([failed, call]);
    // From the end of the try to the decision to pause.
    for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
    impatient.abort(reason);
    await call;
  } finally {
    unsubscribe(channel, onMessage);
  }
}

const late = new PsiError('DEADLINE', 'it took too long', { retry: 'later' });
const busy = { status: 503, body: { reqId: 'req-7', error: 'Busy', message: 'Later' } };

test('tells of the limit and of its time', async () => {
  stage.double.knobs.failNext(1, { status: 429, headers: { 'retry-after': '1' }, only: ['get'] });
  const limit = { code: 'THROTTLED', message: /asks to wait 1 s/, retryAfterMs: 1_000 };
  await assert.rejects(giveUpInThePause('got:response:end', late), limit);
});

test('tells of the failing server', async () => {
  stage.double.knobs.failNext(9, { ...busy, only: ['get'] });
  const down = { code: 'PROVIDER_DOWN', message: 'infisical answered 503 (Busy) [req-7]' };
  await assert.rejects(giveUpInThePause('got:response:end', late), down);
});

test('tells of the refused connection', async () => {
  await stage.double.refuseConnections();
  const refused = { code: 'PROVIDER_DOWN', message: /connection refused$/ };
  await assert.rejects(giveUpInThePause('http.client.request.error', late), refused);
});

test('ends with the reason of a caller that went away for another one', async () => {
  stage.double.knobs.failNext(9, { ...busy, only: ['get'] });
  const stopped = new PsiError('SERVICE_DOWN', 'psi stops');
  await assert.rejects(giveUpInThePause('got:response:end', stopped), (thrown) => thrown === stopped);
});
