import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERROR_CODES } from '../../../src/core/error.ts';
import { EXIT, exitCode } from '../../../src/core/exit.ts';

test('every error code ends with a status of the table, and none with that of success', () => {
  const statuses: readonly number[] = Object.values(EXIT);
  for (const code of ERROR_CODES) {
    assert.ok(statuses.includes(exitCode(code)), code);
    assert.notEqual(exitCode(code), EXIT.DONE, code);
  }
});

test('a status has one name', () => {
  const statuses = Object.values(EXIT);
  assert.equal(new Set(statuses).size, statuses.length);
});

test('the statuses that scripts and units lean on stay as they are', () => {
  assert.equal(exitCode('DRIFT'), 3);
  assert.equal(exitCode('USAGE'), 64);
  assert.equal(exitCode('THROTTLED'), 75);
  assert.equal(exitCode('PROVIDER_DENIED'), 77);
  assert.equal(exitCode('CONFIG_INVALID'), 78);
});
