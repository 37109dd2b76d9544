// A node:test reporter that writes one JSON object: how many tests passed, failed and were skipped, and which.
// Suites are not counted: a suite passes or fails with its tests.

export default async function* countReporter(source) {
  const result = { passed: 0, failed: [], skipped: [] };
  for await (const { type, data } of source) {
    if ((type !== 'test:pass' && type !== 'test:fail') || data.details?.type === 'suite') continue;
    if (data.skip !== undefined) result.skipped.push({ name: data.name, reason: String(data.skip), file: data.file });
    else if (type === 'test:fail') result.failed.push({ name: data.name, file: data.file });
    else result.passed += 1;
  }
  yield JSON.stringify(result);
}
