// A key wrapper in memory: an honest one (AES-GCM under a key of its own) that can be away, slow to answer or another host's.

import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

import { PsiError } from '../../src/core/error.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import { DATA_KEY_BYTES, type KeyFailure, type KeyWrapper, type WrapperStatus } from '../../src/sealing/key-wrapper.ts';

const VERSION = 1;
const ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CHECK_BYTES = 8;
const BLOB_BYTES = 1 + ID_BYTES + NONCE_BYTES + DATA_KEY_BYTES + TAG_BYTES + CHECK_BYTES;

export class FakeKeyWrapper implements KeyWrapper {
  readonly backend: KeyWrapper['backend'];
  /** Set to make every call that needs the device fail so. */
  failure: KeyFailure | undefined;
  /** Awaited before each answer: a test decides when a slow device answers. */
  gate: Promise<void> = Promise.resolve();
  wraps = 0;
  unwraps = 0;
  #closed = false;
  readonly #key = randomBytes(32);
  readonly #id = randomBytes(ID_BYTES);

  constructor(backend: KeyWrapper['backend'] = 'tpm') {
    this.backend = backend;
  }

  async wrap(dataKey: SecretValue): Promise<Uint8Array> {
    if (dataKey.byteLength !== DATA_KEY_BYTES) throw new PsiError('INTERNAL', 'a data key has 32 bytes');
    const plain = Uint8Array.from(dataKey.expose());
    await this.#ready();
    this.wraps += 1;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
    const body = Buffer.concat([Uint8Array.of(VERSION), this.#id, nonce, sealed, cipher.getAuthTag()]);
    return Buffer.concat([body, checksum(body)]);
  }

  async unwrap(blob: Uint8Array): Promise<SecretValue> {
    if (blob.length !== BLOB_BYTES) throw corrupt('damaged');
    const body = blob.subarray(0, -CHECK_BYTES);
    if (!checksum(body).equals(blob.subarray(-CHECK_BYTES))) throw corrupt('damaged');
    if (body[0] !== VERSION) throw corrupt('version');
    await this.#ready();
    this.unwraps += 1;
    if (!this.#id.equals(body.subarray(1, 1 + ID_BYTES))) throw unavailable('other-device');
    const rest = body.subarray(1 + ID_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, rest.subarray(0, NONCE_BYTES));
    decipher.setAuthTag(rest.subarray(-TAG_BYTES));
    const opened = [decipher.update(rest.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()];
    return new SecretValue(Uint8Array.from(Buffer.concat(opened)));
  }

  async describe(): Promise<WrapperStatus> {
    const problem = await this.#ready().then(
      () => undefined,
      (error: unknown) => (error instanceof PsiError ? error : unavailable('absent')),
    );
    return { device: 'memory', problem, facts: new Map([['wraps', String(this.wraps)]]) };
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  async #ready(): Promise<void> {
    await this.gate;
    if (this.#closed) throw unavailable('absent');
    if (this.failure !== undefined) throw unavailable(this.failure);
  }
}

function checksum(body: Uint8Array): Buffer {
  return createHash('sha256').update(body).digest().subarray(0, CHECK_BYTES);
}

function corrupt(reason: KeyFailure): PsiError {
  return new PsiError('CACHE_CORRUPT', `fake: the blob is no good (${reason})`, {
    hint: 'psi cache refresh',
    details: { reason },
  });
}

function unavailable(reason: KeyFailure): PsiError {
  const retry = reason === 'absent' || reason === 'busy' || reason === 'timeout' ? 'later' : 'no';
  return new PsiError('KEY_UNAVAILABLE', `fake: no key (${reason})`, {
    hint: 'bring the key back',
    retry,
    details: { reason },
  });
}
