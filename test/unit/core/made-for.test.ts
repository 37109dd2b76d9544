import assert from 'node:assert/strict';
import { test } from 'node:test';

import { madeFor } from '../../../src/core/made-for.ts';

test('makes one for each settings, and ends what no longer serves', () => {
  const events: string[] = [];
  const made = madeFor(
    ({ key }: { readonly key: string }) => key,
    ({ key }) => {
      events.push(`made ${key}`);
      return key;
    },
    (key) => events.push(`ended ${key}`),
  );
  for (const key of ['a', 'a', 'b', 'b', 'a']) assert.equal(made({ key }), key);
  assert.deepEqual(events, ['made a', 'made b', 'ended a', 'made a', 'ended b']);
});

test('settings that are nothing are settings too', () => {
  let made = 0;
  const of = madeFor(
    (settings: string | undefined) => settings,
    () => (made += 1),
  );
  assert.deepEqual([of(undefined), of(undefined), of('a'), of(undefined)], [1, 1, 2, 3]);
});
