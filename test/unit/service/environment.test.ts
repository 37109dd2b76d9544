import assert from 'node:assert/strict';
import { test } from 'node:test';

import { serviceEnvironment } from '../../../src/service/environment.ts';

const IDS = { pid: 1, ppid: 0 };

test('takes the descriptor that systemd passed to this process, and only that', () => {
  const fd = (env: Readonly<Record<string, string>>): number | undefined =>
    serviceEnvironment(env, { pid: 1, ppid: 0 }).socketFd;
  assert.equal(fd({ LISTEN_PID: '1', LISTEN_FDS: '1' }), 3);
  assert.equal(fd({ LISTEN_PID: '7', LISTEN_FDS: '1' }), undefined);
  assert.equal(fd({ LISTEN_PID: '1', LISTEN_FDS: '0' }), undefined);
  assert.equal(fd({ LISTEN_PID: '1', LISTEN_FDS: 'many' }), undefined);
  assert.equal(fd({}), undefined);
});

test('takes the descriptor that podman passed to the init which started this process, and that of no other init', () => {
  const fd = (pid: number, ppid: number): number | undefined =>
    serviceEnvironment({ LISTEN_PID: '1', LISTEN_FDS: '1' }, { pid, ppid }).socketFd;
  assert.deepEqual([fd(2, 1), fd(7, 1), fd(7, 0), fd(7, 2)], [3, 3, undefined, undefined]);
});

test('the log has the level of PSI_LOG_LEVEL, and info for what is no level', () => {
  const level = (text?: string): string => serviceEnvironment({ PSI_LOG_LEVEL: text }, IDS).logLevel;
  assert.deepEqual([level('trace'), level('silent')], ['trace', 'silent']);
  assert.deepEqual([level(), level(''), level('loud'), level('INFO')], ['info', 'info', 'info', 'info']);
});

test('the key of the cache lies in its own folder, else among the credentials of the service', () => {
  const folder = (env: Readonly<Record<string, string>>): string | undefined =>
    serviceEnvironment(env, IDS).cacheKeyFolder;
  const credentials = { CREDENTIALS_DIRECTORY: '/run/credentials' };
  assert.equal(folder({ ...credentials, PSI_CACHE_KEY_DIRECTORY: '/run/psi-cache-key' }), '/run/psi-cache-key');
  assert.equal(folder(credentials), '/run/credentials');
  assert.equal(folder({}), undefined);
});

test('the units say which rendering they are, and older ones, which say nothing, are told by the socket that they pass', () => {
  const revision = (env: Readonly<Record<string, string>>): number | undefined =>
    serviceEnvironment(env, IDS).unitsRevision;
  const activated = { LISTEN_PID: '1', LISTEN_FDS: '1' };
  assert.deepEqual([revision({ PSI_UNITS: '3' }), revision(activated), revision({})], [3, 0, undefined]);
  assert.deepEqual([revision({ PSI_UNITS: 'new' }), revision({ PSI_UNITS: '', ...activated })], [undefined, 0]);
});

test('the metrics file is written as often as PSI_METRICS_INTERVAL says, each half minute without it', () => {
  const each = (text?: string): number => serviceEnvironment({ PSI_METRICS_INTERVAL: text }, IDS).metricsMs;
  assert.deepEqual([each('1s'), each(), each('often'), each('0')], [1000, 30_000, 30_000, 100]);
});

test('the first try of what a setup left waits as long as PSI_SETUP_RETRY says, a minute without it', () => {
  const first = (text?: string): number => serviceEnvironment({ PSI_SETUP_RETRY: text }, IDS).setupRetryMs;
  assert.deepEqual(
    [first('5s'), first('2m'), first(), first('soon'), first('0')],
    [5000, 120_000, 60_000, 60_000, 100],
  );
});

test('the service waits with its replaces as long as PSI_REPLACE_AFTER says, three minutes without it', () => {
  const after = (text?: string): number => serviceEnvironment({ PSI_REPLACE_AFTER: text }, IDS).replaceAfterMs;
  assert.deepEqual([after('5s'), after(), after('soon'), after('0')], [5000, 180_000, 180_000, 100]);
});
