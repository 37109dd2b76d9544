import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseForeignRewrite, reportIn } from '../../../../src/transfer/import/environment.ts';
import type { QuadletReport } from '../../../../src/transfer/import/quadlet.ts';

const DEV = { project: 'main', configured: 'prod', asked: 'dev' } as const;
const SAME = [
  { project: 'main', configured: 'prod', asked: 'prod' },
  { project: 'main', configured: 'prod', asked: undefined },
  { project: 'main', configured: undefined, asked: 'dev' },
] as const;
const REPORT: QuadletReport = {
  project: 'main',
  path: '/app',
  conflict: 'fail',
  dryRun: false,
  results: [],
  failure: null,
  exit: 0,
  notes: ['one'],
  edits: [{ path: '/a', removed: ['A'], backup: null }],
  editFailure: null,
  next: null,
};

test('a quadlet is not edited for values of an environment that its container does not get', () => {
  assert.throws(
    () => {
      refuseForeignRewrite(DEV, true);
    },
    { code: 'USAGE', message: 'containers get the environment prod of main, not dev', hint: /a project of its own/ },
  );
  refuseForeignRewrite(DEV, false);
  for (const same of SAME) refuseForeignRewrite(same, true);
});

test('an import into another environment says so, and proposes no edits', () => {
  const report = reportIn(DEV, REPORT);
  assert.deepEqual(report.edits, []);
  assert.deepEqual(report.notes, [
    'one',
    'psi gives containers the environment prod of main: to use dev, give it a project of its own in the config',
  ]);
  for (const same of SAME) assert.equal(reportIn(same, REPORT), REPORT);
});
