import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isoSeconds, isoTime, isoTimeOrNull } from '../../../src/core/time.ts';

test('times are told in UTC, to the second where that is enough, and as null where there is none', () => {
  const ms = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  assert.equal(isoTime(ms), '2026-01-02T03:04:05.678Z');
  assert.equal(isoSeconds(ms), '2026-01-02T03:04:05Z');
  assert.deepEqual([isoTimeOrNull(ms), isoTimeOrNull(0), isoTimeOrNull(undefined)], [isoTime(ms), isoTime(0), null]);
});
