// Every way in which a cache file can be wrong, each with its own defect and hint. The offsets are those of docs/cache-format.md.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import fc from 'fast-check';

import { EncryptedCacheFile } from '../../../../src/adapters/cache-file/cache-file.ts';
import { PsiError } from '../../../../src/core/error.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';
import type { RecoveryRecipient } from '../../../../src/sealing/recipients.ts';
import { cacheEntry } from '../../../contract/cache-file.contract.ts';
import { FakeKeyWrapper } from '../../../fakes/key-wrapper.fake.ts';

const entries = [cacheEntry('DB_HOST', 'canary-value-1'), cacheEntry('DB_PASS', 'canary-value-2')];

const HEADER = 52;
const [MAC, FILE_ID] = [32, 16];
/** Of a stanza: kind, number, how many, length of the parameters; length of the wrapped key; file id. */
const STANZA = 22;

/** Where each stanza begins and ends, as the file says. */
function stanzasOf(file: Buffer): readonly (readonly [number, number])[] {
  const end = HEADER + file.readUInt32BE(44);
  const spans: [number, number][] = [];
  for (let at = HEADER; at < end;) {
    const next = at + STANZA + file.readUInt8(at + 3) + file.readUInt16BE(at + 4);
    spans.push([at, next]);
    at = next;
  }
  return spans;
}

/** The file with these in the place of its stanzas, its count and lengths made to fit. */
function withStanzas(file: Buffer, stanzas: readonly Uint8Array[]): Buffer {
  const end = HEADER + file.readUInt32BE(44);
  const front = Buffer.from(file.subarray(0, HEADER));
  front.writeUInt8(stanzas.length, 7);
  front.writeUInt32BE(
    stanzas.reduce((sum, { length }) => sum + length, 0),
    44,
  );
  return Buffer.concat([front, ...stanzas, file.subarray(end)]);
}

