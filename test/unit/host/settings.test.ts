import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { placesOf } from '../../../src/config/places.ts';
import type { HostLayout } from '../../../src/host/layout.ts';
import {
  hostLayout,
  type CacheSettings,
  type CertificateSettings,
  type HostSettings,
} from '../../../src/host/settings.ts';
import { SERVED } from '../../fakes/provider.fake.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const CACHE: CacheSettings = {
  enabled: true,
  backends: ['tpm'],
  tpm: { tcti: 'device:/dev/tpmrm0' },
  credential: 'psi-cache-key',
  path: '/var/lib/psi/cache.enc',
  refreshIntervalMs: HOUR_MS,
  refreshRandomizedDelayMs: 300_000,
};

function certificate(name: string, ca?: string): CertificateSettings {
  return { output: { cert: `/c/${name}.crt`, key: `/c/${name}.key`, chain: `/c/${name}.pem`, ca } };
}

function layout(over: Partial<HostSettings> = {}, env = {}, uid = 0): HostLayout {
  const settings: HostSettings = {
    ...placesOf(env, uid),
    scope: uid === 0 ? 'system' : 'user',
    ...SERVED,
    caFiles: [],
    secretFiles: [],
    credentials: [],
    textfileDir: undefined,
    hsmToken: false,
    cache: CACHE,
    certificates: [],
    shortestWindowMs: undefined,
    ...over,
  };
  return hostLayout(settings, { env, uid });
}

describe('the layout of a host', () => {
  it('has the folders of its scope, and the places of the config', () => {
    assert.equal(layout().unitDir, '/etc/systemd/system');
    const user = layout({}, { HOME: '/home/ada' }, 1000);
    assert.equal(user.unitDir, '/home/ada/.config/systemd/user');
    assert.equal(user.runtimeDir, '/run/user/1000');
    assert.equal(layout({ stateDir: '/srv/psi' }).stateDir, '/srv/psi');
  });

  it('holds a cache only where it is on and has a backend', () => {
    const cache = (over: Partial<CacheSettings>): HostLayout['cache'] => layout({ cache: { ...CACHE, ...over } }).cache;
    assert.deepEqual(cache({}), {
      backends: ['tpm'],
      tpmDevice: '/dev/tpmrm0',
      credential: 'psi-cache-key',
      path: '/var/lib/psi/cache.enc',
    });
    assert.equal(cache({ enabled: false }), undefined);
    assert.equal(cache({ backends: [] }), undefined);
  });

  it('names the node of the TPM only where the TCTI does', () => {
    const device = (tcti: string): string | undefined =>
      layout({ cache: { ...CACHE, tpm: { tcti } } }).cache?.tpmDevice;
    assert.equal(device('device:/dev/tpm1'), '/dev/tpm1');
    assert.equal(device('swtpm:host=localhost,port=2321'), undefined);
    assert.equal(device('device'), undefined);
    assert.equal(device('device:tpm0'), undefined);
  });

  it('refreshes as often as the config says, whether the cache is on or not', () => {
    const refresh = { intervalMs: HOUR_MS, randomizedDelayMs: 300_000 };
    assert.deepEqual(layout().refresh, refresh);
    assert.deepEqual(layout({ cache: { ...CACHE, enabled: false } }).refresh, refresh);
  });

  it('lists every file that a certificate writes', () => {
    const certificates = [certificate('a'), certificate('b', '/c/ca.pem')];
    assert.deepEqual(layout({ certificates }).tls?.outputs, [
      '/c/a.crt',
      '/c/a.key',
      '/c/a.pem',
      '/c/b.crt',
      '/c/b.key',
      '/c/b.pem',
      '/c/ca.pem',
    ]);
    assert.equal(layout().tls, undefined);
  });

  it('looks more often than once a day where one certificate is renewed later than three days before its end', () => {
    const calendar = (shortestWindowMs: number): string | undefined =>
      layout({ certificates: [certificate('a')], shortestWindowMs }).tls?.looks.calendar;
    assert.equal(calendar(3 * DAY_MS), 'daily');
    assert.equal(calendar(3 * DAY_MS - 1), 'hourly');
    assert.equal(calendar(HOUR_MS), '*:0/15');
  });
});
