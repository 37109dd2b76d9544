import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pauseMs, type FailedTry } from '../../../../src/adapters/infisical/retry.ts';

const answer = (status: number, body = '', retryAfter?: string): FailedTry => ({ status, body, retryAfter });
const pause = (failed: FailedTry, attempt = 0): number | undefined => pauseMs(failed, attempt, 0, 1);

test('a failure that may pass at once is tried again twice, and what cannot is not', () => {
  for (const status of [429, 500, 502, 503, 504]) assert.equal(pause(answer(status)), 200);
  for (const status of [200, 302, 400, 401, 403, 404, 422, 501]) assert.equal(pause(answer(status)), undefined);
  assert.equal(pause({ code: 'ECONNREFUSED' }, 1), 200);
  assert.equal(pause({ code: 'ECONNREFUSED' }, 2), undefined);
  for (const code of ['ENOTFOUND', 'ETIMEDOUT', 'CERT_HAS_EXPIRED', 'EPROTO']) assert.equal(pause({ code }), undefined);
});

test('callers do not come back as one', () => {
  assert.equal(pauseMs({ code: 'ECONNRESET' }, 0, 0, 0), 100);
});

test('a wait that the server asks for is kept to up to a second, and longer ones are for others', () => {
  assert.equal(pause(answer(429, '', '1')), 1_000);
  assert.equal(pause(answer(503, '', '0')), 1);
  assert.equal(pause(answer(429, '', '2')), undefined);
  assert.equal(pause(answer(429, 'try again in 1 second')), 1_000);
  assert.equal(pause(answer(429, 'try again in 9 seconds')), undefined);
  assert.equal(pause(answer(503, 'try again in 9 seconds')), 200);
});

test('a 500 that speaks of the token is no failure to wait out', () => {
  assert.equal(pause(answer(500, '{"message": "jwt expired"}')), undefined);
});
