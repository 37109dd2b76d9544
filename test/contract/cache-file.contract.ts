// What every cache file does, whatever it is written on.

import assert from 'node:assert/strict';
import { it, describe } from 'node:test';

import type { CacheEntry } from '../../src/cache/bundle.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import type { CacheFile } from '../../src/cache/cache-file.ts';

export type CacheFileUnderTest = {
  readonly file: CacheFile;
  /** Damages what is on disk. */
  readonly damage: () => Promise<void>;
};

export function cacheFileContract(name: string, make: () => Promise<CacheFileUnderTest>): void {
  describe(`${name} as a cache file`, () => {
    it('is nothing until it is written', async () => {
      const { file } = await make();
      assert.equal(await file.read(), undefined);
    });

    it('gives back what was written last, in its order', async () => {
      const { file } = await make();
      await file.write({ entries: [cacheEntry('A', 'first'), cacheEntry('B', '')], writtenAt: 1 });
      assert.ok((await file.write({ entries: [cacheEntry('B', 'x'), cacheEntry('A', 'ü')], writtenAt: 2 })).bytes > 0);
      const content = await file.read();
      assert.equal(content?.writtenAt, 2);
      assert.deepEqual(content.entries.map(plain), [cacheEntry('B', 'x'), cacheEntry('A', 'ü')].map(plain));
    });

    it('holds an empty bundle too', async () => {
      const { file } = await make();
      await file.write({ entries: [], writtenAt: 3 });
      assert.deepEqual(await file.read(), { entries: [], writtenAt: 3 });
    });

    it('says that it is damaged, is moved aside, and then is nothing', async () => {
      const { file, damage } = await make();
      await file.write({ entries: [cacheEntry('A', 'x')], writtenAt: 1 });
      await damage();
      await assert.rejects(file.read(), { code: 'CACHE_CORRUPT', retry: 'no' });
      assert.match(await file.setAside(), /\.bad$/);
      assert.equal(await file.read(), undefined);
    });

    it('is replaced whole by a write over a damaged one', async () => {
      const { file, damage } = await make();
      await file.write({ entries: [cacheEntry('A', 'x')], writtenAt: 1 });
      await damage();
      await file.write({ entries: [cacheEntry('A', 'y')], writtenAt: 2 });
      assert.deepEqual((await file.read())?.entries.map(plain), [plain(cacheEntry('A', 'y'))]);
    });

    it('refuses to move aside what is not there', async () => {
      const { file } = await make();
      await assert.rejects(file.setAside(), { code: 'HOST' });
    });
  });
}

export function cacheEntry(key: string, value: string, fetchedAt = 1_700_000_000_000): CacheEntry {
  return {
    mapping: { provider: 'infisical', project: 'p', path: '/app', key },
    value: SecretValue.fromText(value),
    fetchedAt,
    tick: undefined,
    version: undefined,
  };
}

/** An entry as assertions can compare it. */
export function plain({ mapping, value, fetchedAt, version, literal }: CacheEntry): object {
  return {
    ...mapping,
    fetchedAt,
    version,
    literal: literal === true,
    value: Buffer.from(value.expose()).toString('hex'),
  };
}
