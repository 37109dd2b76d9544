import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { EncryptedCacheFile, type SaveStep } from '../../../../src/adapters/cache-file/cache-file.ts';
import { splitCacheFile, type CacheEnvelope } from '../../../../src/adapters/cache-file/format.ts';
import { openEntries, sealEntries } from '../../../../src/adapters/cache-file/seal.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';
import type { CacheEntry } from '../../../../src/cache/bundle.ts';
import { splitEnvelope } from '../../../../src/sealing/envelope.ts';
import type { Backend, KeyWrapper } from '../../../../src/sealing/key-wrapper.ts';
import type { Recipients } from '../../../../src/sealing/recipients.ts';
import type { RecipientKind } from '../../../../src/sealing/stanzas.ts';
import { oldFile } from '../../../fakes/old-cache-file.ts';
import vectors from '../../../../docs/cache-format.vectors.json' with { type: 'json' };
import { cacheEntry, cacheFileContract, plain } from '../../../contract/cache-file.contract.ts';
import { FakeCacheFile } from '../../../fakes/cache-file.fake.ts';
import { FakeKeyWrapper } from '../../../fakes/key-wrapper.fake.ts';

const src = (path: string): string => new URL(`../../../../src/${path}`, import.meta.url).href;
const unhex = (text: string): Buffer => Buffer.from(text, 'hex');

/** The shortest wrapper there is: a child process and its parent open each other's files with it. */
const XOR = `{ backend: 'tpm', wrap: async (key) => key.expose().map((byte) => byte ^ 0x5a) }`;
const xorKeys: KeyWrapper = {
  backend: 'tpm',
  wrap: (key) => Promise.resolve(key.expose().map((byte) => byte ^ 0x5a)),
  unwrap: (blob) => Promise.resolve(new SecretValue(blob.map((byte) => byte ^ 0x5a))),
  describe: () => Promise.resolve({ device: 'none', problem: undefined, facts: new Map() }),
  close: () => Promise.resolve(),
};

const opening = (keys: KeyWrapper): { readonly recipients: Recipients } => ({
  recipients: { own: [keys], recovery: [] },
});

