import assert from 'node:assert/strict';
import { test } from 'node:test';

import { checkConfig, type CheckReport } from '../../../src/service/check.ts';
import { PsiError } from '../../../src/core/error.ts';
import { PROVIDER_KINDS } from '../../../src/wiring/provider-kinds.ts';
import { FakeLastGood } from '../../fakes/last-good.fake.ts';
import { PROVIDER } from '../config/support.ts';

const FILE = '/etc/psi/config.yaml';

function check(
  text: string,
  kept: 'kept' | 'not kept' | 'of another file',
  tooSeldom?: PsiError,
): Promise<CheckReport> {
  const missing = Object.assign(new Error('no such file'), { code: 'ENOENT' });
  return checkConfig({
    openness: () => Promise.resolve(undefined),
    load: {
      path: FILE,
      env: {},
      uid: 0,
      kinds: PROVIDER_KINDS,
      readFile: (path) => (path === FILE ? Promise.resolve(new TextEncoder().encode(text)) : Promise.reject(missing)),
    },
    lastGood: kept === 'of another file' ? undefined : new FakeLastGood(),
    changedAt: () => (kept === 'kept' ? Promise.resolve(0) : Promise.reject(missing)),
    timerProblem: () => Promise.resolve(tooSeldom),
  });
}

test('a good file is taken, and what is missing beside it is named with what to do', async () => {
  const text = `socket_token: {credential: psi-token}\n${PROVIDER.replace('client_secret: s1', 'client_secret: {env: NONE}')}`;
  const { failure, findings, missing, lastGood } = await check(text, 'kept');
  assert.deepEqual([failure, findings, lastGood], [null, [], null]);
  assert.deepEqual(missing.map(({ message }) => message).toSorted(), [
    'the credential psi-token cannot be read: CREDENTIALS_DIRECTORY is not set',
    'the environment variable NONE is not set',
  ]);
  assert.ok(missing.every(({ hint }) => hint !== null));
});

test('a timer that looks too seldom for the certificates of a good file is told, and of a refused one nothing', async () => {
  const problem = new PsiError('HOST', 'the timer looks too seldom', { hint: 'render it' });
  assert.equal((await check(PROVIDER, 'kept')).timer, null);
  assert.equal((await check(PROVIDER, 'kept', problem)).timer?.message, 'the timer looks too seldom');
  assert.equal((await check('x: 1\n', 'kept', problem)).timer, null);
});

test('of a file that is refused all is named, and what the service goes on with where it is its own', async () => {
  const { failure, findings, lastGood } = await check(`${PROVIDER}lookups: {}\nx: 1\n`, 'kept');
  assert.deepEqual([failure?.code, findings.length], ['CONFIG_INVALID', 2]);
  assert.deepEqual(lastGood, { path: '/var/lib/psi/config.last-good', since: '1970-01-01T00:00:00Z' });
  for (const kept of ['not kept', 'of another file'] as const) assert.equal((await check('', kept)).lastGood, null);
});
