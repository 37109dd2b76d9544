// Whether the server is there at all, asked without a login.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { patient, startStage, type Stage } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await startStage();
});
afterEach(() => stage.stop());

const probe = (signal = patient()): Promise<void> => stage.connect().probe(signal);

test('a server that answers is there, and was asked for no login', async () => {
  await probe();
  assert.equal(stage.double.count('login'), 0);
});

for (const status of [403, 404, 429]) {
  test(`a refusal (${String(status)}) is an answer`, async () => {
    stage.double.knobs.set({ status, only: ['status'] });
    await probe();
  });
}

test('a server that fails is not, and is asked once', async () => {
  stage.double.knobs.set({ status: 503, only: ['status'] });
  await assert.rejects(probe(), { code: 'PROVIDER_DOWN' });
  assert.equal(stage.double.count('status'), 1);
});

test('one that refuses connections is not', async () => {
  await stage.double.refuseConnections();
  await assert.rejects(probe(), { code: 'PROVIDER_DOWN', message: /connection refused$/ });
});

test('one that hangs is not', async () => {
  stage.double.knobs.set({ outage: 'hang' });
  await assert.rejects(probe(AbortSignal.timeout(50)), { code: 'DEADLINE' });
});
