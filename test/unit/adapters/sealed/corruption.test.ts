// Every way in which the file of a sealed value can be wrong, each with its own defect and words: as those of the cache, and what is theirs alone.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import fc from 'fast-check';

import { SealedFolder } from '../../../../src/adapters/sealed/sealed-folder.ts';
import { PsiError } from '../../../../src/core/error.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';
import type { Recipients } from '../../../../src/sealing/recipients.ts';
import { FakeKeyWrapper } from '../../../fakes/key-wrapper.fake.ts';
import {
  adopted,
  bitsOf,
  FILE_ID,
  flipDefects,
  flipped,
  MAC,
  picked,
  renumbered,
  stanzasEnd,
  stanzasOf,
  withStanzas,
  wrongStanzas,
} from '../../../fakes/sealed-file.ts';
import { RECOVERY } from '../../../fakes/sealed-stage.ts';

const FRONT = ['not-sealed', ['old-version', 'future-version']] as const;
const IN_USE = { name: 'db', asideAt: null };

describe('a wrong file of a sealed value', () => {
  const keys = new FakeKeyWrapper('tpm');
  const all: Recipients = { own: [keys, new FakeKeyWrapper('hsm')], recovery: [RECOVERY] };
  let stateDir: string;
  let path: string;
  let good: Buffer;
  /** Of the same name, under the same data key; and one under another key. */
  let sibling: Buffer;
  let other: Buffer;

  const folder = (recipients: Recipients = { ...all, own: [keys] }): SealedFolder =>
    new SealedFolder({ recipients }, { stateDir });

  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'psi-sealed-'));
    path = join(stateDir, 'sealed', 'db');
    const made: Buffer[] = [];
    const sealing = folder(all);
    for (let at = 0; at < 2; at += 1) {
      await sealing.write('db', SecretValue.fromText(`canary-${String(at)}`), 1_700_000_000_000 + at);
      made.push(await readFile(path));
    }
    await folder(all).write('db', SecretValue.fromText('canary-2'), 1_700_000_000_002);
    made.push(await readFile(path));
    [sibling, good, other] = [made[0] ?? Buffer.alloc(0), made[1] ?? Buffer.alloc(0), made[2] ?? Buffer.alloc(0)];
    assert.equal(stanzasOf(good).length, 3);
  });
  after(() => rm(stateDir, { recursive: true }));

  // One folder for all: what it has opened before is in its memory, and must not make up for what is wrong.
  let files: SealedFolder;
  before(async () => {
    files = folder();
    await writeFile(path, good);
    await files.read('db');
  });

  async function refusalOf(bytes: Uint8Array): Promise<PsiError> {
    await writeFile(path, bytes);
    const thrown: unknown = await files.read('db').then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(thrown instanceof PsiError, 'it is refused');
    assert.equal(thrown.code, 'CACHE_CORRUPT');
    assert.match(thrown.hint ?? '', /psi (?:sealed store NAME|cache recover --identity)/);
    assert.doesNotMatch(thrown.hint ?? '', /cache refresh/);
    assert.doesNotMatch(thrown.message + String(thrown.hint) + JSON.stringify(thrown), /canary/);
    return thrown;
  }
  const defectOf = async (bytes: Uint8Array): Promise<string> => String((await refusalOf(bytes)).details['defect']);

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

  it('is truncated at every length, and too long with anything behind it', async () => {
    for (let length = 0; length < good.length; length += 1) {
      assert.equal(await defectOf(good.subarray(0, length)), 'truncated', String(length));
    }
    for (const tail of [1, 16, 4096]) {
      assert.equal(await defectOf(Buffer.concat([good, Buffer.alloc(tail)])), 'trailing-bytes');
    }
  });

  for (const [what, make, defect] of CASES) {
    it(`with ${what}: ${defect}`, async () => {
      assert.equal(await defectOf(make()), defect);
    });
  }

  it('is told from one of the same key: its stanzas, its header and its content are no other’s', async () => {
    const foreign = stanzasOf(sibling);
    assert.equal(await defectOf(withStanzas(good, foreign)), 'mixed-stanzas');
    const end = stanzasEnd(good) + MAC;
    assert.equal(await defectOf(Buffer.concat([sibling.subarray(0, end), good.subarray(end)])), 'mixed-files');
    const fitting = Buffer.concat([
      sibling.subarray(0, end),
      sibling.subarray(8, 8 + FILE_ID),
      good.subarray(end + FILE_ID),
    ]);
    assert.equal(await defectOf(fitting), 'content-altered');
    // The key of the stanzas is the same: with the good one's file id in them they are its own.
    const same = withStanzas(
      good,
      foreign.map((stanza) => adopted(good, stanza)),
    );
    assert.ok(same.equals(good));
  });

  it('with its only fit stanza dropped is refused to the recovery key as well', async () => {
    await writeFile(path, renumbered(picked(good, 1, 2)));
    const { fileId, stanzas } = await files.recoverable(IN_USE);
    const dataKey = new SecretValue((stanzas[0]?.wrappedKey ?? new Uint8Array(0)).map((byte) => byte ^ 0xff));
    await assert.rejects(files.readWith(IN_USE, fileId, dataKey), { details: { defect: 'header-altered' } });
    await writeFile(path, good);
    assert.equal((await files.readWith(IN_USE, fileId, dataKey)).exposeText(), 'canary-1');
  });

  it('is that of another name, whatever it is called on the disk', async () => {
    await writeFile(path, good);
    await cp(path, join(stateDir, 'sealed', 'other'));
    await assert.rejects(files.read('other'), { details: { defect: 'other-name' } });
    await cp(path, join(stateDir, 'sealed', '.aside', 'other~12'));
    await assert.rejects(files.readAt({ name: 'other', asideAt: 12 }), { details: { defect: 'other-name' } });
  });

  it('is no cache, and a cache is none of it', async () => {
    const asCache = Buffer.from(good);
    asCache.write('PSIC', 0, 'latin1');
    assert.equal(await defectOf(asCache), 'not-sealed');
  });

  it('is never opened with any other choice of stanzas of two files, and any number of bytes changed', async () => {
    const strange = stanzasOf(other);
    const pool = [...stanzasOf(good), ...strange, ...strange.map((stanza) => adopted(good, stanza))];
    const changes = fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 })), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(pool.length - 1), { maxLength: 10 }),
        fc.boolean(),
        changes,
        async (indexes, anew, list) => {
          const made = withStanzas(
            good,
            indexes.map((index) => pool[index] ?? Buffer.alloc(0)),
          );
          const bytes = Buffer.from(anew ? renumbered(made) : made);
          for (const [at, change] of list) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ change;
          fc.pre(!bytes.equals(good));
          await defectOf(bytes);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('says other words for each defect', async () => {
    const said = new Map<string, string>();
    const samples = [
      ...[0, 4, 5, 6, 9, 25].map((at) => flipped(good, at, at === 5 ? 1 : 0)),
      ...[flipped(good, 5, 0), flipped(good, 52, 7), flipped(good, 52 + 22, 0), flipped(good, good.length - 1, 0)],
      ...[good.subarray(0, 60), Buffer.concat([good, Buffer.alloc(1)])],
      ...CASES.map(([, make]) => make()),
    ];
    for (const bytes of samples) {
      const { details, message, hint } = await refusalOf(bytes);
      said.set(String(details['defect']), `${message} ${String(hint)}`);
    }
    assert.equal(said.size, 17, [...said.keys()].join());
    assert.equal(new Set(said.values()).size, said.size);
  });
});
