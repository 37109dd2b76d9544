// Every way in which a cache file can be wrong, each with its own defect and hint. The offsets are those of docs/cache-format.md.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
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
import {
  adopted,
  bitsOf,
  flipDefects,
  flipped,
  HEADER,
  MAC,
  picked,
  renumbered,
  STANZA,
  stanzasEnd,
  stanzasOf,
  withStanzas,
  wrongStanzas,
} from '../../../fakes/sealed-file.ts';

const entries = [cacheEntry('DB_HOST', 'canary-value-1'), cacheEntry('DB_PASS', 'canary-value-2')];

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
    assert.equal(stanzasOf(good).length, 3);
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

  const FRONT = ['not-a-cache', ['old-version', 'future-version', 'python-cache']] as const;
  const CASES = wrongStanzas(
    () => good,
    () => other,
  );

  it('is named for every byte that is flipped, and every bit of each field', async () => {
    for (let at = 0; at < good.length; at += 1) {
      for (const bit of bitsOf(good, at)) {
        const defect = await defectOf(flipped(good, at, bit));
        assert.ok(flipDefects(good, at, FRONT).includes(defect), `byte ${String(at)}, bit ${String(bit)}: ${defect}`);
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
    const end = stanzasEnd(good) + MAC;
    assert.equal(await defectOf(Buffer.concat([other.subarray(0, end), good.subarray(end)])), 'mixed-files');
  });

  it('is altered when the header of another file was made to fit', async () => {
    const content = Buffer.from(good.subarray(stanzasEnd(good) + MAC));
    other.copy(content, 0, 8, 24);
    const fitting = Buffer.concat([other.subarray(0, stanzasEnd(good) + MAC), content]);
    assert.equal(await defectOf(fitting), 'content-altered');
  });

  for (const [what, make, defect] of CASES) {
    it(`with ${what}: ${defect}`, async () => {
      assert.equal(await defectOf(make()), defect);
    });
  }

  it('with its only fit stanza dropped is refused to the recovery key as well', async () => {
    await writeFile(path, renumbered(picked(good, 1, 2)));
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
    const strange = stanzasOf(other);
    const all = [...stanzasOf(good), ...strange, ...strange.map((stanza) => adopted(good, stanza))];
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
    const many = Array.from({ length: 9 }, () => stanzasOf(good)[0] ?? Buffer.alloc(0));
    assert.equal(await defectOf(renumbered(withStanzas(good, many))), 'bad-stanzas');
    const long = Buffer.concat([stanzasOf(good)[0] ?? Buffer.alloc(0), Buffer.alloc(17_000)]);
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
    const made = new URL('../../../vectors/python-psi/cache/', import.meta.url);
    const names = (await readdir(made)).toSorted();
    assert.equal(names.length, 4);
    for (const name of names) {
      const { details } = await refusalOf(await readFile(new URL(name, made)));
      assert.deepEqual(details, { defect: 'python-cache', damaged: false }, name);
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
    for (const bytes of [
      flipped(good, 0, 0),
      flipped(good, 10, 0),
      good.subarray(0, 100),
      picked(good, 1, 0, 2),
      picked(good, 0, 1),
    ]) {
      await defectOf(bytes);
    }
    assert.equal(keys.unwraps, before);
  });

  it('says another hint or message for each defect', async () => {
    const said = new Map<string, string>();
    const samples = [
      ...[
        flipped(good, 0, 0),
        flipped(good, 5, 0),
        flipped(good, 5, 1),
        flipped(good, 6, 0),
        flipped(good, 9, 0),
        flipped(good, 25, 0),
      ],
      ...[
        flipped(good, HEADER, 7),
        flipped(good, HEADER + STANZA, 0),
        flipped(good, good.length - 1, 0),
        good.subarray(0, 60),
      ],
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
