// Each kind of mistake with the exact text a person sees. After a deliberate change of wording: UPDATE_GOLDEN=1 npm test -- unit,
// and read the difference.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { ISSUE_CODES } from '../../../src/config/findings/hints.ts';
import { findingsOf, problemsOf, reportText } from './support.ts';

const folder = new URL('../../golden/config/', import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => name.slice(0, -'.yaml'.length));

for (const name of names) {
  test(`reports ${name} as its golden file shows`, async () => {
    const issues = await findingsOf(readFileSync(new URL(`${name}.yaml`, folder), 'utf8'), { file: `${name}.yaml` });
    const golden = new URL(`${name}.txt`, folder);
    const text = reportText(issues);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, text);
    assert.equal(text, readFileSync(golden, 'utf8'));
    assert.doesNotMatch(`${JSON.stringify(issues)} ${text}`, /hunter2|123456/);
    if (issues.every(({ severity }) => severity === 'warning')) return;
    const error = await problemsOf(readFileSync(new URL(`${name}.yaml`, folder), 'utf8'), { file: `${name}.yaml` });
    assert.doesNotMatch(`${error.message} ${error.hint ?? ''}`, /hunter2|123456/);
  });
}

test('has a golden file for each kind of problem that stands in a file', async () => {
  const seen = new Set<string>();
  for (const name of names) {
    const issues = await findingsOf(readFileSync(new URL(`${name}.yaml`, folder), 'utf8'));
    for (const { code } of issues) seen.add(code);
  }
  // These three are about files that cannot be read at all: see load.test.ts.
  const missing = ISSUE_CODES.filter(
    (code) => !seen.has(code) && !['NO_FILE', 'UNREADABLE', 'NOT_UTF8'].includes(code),
  );
  assert.deepEqual(missing, []);
});
