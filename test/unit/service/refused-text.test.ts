// A config that is about to be written: what this psi would refuse of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../../../src/config/load.ts';
import { PsiError } from '../../../src/core/error.ts';
import { refusedBy } from '../../../src/service/refused-text.ts';
import { PROVIDER_KINDS } from '../../../src/wiring/provider-kinds.ts';

function reading(text: string): () => Promise<undefined> {
  const readFile = (): Promise<Uint8Array> => Promise.resolve(new TextEncoder().encode(text));
  return async () => {
    await readConfig({ path: '/c.yaml', env: {}, uid: 0, kinds: PROVIDER_KINDS, readFile });
    return undefined;
  };
}

test('a good one is refused for nothing', async () => {
  assert.deepEqual(await refusedBy(reading('cache: {}\n')), []);
});

test('each error of it, with what was expected', async () => {
  const found = await refusedBy(reading('cache: {backend: hsm}\n'));
  assert.deepEqual(
    found.map(({ subject }) => subject),
    ['cache.hsm'],
  );
  assert.match(found[0]?.reason ?? '', /^this psi refuses it: expected .*, got /);
});

test('what else keeps it from being written', async () => {
  const other = new PsiError('USAGE', 'this container does not see it', { hint: 'one mount more' });
  const remark = { subject: 'psi', reason: 'this container does not see it', hint: 'one mount more' };
  assert.deepEqual(await refusedBy(() => Promise.resolve(other)), [remark]);
});