describe('a wrong cache file', () => {
  const keys = new FakeKeyWrapper('tpm');
  const second = new FakeKeyWrapper('hsm');
  const recovery: RecoveryRecipient = {
    kind: 'recovery',
    parameters: 'age1recovery',
    wrap: (dataKey) => Promise.resolve(Buffer.from(dataKey.expose()).map((byte) => byte ^ 0x77)),
  };
  let dir: string;
  let path: string;
  let file: EncryptedCacheFile;
  let good: Buffer;
  let other: Buffer;
  let stanzas: readonly Buffer[];
  let strange: readonly Buffer[];
  let stanzasEnd: number;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'psi-cache-'));
    path = join(dir, 'cache.enc');
    // The first opens it; the others' keys stand there as well.
    const sealing = new EncryptedCacheFile({ recipients: { own: [keys, second], recovery: [recovery] } }, { path });
    file = new EncryptedCacheFile({ recipients: { own: [keys], recovery: [recovery] } }, { path });
    await sealing.write({ entries, writtenAt: 1_700_000_000_000 });
    other = await readFile(path);
    await sealing.write({ entries, writtenAt: 1_700_000_000_000 });
    good = await readFile(path);
    stanzasEnd = HEADER + good.readUInt32BE(44);
    stanzas = stanzasOf(good).map(([from, to]) => good.subarray(from, to));
    strange = stanzasOf(other).map(([from, to]) => other.subarray(from, to));
    assert.equal(stanzas.length, 3);
  });
  after(() => rm(dir, { recursive: true }));

  async function refusalOf(bytes: Uint8Array): Promise<PsiError> {
    await writeFile(path, bytes);
    const thrown: unknown = await file.read().then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(thrown instanceof PsiError, 'it is refused');
    assert.equal(thrown.code, 'CACHE_CORRUPT');
    assert.match(thrown.hint ?? '', /psi cache refresh/);
    assert.doesNotMatch(thrown.message + String(thrown.hint) + JSON.stringify(thrown), /canary/);
    return thrown;
  }
  const defectOf = async (bytes: Uint8Array): Promise<string> => String((await refusalOf(bytes)).details['defect']);

  const flipped = (at: number, bit: number): Buffer => {
    const bytes = Buffer.from(good);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
    return bytes;
  };

  const LENGTHS = ['truncated', 'trailing-bytes', 'bad-header'] as const;
  const HEADER_FIELDS: readonly (readonly [number, readonly string[]])[] = [
    [4, ['not-a-cache']],
    [6, ['old-version', 'future-version', 'python-cache']],
    [7, ['bad-header']],
    [8, ['bad-stanzas']],
    [24, ['mixed-files']],
    [36, ['header-altered']],
    [44, ['header-altered', 'bad-header']],
    [52, LENGTHS],
  ];
  /** By the offset in a stanza. The key of the first is asked for; those of the others are covered by the MAC alone. */
  const stanzaField = (at: number, index: number): readonly string[] => {
    if (at === 0) return ['unknown-backend', 'other-backend', 'bad-stanzas', 'header-altered'];
    if (at === 1) return ['stanza-doubled', 'stanza-missing'];
    if (at === 2) return ['bad-stanzas'];
    if (at < 6) return ['bad-stanzas', 'mixed-stanzas'];
    if (at < STANZA) return ['mixed-stanzas'];
    return index === 0 ? ['key-damaged', 'key-version'] : ['header-altered', 'bad-stanzas'];
  };
  const expected = (at: number): readonly string[] => {
    if (at < HEADER) return HEADER_FIELDS.find(([end]) => at < end)?.[1] ?? [];
    if (at < stanzasEnd) {
      const spans = stanzasOf(good);
      const index = spans.findIndex(([, end]) => at < end);
      return stanzaField(at - (spans[index]?.[0] ?? 0), index);
    }
    if (at < stanzasEnd + MAC) return ['header-altered'];
    return at < stanzasEnd + MAC + FILE_ID ? ['mixed-files'] : ['content-altered'];
  };

  /** Random bytes and what a backend made of a key are alike in each of their bits. */
  const isField = (at: number): boolean =>
    at < 8 || (at >= 36 && at < HEADER) || stanzasOf(good).some(([from]) => at >= from && at < from + 6);

  it('is named for every byte that is flipped, and every bit of each field', async () => {
    for (let at = 0; at < good.length; at += 1) {
      const bits = isField(at) ? [0, 1, 2, 3, 4, 5, 6, 7] : [at % 8];
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
    const end = stanzasEnd + MAC;
    assert.equal(await defectOf(Buffer.concat([other.subarray(0, end), good.subarray(end)])), 'mixed-files');
  });

  it('is altered when the header of another file was made to fit', async () => {
    const content = Buffer.from(good.subarray(stanzasEnd + MAC));
    other.copy(content, 0, 8, 24);
    const fitting = Buffer.concat([other.subarray(0, stanzasEnd + MAC), content]);
    assert.equal(await defectOf(fitting), 'content-altered');
  });

  const picked = (...indexes: readonly number[]): Buffer =>
    withStanzas(
      good,
      indexes.map((index) => stanzas[index] ?? Buffer.alloc(0)),
    );
  /** As somebody would who knows the format: numbers and total too. */
  const renumbered = (file_: Buffer): Buffer => {
    const spans = stanzasOf(file_);
    const bytes = Buffer.from(file_);
    for (const [index, [at]] of spans.entries()) bytes.set([index + 1, spans.length], at + 1);
    return bytes;
  };
  /** With the file id of the good one. */
  const adopted = (index: number): Buffer => {
    const bytes = Buffer.from(strange[index] ?? []);
    good.copy(bytes, 6, 8, 24);
    return bytes;
  };
  const swapped = (index: number, stanza: Buffer | undefined): Buffer =>
    withStanzas(good, stanzas.with(index, stanza ?? Buffer.alloc(0)));

  const CASES: readonly (readonly [string, () => Buffer, string])[] = [
    ['its stanzas in another order', () => picked(1, 0, 2), 'stanzas-reordered'],
    ['its stanzas turned round', () => picked(2, 1, 0), 'stanzas-reordered'],
    ['its first stanza dropped', () => picked(1, 2), 'stanza-missing'],
    ['a stanza in the middle dropped', () => picked(0, 2), 'stanza-missing'],
    ['its last stanza dropped', () => picked(0, 1), 'stanza-missing'],
    ['all stanzas dropped', () => picked(), 'bad-stanzas'],
    ['a stanza twice', () => picked(0, 0, 1, 2), 'stanza-doubled'],
    ['a stanza in the place of another', () => picked(0, 2, 2), 'stanza-doubled'],
    ['its own stanza from another file', () => swapped(0, strange[0]), 'mixed-stanzas'],
    ['a stanza of somebody else from another file', () => swapped(2, strange[2]), 'mixed-stanzas'],
    ['another order, numbered anew', () => renumbered(picked(1, 0, 2)), 'header-altered'],
    ['a stanza dropped and the others numbered anew', () => renumbered(picked(0, 2)), 'header-altered'],
    ['its last stanza dropped and the others numbered anew', () => renumbered(picked(0, 1)), 'header-altered'],
    ['a stanza twice, numbered anew', () => renumbered(picked(0, 1, 2, 2)), 'header-altered'],
    ['its own stanza from another file, made to fit', () => swapped(0, adopted(0)), 'header-altered'],
    ['a stanza of somebody else from another file, made to fit', () => swapped(2, adopted(2)), 'header-altered'],
    ['its only fit stanza dropped, numbered anew', () => renumbered(picked(1, 2)), 'other-backend'],
  ];
  for (const [what, make, defect] of CASES) {
    it(`with ${what}: ${defect}`, async () => {
      assert.equal(await defectOf(make()), defect);
    });
  }

  it('with its only fit stanza dropped is refused to the recovery key as well', async () => {
    await writeFile(path, renumbered(picked(1, 2)));
    const { fileId, stanzas: left } = (await file.recoverable()) ?? assert.fail('there is a file');
    const dataKey = new SecretValue((left[0]?.wrappedKey ?? new Uint8Array(0)).map((byte) => byte ^ 0x77));
    await assert.rejects(file.readWith(fileId, dataKey), {
      code: 'CACHE_CORRUPT',
      details: { defect: 'header-altered', damaged: true },
    });
    await writeFile(path, good);
    assert.equal((await file.readWith(fileId, dataKey)).entries.length, 2);
  });

  it('is never opened with any number of bytes changed', async () => {
    const changes = fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(changes, async (list) => {
        const bytes = Buffer.from(good);
        for (const [at, change] of list) bytes[at] = (bytes[at] ?? 0) ^ change;
        fc.pre(!bytes.equals(good));
        await defectOf(bytes);
      }),
      { numRuns: 300 },
    );
  });

  it('is never opened with any other choice of stanzas of two files', async () => {
    const all = [...stanzas, ...strange, ...[0, 1, 2].map(adopted)];
    const choice = fc.array(fc.nat(all.length - 1), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(choice, fc.boolean(), async (indexes, anew) => {
        const made = withStanzas(
          good,
          indexes.map((index) => all[index] ?? Buffer.alloc(0)),
        );
        const bytes = anew ? renumbered(made) : made;
        fc.pre(!bytes.equals(good));
        await defectOf(bytes);
      }),
      { numRuns: 300 },
    );
  });

  it('is refused with more stanzas or longer ones than there may be', async () => {
    const many = Array.from({ length: 9 }, () => stanzas[0] ?? Buffer.alloc(0));
    assert.equal(await defectOf(renumbered(withStanzas(good, many))), 'bad-stanzas');
    const long = Buffer.concat([stanzas[0] ?? Buffer.alloc(0), Buffer.alloc(17_000)]);
    long.writeUInt16BE(long.length - STANZA, 4);
    assert.equal(await defectOf(withStanzas(good, [long])), 'bad-stanzas');
    const huge = Buffer.from(good);
    huge.writeUInt32BE(64 * 1024 + 1, 44);
    assert.equal(await defectOf(huge), 'bad-header');
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
    // As an older version it makes no sense.
    assert.notEqual(await defectOf(versioned(1)), 'future-version');
  });

  it('is that of the Python PSI, and not a newer one', async () => {
    for (const tag of [1, 2]) {
      const bytes = Buffer.concat([Buffer.from('PSIC'), Buffer.of(1, tag), Buffer.alloc(200, 7)]);
      const refusal = await refusalOf(bytes);
      assert.deepEqual(refusal.details, { defect: 'python-cache', damaged: false });
      assert.doesNotMatch(refusal.message, /newer/);
    }
    assert.equal(
      await defectOf(Buffer.concat([Buffer.from('PSIC'), Buffer.of(1, 3), Buffer.alloc(200)])),
      'future-version',
    );
  });

  it('is of another backend', async () => {
    await writeFile(path, good);
    const hsm = new FakeKeyWrapper('credential');
    const elsewhere = new EncryptedCacheFile({ recipients: { own: [hsm], recovery: [] } }, { path });
    await assert.rejects(elsewhere.read(), {
      code: 'CACHE_CORRUPT',
      message: /another `cache\.backend` than the config names \(it was tpm, hsm, recovery\)/,
      hint: /^`podman exec -i psi psi cache recover --identity - < KEY_FILE` opens it/,
    });
  });

  it('is no cache when another program wrote it', async () => {
    assert.equal(await defectOf(Buffer.from('{"entries": {}}')), 'not-a-cache');
    assert.equal(await defectOf(Buffer.from('gAAAAABl')), 'not-a-cache');
  });

  it('is not asked of the key when the header alone tells', async () => {
    const before = keys.unwraps;
    for (const bytes of [flipped(0, 0), flipped(10, 0), good.subarray(0, 100), picked(1, 0, 2), picked(0, 1)]) {
      await defectOf(bytes);
    }
    assert.equal(keys.unwraps, before);
  });

  it('says another hint or message for each defect', async () => {
    const said = new Map<string, string>();
    const samples = [
      ...[flipped(0, 0), flipped(5, 0), flipped(5, 1), flipped(6, 0), flipped(9, 0), flipped(25, 0)],
      ...[flipped(HEADER, 7), flipped(HEADER + STANZA, 0), flipped(good.length - 1, 0), good.subarray(0, 60)],
      ...CASES.map(([, make]) => make()),
      Buffer.concat([Buffer.from('PSIC'), Buffer.of(1, 1), Buffer.alloc(9)]),
      Buffer.concat([good, Buffer.alloc(1)]),
    ];
    for (const bytes of samples) {
      const { details, message, hint } = await refusalOf(bytes);
      said.set(String(details['defect']), `${message} ${String(hint)}`);
    }
    assert.equal(said.size, 18);
    assert.equal(new Set(said.values()).size, said.size);
  });

  it('is not blamed when the key is away: the file may be good, and the hint names the recovery key', async () => {
    await writeFile(path, good);
    keys.failure = 'absent';
    await assert.rejects(file.read(), {
      code: 'KEY_UNAVAILABLE',
      retry: 'later',
      hint: /psi cache recover --identity - .* or: bring the key back/,
    });
    keys.failure = undefined;
    assert.equal((await file.read())?.entries.length, 2);
  });
});
