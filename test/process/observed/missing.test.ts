// "No such secret" is believed in Infisical's own words alone: a gateway before a dead server says it of everything.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGet, isList } from './front.ts';
import { stage } from './stage.ts';

/** What gateways answer when there is no way to the server; none of it is Infisical's. */
const GATEWAYS: Readonly<Record<string, { readonly status: number; readonly body: unknown }>> = {
  'Kong without a route': { status: 404, body: { message: 'no Route matched with those values' } },
  'Kong 3 without a route': {
    status: 404,
    body: { message: 'no Route matched with those values', request_id: '6b1fd2' },
  },
  'a gateway with an error alone': { status: 404, body: { error: 'Not Found' } },
  'a gateway of Nest or API gateways': { status: 404, body: { message: 'Not Found', statusCode: 404 } },
  'a gateway that answers 400': { status: 400, body: { error: 'Bad Request', message: 'Upstream not found' } },
};

const FOLDERS = { '/app': { TOKEN: 'canary-token', OTHER: 'other' } };

for (const [gateway, answer] of Object.entries(GATEWAYS)) {
  for (const lookups of ['one by one', 'by list'] as const) {
    // I10
    test(`${lookups}: ${gateway} (${JSON.stringify(answer.body)}): the cached value is served, then and afterwards`, async (t) => {
      // Past its age at once: each lookup asks the provider first.
      const it = await stage(t, { folders: FOLDERS, cache: { max_age: '1ms' }, lookups });
      await it.registered();
      it.front.answer = (asked) => (isGet(asked) || isList(asked) ? answer : undefined);
      await it.restart();
      const value = { ok: true, source: 'stale', value: 'canary-token' };
      assert.deepEqual(await it.lookup('TOKEN'), value);
      await it.outage();
      assert.deepEqual(await it.lookup('TOKEN'), value, 'dropped from the cache');
    });
  }
}

// I10
test('Kong without a route: setup changes nothing, and does not say that the folder is missing', async (t) => {
  const it = await stage(t, { folders: FOLDERS, cache: {} });
  const before = await it.registered();
  const answer = GATEWAYS['Kong without a route'];
  it.front.answer = (asked) => (isGet(asked) || isList(asked) ? answer : undefined);
  const heard = await it.setupUntilItWaits();
  assert.deepEqual(await it.targets(), before);
  assert.doesNotMatch(heard, /has no (?:folder|secret|project)/);
  assert.match(heard, /\b404\b/);
});

for (const generation of ['2024', '2025', '2025-v4', 'v4'] as const) {
  // I10, the other side: holds at 3670dbc too.
  test(`${generation}: a secret that the server itself says is gone is no more answered from the cache`, async (t) => {
    const it = await stage(t, { generation, folders: FOLDERS, cache: { max_age: '1ms' } });
    await it.registered();
    it.remove('/app', 'TOKEN');
    const looked = await it.lookup('TOKEN');
    assert.ok(!looked.ok, JSON.stringify(looked));
    assert.equal(looked.code, 'NOT_FOUND');
    assert.match(looked.hint, /\bTOKEN\b/);
    await it.outage();
    assert.ok(!(await it.lookup('TOKEN')).ok);
    assert.deepEqual(await it.lookup('OTHER'), { ok: true, source: 'stale', value: 'other' });
  });
}
