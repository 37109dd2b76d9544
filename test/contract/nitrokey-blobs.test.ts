// What the Python PSI sealed, opened with its key in a soft token, as the config of that PSI names token and key.

import assert from 'node:assert/strict';
import { constants, createCipheriv, createHash, publicEncrypt, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { HsmKeyWrapper } from '../../src/adapters/hsm/key-wrapper.ts';
import { openBlob } from '../../src/adapters/nitrokeyhsm/blob.ts';
import { decodeStored } from '../../src/core/mapping.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import type { TokenTarget } from '../../src/sealing/token-target.ts';
import { importKey, noSoftToken, PIN, softToken, type SoftToken } from '../doubles/pkcs11/soft-token.ts';

const vector = (name: string): string => fileURLToPath(new URL(`../vectors/python-psi/${name}`, import.meta.url));
const KEY_FILE = vector('rsa-2048.pem');
const index = JSON.parse(readFileSync(vector('nitrokeyhsm/index.json'), 'utf8')) as readonly {
  readonly name: string;
  readonly plain_sha256: string;
}[];

function blobOf(name: string): string {
  const mapping = decodeStored(readFileSync(vector(`nitrokeyhsm/${name}.mapping.json`), 'utf8'));
  assert.ok(mapping && 'blob' in mapping);
  return mapping.blob;
}

describe('the token of the Python PSI', { skip: noSoftToken ?? false }, () => {
  let token: SoftToken;
  const open: HsmKeyWrapper[] = [];
  before(async () => {
    token = await softToken();
    await importKey(token, { file: KEY_FILE, label: 'podman-secrets', id: '02' });
  });
  after(async () => {
    await Promise.all(open.map((wrapper) => wrapper.close()));
    await token.dispose();
  });

  /** NSS has a slot in front of the database's, so its index is 1. */
  const wrapperOf = (key: Partial<TokenTarget['key']> = {}, at = 1): HsmKeyWrapper => {
    const target = {
      ...token.target,
      token: { label: undefined, serial: undefined, slot: undefined, index: at },
      key: { label: 'podman-secrets', id: '02', either: true, ...key } as const,
    };
    const pins = [{ name: 'the test', read: () => Promise.resolve(SecretValue.fromText(PIN)) }];
    const publicKeyPath = join(token.dir, `key-${String(open.length)}.pem`);
    const wrapper = new HsmKeyWrapper({ clock: systemClock, pins }, { target, publicKeyPath });
    open.push(wrapper);
    return wrapper;
  };
  const opened = (blob: string, wrapper: HsmKeyWrapper): Promise<SecretValue> =>
    openBlob(blob, {
      decryptKey: (wrappedKey) => wrapper.decrypt(wrappedKey),
      section: 'providers.nitrokeyhsm',
    });

  for (const { name, plain_sha256: hash } of index) {
    it(`opens ${name}`, async () => {
      const value = await opened(blobOf(name), wrapperOf());
      assert.equal(createHash('sha256').update(value.expose()).digest('hex'), hash);
    });
  }

  it('finds the key by its label where none has the id', async () => {
    const value = await opened(blobOf('3-hunter2'), wrapperOf({ id: '77' }));
    assert.equal(value.exposeText(), 'hunter2');
  });

  it('opens what a second implementation sealed', async () => {
    const [key, nonce] = [randomBytes(32), randomBytes(12)];
    const oaep = { key: readFileSync(KEY_FILE), padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
    const wrapped = publicEncrypt(oaep, key);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    const content = Buffer.concat([cipher.update('made here'), cipher.final(), cipher.getAuthTag()]);
    const blob = Buffer.concat([Buffer.from([wrapped.length >> 8, wrapped.length & 0xff]), wrapped, nonce, content]);
    assert.equal((await opened(blob.toString('base64'), wrapperOf())).exposeText(), 'made here');
  });

  it('says that a slot or a key is not there, and what another key did not open', async () => {
    await assert.rejects(opened(blobOf('3-hunter2'), wrapperOf({}, 9)), { code: 'KEY_UNAVAILABLE' });
    await assert.rejects(opened(blobOf('3-hunter2'), wrapperOf({ id: '77', label: 'none' })), {
      code: 'KEY_UNAVAILABLE',
    });
    await assert.rejects(opened(blobOf('3-hunter2'), wrapperOf({ id: '01' })), ({ code }: { code: string }) =>
      ['KEY_UNAVAILABLE', 'CACHE_CORRUPT'].includes(code),
    );
  });
});
