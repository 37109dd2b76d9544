// Every way in which a cache file of version 1 can be wrong, each with its own defect and hint. The offsets are those of
// docs/cache-format.md.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { EncryptedCacheFile } from '../../../../src/adapters/cache-file/cache-file.ts';
import { PsiError } from '../../../../src/core/error.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';
import { cacheEntry } from '../../../contract/cache-file.contract.ts';
import { oldFile } from '../../../fakes/old-cache-file.ts';
import { FakeKeyWrapper } from '../../../fakes/key-wrapper.fake.ts';

const entries = [cacheEntry('DB_HOST', 'canary-value-1'), cacheEntry('DB_PASS', 'canary-value-2')];

describe('a wrong cache file of version 1', () => {
  const keys = new FakeKeyWrapper('tpm');
  let dir: string;
  let path: string;
  let file: EncryptedCacheFile;
  let good: Buffer;
  let other: Buffer;
  let wrappedEnd: number;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'psi-cache-'));
    path = join(dir, 'cache.enc');
    file = new EncryptedCacheFile({ recipients: { own: [keys], recovery: [] } }, { path });
    other = await written();
    good = await written();
    wrappedEnd = 48 + good.readUInt32BE(40);
  });
  after(() => rm(dir, { recursive: true }));

  async function written(): Promise<Buffer> {
    const dataKey = randomBytes(32);
    return oldFile(entries, dataKey, {
      backend: 'tpm',
      fileId: randomBytes(16),
      nonceField: randomBytes(8),
      writtenAt: 1_700_000_000_000,
      wrappedKey: await keys.wrap(new SecretValue(dataKey)),
    });
  }

  async function defectOf(bytes: Uint8Array): Promise<string> {
    await writeFile(path, bytes);
    const thrown: unknown = await file.read().then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(thrown instanceof PsiError, 'it is refused');
    assert.equal(thrown.code, 'CACHE_CORRUPT');
    assert.match(thrown.hint ?? '', /psi cache refresh/);
    assert.doesNotMatch(thrown.message + String(thrown.hint) + JSON.stringify(thrown), /canary/);
    return String(thrown.details['defect']);
  }

  const flipped = (at: number, bit: number): Buffer => {
    const bytes = Buffer.from(good);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
    return bytes;
  };

  const expected = (at: number): readonly string[] => {
    if (at < 4) return ['not-a-cache'];
    if (at < 6) return ['old-version', 'future-version', 'python-cache'];
    if (at === 6) return ['unknown-backend', 'other-backend'];
    if (at === 7) return ['bad-header'];
    if (at < 24) return ['mixed-files'];
    if (at < 32) return ['header-altered'];
    if (at < 40) return ['header-altered', 'bad-header'];
    if (at < 48) return ['truncated', 'trailing-bytes', 'bad-header'];
    if (at < wrappedEnd) return ['key-damaged', 'key-version'];
    if (at < wrappedEnd + 16) return ['header-altered'];
    return at < wrappedEnd + 32 ? ['mixed-files'] : ['content-altered'];
  };

  it('is named for every bit of every byte that is flipped, header and content', async () => {
    for (let at = 0; at < good.length; at += 1) {
      const bits = at < wrappedEnd + 32 ? [0, 1, 2, 3, 4, 5, 6, 7] : [at % 8];
      for (const bit of bits) {
        const defect = await defectOf(flipped(at, bit));
        assert.ok(expected(at).includes(defect), `byte ${String(at)}, bit ${String(bit)}: ${defect}`);
      }
    }
  });

  it('is truncated at every length', async () => {
    for (let length = 0; length < good.length; length += 1) {
      assert.equal(await defectOf(good.subarray(0, length)), 'truncated', String(length));
    }
  });

  it('is too long with anything behind it', async () => {
    for (const tail of [1, 16, 4096]) {
      assert.equal(await defectOf(Buffer.concat([good, Buffer.alloc(tail)])), 'trailing-bytes');
    }
  });

  it('is mixed when it has the header of another file', async () => {
    const swapped = Buffer.concat([other.subarray(0, wrappedEnd + 16), good.subarray(wrappedEnd + 16)]);
    assert.equal(await defectOf(swapped), 'mixed-files');
  });

  it('is altered when the header of another file was made to fit', async () => {
    const content = Buffer.from(good.subarray(wrappedEnd + 16));
    other.copy(content, 0, 8, 24);
    assert.equal(await defectOf(Buffer.concat([other.subarray(0, wrappedEnd + 16), content])), 'content-altered');
  });

  it('has an old or a future version', async () => {
    const versioned = (version: number): Buffer => {
      const bytes = Buffer.from(good);
      bytes.writeUInt16BE(version, 4);
      return bytes;
    };
    assert.equal(await defectOf(versioned(0)), 'old-version');
    assert.equal(await defectOf(versioned(3)), 'future-version');
    assert.equal(await defectOf(versioned(65_535)), 'future-version');
  });

  it('is of another backend', async () => {
    const bytes = Buffer.from(good);
    bytes[6] = 2;
    assert.equal(await defectOf(bytes), 'other-backend');
  });

  it('is no cache when another program wrote it', async () => {
    assert.equal(await defectOf(Buffer.from('{"entries": {}}')), 'not-a-cache');
    assert.equal(await defectOf(Buffer.from('gAAAAABl')), 'not-a-cache');
  });

  it('is not asked of the key when the header alone tells', async () => {
    const before = keys.unwraps;
    await defectOf(flipped(0, 0));
    await defectOf(flipped(10, 0));
    await defectOf(good.subarray(0, 100));
    assert.equal(keys.unwraps, before);
  });

  it('says another hint for each defect', async () => {
    const hints = new Map<string, string>();
    const samples = [
      flipped(0, 0),
      flipped(5, 0),
      flipped(5, 1),
      flipped(6, 7),
      flipped(7, 0),
      flipped(9, 0),
      flipped(25, 0),
    ];
    for (const bytes of [...samples, flipped(50, 0), flipped(good.length - 1, 0), good.subarray(0, 60)]) {
      await writeFile(path, bytes);
      await file.read().catch((error: unknown) => {
        assert.ok(error instanceof PsiError);
        hints.set(String(error.details['defect']), `${error.message} ${String(error.hint)}`);
      });
    }
    assert.equal(hints.size, 10);
    assert.equal(new Set(hints.values()).size, 10);
  });

  it('is not blamed when the key is away: the file may be good', async () => {
    await writeFile(path, good);
    keys.failure = 'absent';
    await assert.rejects(file.read(), { code: 'KEY_UNAVAILABLE', retry: 'later' });
    keys.failure = undefined;
    assert.equal((await file.read())?.entries.length, 2);
  });
});