describe('cache file', () => {
  let base: string;
  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'psi-cachefile-'));
  });
  after(() => rm(base, { recursive: true }));
  const newPath = async (): Promise<string> => join(await mkdtemp(join(base, 'state-')), 'cache.enc');

  cacheFileContract('the fake', () => {
    const file = new FakeCacheFile();
    return Promise.resolve({
      file,
      damage: () => {
        file.broken = true;
        return Promise.resolve();
      },
    });
  });
  cacheFileContract('the encrypted file', async () => {
    const path = await newPath();
    return {
      file: new EncryptedCacheFile(opening(new FakeKeyWrapper()), { path }),
      damage: async () => {
        await writeFile(path, (await readFile(path)).subarray(0, -1));
      },
    };
  });

  type VectorEntry =
    (typeof vectors.vectors)[number]['entries'][number] | (typeof vectors.old)[number]['entries'][number];
  const entriesOf = (entries: readonly VectorEntry[]): readonly CacheEntry[] =>
    entries.map(({ value, fetchedAt, version, literal, ...mapping }) => ({
      mapping,
      fetchedAt,
      value: new SecretValue(unhex(value)),
      tick: undefined,
      version: version ?? undefined,
      ...(literal && ({ literal: true } as const)),
    }));
  const assertOpens = async (
    vector: { readonly file: string; readonly dataKey: string; readonly writtenAt: number },
    entries: readonly CacheEntry[],
  ): Promise<CacheEnvelope> => {
    const envelope = splitCacheFile(unhex(vector.file));
    assert.ok(typeof envelope !== 'string');
    assert.equal(envelope.writtenAt, vector.writtenAt);
    const opened = await openEntries(envelope, unhex(vector.dataKey));
    assert.ok(typeof opened !== 'string');
    assert.deepEqual(opened.map(plain), entries.map(plain));
    return envelope;
  };

  for (const vector of vectors.old) {
    it(`reads the published vector of version 1 "${vector.name}", which is what version 1 wrote`, async () => {
      const entries = entriesOf(vector.entries);
      const fields = {
        backend: vector.backend as Backend,
        fileId: unhex(vector.fileId),
        nonceField: unhex(vector.nonceField),
        writtenAt: vector.writtenAt,
        wrappedKey: unhex(vector.wrappedKey),
      };
      assert.equal(oldFile(entries, unhex(vector.dataKey), fields).toString('hex'), vector.file);
      const { stanzas } = await assertOpens(vector, entries);
      assert.deepEqual(
        stanzas.map(({ kind, wrappedKey }) => [kind, Buffer.from(wrappedKey).toString('hex')]),
        [[vector.backend, vector.wrappedKey]],
      );
    });
  }

  for (const vector of vectors.vectors) {
    it(`writes and reads the published vector "${vector.name}"`, async () => {
      const entries = entriesOf(vector.entries);
      const sealed = await sealEntries(entries, {
        dataKey: unhex(vector.dataKey),
        fileId: unhex(vector.fileId),
        nonce: unhex(vector.nonce),
        writtenAt: vector.writtenAt,
        stanzas: vector.stanzas.map(({ kind, parameters, wrappedKey }) => ({
          kind: kind as RecipientKind,
          parameters,
          wrappedKey: unhex(wrappedKey),
        })),
      });
      assert.equal(Buffer.from(sealed).toString('hex'), vector.file);
      const { stanzas } = await assertOpens(vector, entries);
      assert.deepEqual(
        stanzas.map((stanza) => ({ ...stanza, wrappedKey: Buffer.from(stanza.wrappedKey).toString('hex') })),
        vector.stanzas,
      );
    });
  }

  it('is of version 1 until the next save, and then of version 2', async () => {
    const path = await newPath();
    const keys = new FakeKeyWrapper();
    const dataKey = randomBytes(32);
    const fields = {
      backend: keys.backend,
      fileId: randomBytes(16),
      nonceField: randomBytes(8),
      writtenAt: 5,
      wrappedKey: await keys.wrap(new SecretValue(dataKey)),
    };
    await writeFile(path, oldFile([cacheEntry('A', 'old')], dataKey, fields));
    const file = new EncryptedCacheFile(opening(keys), { path });
    const content = await file.read();
    assert.deepEqual(content?.entries.map(plain), [plain(cacheEntry('A', 'old'))]);
    assert.equal((await readFile(path)).readUInt16BE(4), 1);
    await file.write(content);
    assert.equal((await readFile(path)).readUInt16BE(4), 2);
    assert.deepEqual(await file.read(), content);
  });

  it('is for its owner alone and holds neither values nor names', async () => {
    const path = await newPath();
    await new EncryptedCacheFile(opening(new FakeKeyWrapper()), { path }).write({
      entries: [cacheEntry('CANARY_NAME', 'canary-value')],
      writtenAt: 1,
    });
    assert.equal((await stat(path)).mode & 0o7777, 0o600);
    assert.doesNotMatch((await readFile(path)).toString('latin1'), /canary|infisical|app/i);
  });

  it('has another key and other nonces after each save of the same content', async () => {
    const path = await newPath();
    const wrapped = new Set<string>();
    const file = new EncryptedCacheFile(opening(xorKeys), { path });
    const parts = new Map<string, Set<string>>();
    for (let at = 0; at < 20; at += 1) {
      await file.write({ entries: [cacheEntry('A', 'x')], writtenAt: 1 });
      const envelope = splitEnvelope(await readFile(path));
      assert.ok(typeof envelope !== 'string');
      wrapped.add(Buffer.from(envelope.stanzas[0]?.wrappedKey ?? []).toString('hex'));
      for (const part of ['fileId', 'nonce', 'mac', 'content'] as const) {
        const seen = parts.get(part) ?? new Set();
        parts.set(part, seen.add(Buffer.from(envelope[part]).toString('hex')));
      }
    }
    assert.deepEqual([wrapped.size, ...[...parts.values()].map((seen) => seen.size)], [20, 20, 20, 20, 20]);
  });

  it('wipes the data key that it was given back', async () => {
    const path = await newPath();
    let given: Uint8Array | undefined;
    const keys: KeyWrapper = {
      ...xorKeys,
      unwrap: async (blob) => {
        const key = await xorKeys.unwrap(blob);
        given = key.expose();
        return key;
      },
    };
    const file = new EncryptedCacheFile(opening(keys), { path });
    await file.write({ entries: [], writtenAt: 1 });
    await file.read();
    assert.deepEqual(
      [...(given ?? [])],
      Array.from({ length: 32 }, () => 0),
    );
  });

  it('leaves the old file and no other when the key cannot be wrapped', async () => {
    const path = await newPath();
    const keys = new FakeKeyWrapper();
    const file = new EncryptedCacheFile(opening(keys), { path });
    await file.write({ entries: [cacheEntry('A', 'old')], writtenAt: 1 });
    keys.failure = 'policy';
    await assert.rejects(file.write({ entries: [], writtenAt: 2 }), { code: 'KEY_UNAVAILABLE' });
    keys.failure = undefined;
    assert.equal((await file.read())?.writtenAt, 1);
    assert.deepEqual(await readdir(join(path, '..')), ['cache.enc']);
  });

  it('lets others run while it saves and opens 5,000 entries', async () => {
    const path = await newPath();
    const file = new EncryptedCacheFile(opening(xorKeys), { path });
    const entries = Array.from({ length: 5000 }, (_, at) => cacheEntry(`KEY_${String(at)}`, 'v'.repeat(1000)));
    const turnsDuring = async (work: Promise<unknown>): Promise<number> => {
      const done = new AbortController();
      const finished = work.finally(() => {
        done.abort();
      });
      let turns = 0;
      for (; !done.signal.aborted; turns += 1) await nextTurn();
      await finished;
      return turns;
    };
    // 5.4 MB in blocks of 16 KiB, each twice (encode, encrypt); 16 entries a turn when they are decoded.
    assert.ok((await turnsDuring(file.write({ entries, writtenAt: 1 }))) >= 600);
    assert.ok((await turnsDuring(file.read())) >= 600);
  });

  it('says what the file system refuses', async () => {
    const path = join(await newPath(), 'below-a-file');
    await writeFile(join(path, '..'), '');
    const file = new EncryptedCacheFile(opening(new FakeKeyWrapper()), { path });
    await assert.rejects(file.read(), { code: 'HOST' });
    await assert.rejects(file.write({ entries: [], writtenAt: 1 }), { code: 'HOST' });
  });

  const killedAt = (step: SaveStep, path: string): Promise<NodeJS.Signals | null> => {
    const script = `
      const { EncryptedCacheFile } = await import(${JSON.stringify(src('adapters/cache-file/cache-file.ts'))});
      const { SecretValue } = await import(${JSON.stringify(src('core/secret-value.ts'))});
      const onStep = (step) => { if (step === ${JSON.stringify(step)}) process.kill(process.pid, 'SIGKILL'); };
      const mapping = { provider: 'infisical', project: 'p', path: '/app', key: 'A' };
      const entries = [{ mapping, value: SecretValue.fromText('new'), fetchedAt: 1 }];
      const file = new EncryptedCacheFile({ recipients: { own: [${XOR}], recovery: [] } }, { path: ${JSON.stringify(path)}, onStep });
      await file.write({ entries, writtenAt: 2 });`;
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'ignore' });
      child.on('error', reject);
      child.on('close', (_code, signal) => {
        resolve(signal);
      });
    });
  };

  for (const [step, expected] of [
    ['wrapped', 'old'],
    ['sealed', 'old'],
    ['created', 'old'],
    ['written', 'old'],
    ['synced', 'old'],
    ['renamed', 'new'],
  ] as const) {
    it(`is whole with the ${expected} content when psi is killed after "${step}", and the next save leaves nothing else`, async () => {
      const path = await newPath();
      const file = new EncryptedCacheFile(opening(xorKeys), { path });
      await file.write({ entries: [cacheEntry('A', 'old')], writtenAt: 1 });
      assert.equal(await killedAt(step, path), 'SIGKILL');
      // What the next start finds.
      const restarted = new EncryptedCacheFile(opening(xorKeys), { path });
      assert.equal((await restarted.read())?.entries[0]?.value.exposeText(), expected);
      await restarted.write({ entries: [cacheEntry('A', 'later')], writtenAt: 3 });
      assert.equal((await restarted.read())?.entries[0]?.value.exposeText(), 'later');
      assert.deepEqual(await readdir(join(path, '..')), ['cache.enc']);
    });
  }
});
