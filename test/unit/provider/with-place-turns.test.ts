import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { PsiError } from '../../../src/core/error.ts';
import { withPlaceTurns } from '../../../src/provider/with-place-turns.ts';
import { FakeSecretSource } from '../../fakes/secret-source.fake.ts';

const HUNG = { project: 'p', path: '/hung' };
const late = new PsiError('DEADLINE', 'too late');

function stage() {
  const inner = new FakeSecretSource();
  inner.set('p', '/hung', 'A', '1');
  inner.set('p', '/other', 'A', '2');
  return { inner, source: withPlaceTurns(inner, { name: 'vault' }), patience: new AbortController() };
}

test('four callers of one place are under way, the others wait, and another place is asked at once', async () => {
  const { inner, source, patience } = stage();
  const release = inner.hold();
  const asked = Array.from({ length: 6 }, () => source.get({ ...HUNG, key: 'A' }, patience.signal));
  const other = source.list(
    { project: 'p', path: '/other' },
    { recursive: false, values: true, signal: patience.signal },
  );
  await nextTurn();
  assert.deepEqual(inner.calls, [...Array.from({ length: 4 }, () => 'get p:/hung A'), 'list p:/other']);
  release();
  await Promise.all([...asked, other]);
  assert.equal(inner.calls.length, 7);
});

test('who cannot wait any longer says for whom, and takes no turn', async () => {
  const { inner, source, patience } = stage();
  const release = inner.hold();
  const asked = Array.from({ length: 4 }, () => source.get({ ...HUNG, key: 'A' }, new AbortController().signal));
  const waiting = source.get({ ...HUNG, key: 'A' }, patience.signal);
  await nextTurn();
  patience.abort(late);
  await assert.rejects(waiting, {
    code: 'DEADLINE',
    message: 'vault has not answered 4 calls for p:/hung that were made before this one',
  });
  release();
  await Promise.all(asked);
  assert.equal(inner.calls.length, 4);
});

test('a call that fails ends its turn, and a caller that went away keeps its reason', async () => {
  const { inner, source, patience } = stage();
  inner.failNext(...Array.from({ length: 8 }, () => late));
  for (let time = 0; time < 8; time += 1) {
    await assert.rejects(source.get({ ...HUNG, key: 'A' }, patience.signal), late);
  }
  assert.equal((await source.get({ ...HUNG, key: 'A' }, patience.signal)).value.exposeText(), '1');
  const gone = new PsiError('INTERNAL', 'the command went away');
  patience.abort(gone);
  await assert.rejects(source.get({ ...HUNG, key: 'A' }, patience.signal), gone);
});
