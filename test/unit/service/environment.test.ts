import assert from 'node:assert/strict';
import { test } from 'node:test';

import { serviceEnvironment } from '../../../src/service/environment.ts';

test('takes the descriptor that systemd passed to this process, and only that', () => {
  const fd = (env: Readonly<Record<string, string>>): number | undefined => serviceEnvironment(env, 1).socketFd;
  assert.equal(fd({ LISTEN_PID: '1', LISTEN_FDS: '1' }), 3);
  assert.equal(fd({ LISTEN_PID: '7', LISTEN_FDS: '1' }), undefined);
  assert.equal(fd({ LISTEN_PID: '1', LISTEN_FDS: '0' }), undefined);
  assert.equal(fd({ LISTEN_PID: '1', LISTEN_FDS: 'many' }), undefined);
  assert.equal(fd({}), undefined);
});

test('the log has the level of PSI_LOG_LEVEL, and info for what is no level', () => {
  const level = (text?: string): string => serviceEnvironment({ PSI_LOG_LEVEL: text }, 1).logLevel;
  assert.deepEqual([level('trace'), level('silent')], ['trace', 'silent']);
  assert.deepEqual([level(), level(''), level('loud'), level('INFO')], ['info', 'info', 'info', 'info']);
});

test('the key of the cache lies in its own folder, else among the credentials of the service', () => {
  const folder = (env: Readonly<Record<string, string>>): string | undefined =>
    serviceEnvironment(env, 1).cacheKeyFolder;
  const credentials = { CREDENTIALS_DIRECTORY: '/run/credentials' };
  assert.equal(folder({ ...credentials, PSI_CACHE_KEY_DIRECTORY: '/run/psi-cache-key' }), '/run/psi-cache-key');
  assert.equal(folder(credentials), '/run/credentials');
  assert.equal(folder({}), undefined);
});

test('the first try of what a setup left waits as long as PSI_SETUP_RETRY says, a minute without it', () => {
  const first = (text?: string): number => serviceEnvironment({ PSI_SETUP_RETRY: text }, 1).setupRetryMs;
  assert.deepEqual(
    [first('5s'), first('2m'), first(), first('soon'), first('0')],
    [5000, 120_000, 60_000, 60_000, 100],
  );
});
