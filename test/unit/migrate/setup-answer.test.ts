// The setup that a migration runs in the container of psi.service: its report, or why there is none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setupReport } from '../../../src/migrate/setup-answer.ts';

function ran(answer: unknown, stderr = ''): Parameters<typeof setupReport>[0] {
  return { exit: 1, stdout: typeof answer === 'string' ? answer : JSON.stringify(answer), stderr };
}

test('its report, however it ended', () => {
  const report = { outcome: 'left' };
  assert.deepEqual(setupReport(ran({ command: 'setup', exit: 4, result: report, failure: null })), report);
});

test('a failure is thrown as the service gave it', () => {
  const failure = { code: 'PROVIDER_DOWN', message: 'infisical is down', hint: null };
  assert.throws(() => setupReport(ran({ command: 'setup', exit: 69, result: null, failure })), {
    code: 'PROVIDER_DOWN',
    message: 'infisical is down',
    hint: undefined,
  });
});

test('no answer, and what was said in its place', () => {
  assert.throws(() => setupReport(ran('', 'warning\nexec: psi: not found\n')), {
    code: 'SERVICE_DOWN',
    message: 'psi setup ended with 1 and without a report: exec: psi: not found',
  });
  assert.throws(() => setupReport(ran('[]')), { message: /it said nothing$/ });
});
