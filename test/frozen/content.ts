// What a host has in each of its frozen states: the same for every version, so that one test reads them all.

import type { CacheEntry } from '../../src/cache/bundle.ts';
import type { CertificateState } from '../../src/certificates/certificate.ts';
import type { Mapping, StoredMapping } from '../../src/core/mapping.ts';
import { secretId, type SecretId } from '../../src/core/naming.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import type { Marker } from '../../src/migrate/marker.ts';
import type { StoredToken } from '../../src/provider/token-store.ts';
import type { DropInInput } from '../../src/registration/drop-in.ts';
import type { UnfinishedReplace } from '../../src/registration/replace-debt.ts';

export const ID = secretId('0a530acce22815a7778d156fd');
const SEALED_ID = secretId('1b530acce22815a7778d156fd');
const PLACED: Mapping = { provider: 'infisical', project: 'main', path: '/app', key: 'DB_HOST' };
const SEALED_MAPPING: StoredMapping = { provider: 'sealed', name: 'db-password' };

export const MAPPINGS: ReadonlyMap<SecretId, StoredMapping> = new Map<SecretId, StoredMapping>([
  [ID, PLACED],
  [SEALED_ID, SEALED_MAPPING],
  [secretId('2c530acce22815a7778d156fd'), { provider: 'nitrokeyhsm', blob: 'AQBoZWxsbw==' }],
]);

export const NAMES = new Map([
  [ID, { name: 'app--DB_HOST', workload: 'app' }],
  [SEALED_ID, { name: 'db-password', workload: '' }],
]);

export const REPLACES: readonly UnfinishedReplace[] = [
  { name: 'app--DB_HOST', id: ID, mapping: PLACED, workload: 'app' },
  { name: 'db-password', id: SEALED_ID, mapping: SEALED_MAPPING, workload: undefined },
];

export const SETUP_OWED = { workloads: ['app', 'worker@'] };

export const TOKEN_NAME = '0123456789ab';
export const TOKEN: StoredToken = { token: 'an-access-token', expiresAt: 1_800_000_000_000, secretTag: 'salt:tag' };
export const SOCKET_TOKEN = 'a-socket-token';

export const CERTIFICATE: CertificateState = {
  asked: 'a'.repeat(64),
  certificate: {
    ...{ id: 'id-1', serial: '0A1B', notBefore: 1_790_000_000_000, notAfter: 1_797_776_000_000 },
    obtainedAt: 1_790_000_001_000,
  },
  request: {
    ...{ requestId: 'request-2', certificateId: undefined, asked: 'a'.repeat(64) },
    ...{ status: 'pending_approval', since: 1_795_000_000_000 },
  },
  owedHooks: [['systemctl', 'reload', 'nginx.service']],
  problem: { at: 1_795_000_000_000, code: 'PROVIDER_DOWN', message: 'infisical is away', hint: 'wait' },
};

/** What systemd decrypted for psi.service: it opens the cache and the sealed secret. */
export const CREDENTIAL = 'psi-cache-key';
export const CREDENTIAL_BYTES = Uint8Array.from({ length: 32 }, (_, index) => index);

const entry = (key: string, value: string, fetchedAt: number, more: Partial<CacheEntry> = {}): CacheEntry => {
  const of = { value: SecretValue.fromText(value), fetchedAt, tick: undefined, version: undefined };
  return { mapping: { ...PLACED, key }, ...of, ...more };
};

export const WRITTEN_AT = 1_795_000_000_000;
export const ENTRIES: readonly CacheEntry[] = [
  entry('DB_HOST', 'db.internal', WRITTEN_AT, { version: 7 }),
  entry('LINES', ' two\nlines \u0001ü', 1_794_000_000_000),
  entry('LITERAL', '${NOT_A_REFERENCE}', 1_794_000_000_001, { version: 1, literal: true }),
];

export const SEALED_NAME = 'db-password';
export const SEALED_VALUE = 'a sealed value';

export const MARKER: Marker = { mode: 'container', server: true, pcscd: false, stopped: ['app.service'] };

export const DROP_IN: DropInInput = {
  unit: 'app.container',
  dependsOn: ['psi-infisical-setup.service'],
  secrets: [
    { name: 'app--DB_HOST', kind: 'env', target: 'DB_HOST' },
    { name: 'app--CERT', kind: 'mount', target: '/etc/app/cert.pem', mode: '0400', uid: 1000, gid: 1000 },
  ],
};

export const COMMANDS = {
  socket: '/run/psi/psi.sock',
  maxTimeSeconds: 20,
  helper: '/usr/local/libexec/psi/psi-lookup',
};
export const HEADER_FILE = '/var/lib/psi/driver.hdr';
