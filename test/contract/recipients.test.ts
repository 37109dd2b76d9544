// One cache file for a software TPM, a soft token and a recovery key at once: each opens it when the others are gone, and a reseal brings
// back who was.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { generateX25519Identity, identityToRecipient } from 'age-encryption';

import { SoftTpm } from '../../packages/node-tpm2-tss/test/swtpm.ts';
import { AgeRecipient, unwrapWithIdentities } from '../../src/adapters/age/age.ts';
import { EncryptedCacheFile } from '../../src/adapters/cache-file/cache-file.ts';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { HsmKeyWrapper } from '../../src/adapters/hsm/key-wrapper.ts';
import { TpmKeyWrapper } from '../../src/adapters/tpm/key-wrapper.ts';
import { SecretCache } from '../../src/cache/cache.ts';
import { CacheReseal } from '../../src/cache/reseal.ts';
import { PsiError } from '../../src/core/error.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import type { RecipientState } from '../../src/sealing/recipient-state.ts';
import type { Recipients } from '../../src/sealing/recipients.ts';
import { noSoftToken, PIN, softToken } from '../doubles/pkcs11/soft-token.ts';
import { cacheEntry, plain } from './cache-file.contract.ts';

const skip = noSoftToken ?? false;
const ENTRIES = [cacheEntry('A', 'canary-value-a'), cacheEntry('B', 'canary-value-b')];

async function stage(t: TestContext) {
  const dir = await mkdtemp(join(tmpdir(), 'psi-recipients-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const [tpm, token] = [await SoftTpm.start(), await softToken({ keys: ['psi', 'second'] })];
  t.after(() => Promise.all([tpm.dispose(), token.dispose()]));
  const identity = await generateX25519Identity();
  const recovery = [new AgeRecipient(await identityToRecipient(identity))];
  const pin = { name: 'the test', read: () => Promise.resolve(SecretValue.fromText(PIN)) };
  const tpmKeys = (tcti = tpm.tcti): TpmKeyWrapper =>
    new TpmKeyWrapper({ auth: undefined }, { tcti, pcrs: [11], bank: 'sha256' });
  /** `label`: another key in the same place is another card. */
  const hsmKeys = (label = 'psi'): HsmKeyWrapper => {
    const target = { ...token.target, key: { label, id: undefined } };
    const made = new HsmKeyWrapper(
      { clock: systemClock, pins: [pin] },
      { target, publicKeyPath: join(dir, 'hsm.pem') },
    );
    t.after(() => made.close());
    return made;
  };
  const path = join(dir, 'cache.enc');
  const fileFor = (recipients: Partial<Recipients>): EncryptedCacheFile =>
    new EncryptedCacheFile({ recipients: { own: [], recovery, ...recipients } }, { path });
  return { tpm, token, identity, tpmKeys, hsmKeys, fileFor };
}

const opening = (states: readonly RecipientState[] | undefined): readonly unknown[] =>
  (states ?? []).map(({ kind, sealed, opens, problem }) => [
    kind,
    sealed,
    opens,
    ...(problem ? [problem.message] : []),
  ]);

async function valuesOf(file: EncryptedCacheFile): Promise<readonly object[] | undefined> {
  return (await file.read())?.entries.map(plain);
}

test('each of the host opens it when the other is gone; with both gone it is the recovery key', { skip }, async (t) => {
  const { tpm, token, identity, tpmKeys, hsmKeys, fileFor } = await stage(t);
  const file = fileFor({ own: [tpmKeys(), hsmKeys()] });
  assert.deepEqual((await file.write({ entries: ENTRIES, writtenAt: 1 })).missed, []);
  const all = [
    ['tpm', true, true],
    ['hsm', true, true],
    ['recovery', true, null],
  ];
  assert.deepEqual(opening(await file.recipients({ logIn: true })), all);
  assert.deepEqual(await valuesOf(file), ENTRIES.map(plain));

  await tpm.powerOff();
  assert.deepEqual(await valuesOf(file), ENTRIES.map(plain), 'by the token');
  const other = await SoftTpm.start();
  t.after(() => other.dispose());
  const onNewBoard = fileFor({ own: [tpmKeys(other.tcti), hsmKeys()] });
  assert.deepEqual(await valuesOf(onNewBoard), ENTRIES.map(plain), 'by the token');

  await token.faults('C_GetSlotList 1 9999999 none 0');
  const refused: unknown = await onNewBoard.read().catch((error: unknown) => error);
  assert.ok(refused instanceof PsiError);
  assert.deepEqual([refused.code, refused.retry], ['KEY_UNAVAILABLE', 'later'], 'the card may come back');
  assert.match(refused.message, /^tpm: sealed by another TPM.*; hsm: the token /);
  assert.match(String(refused.hint), /^`podman exec -i psi psi cache recover --identity - < KEY_FILE` opens it/);

  const { fileId, stanzas } = (await onNewBoard.recoverable()) ?? assert.fail('there is a file');
  const dataKey = await unwrapWithIdentities(
    [SecretValue.fromText(identity)],
    stanzas.map(({ wrappedKey }) => wrappedKey),
  );
  assert.ok(dataKey);
  assert.deepEqual((await onNewBoard.readWith(fileId, dataKey)).entries.map(plain), ENTRIES.map(plain));
});

function runningWith(file: EncryptedCacheFile): { readonly cache: SecretCache; readonly reseal: CacheReseal } {
  const log = { opened: () => undefined, problem: () => undefined, recovered: () => undefined };
  const cache = new SecretCache({ file, backends: ['tpm', 'hsm'], clock: systemClock, log }, { maxAgeMs: undefined });
  return {
    cache,
    reseal: new CacheReseal({ running: { cache, settings: '' }, settingsNow: () => Promise.resolve('') }),
  };
}

test('a PCR that moved shuts out the TPM alone, and a reseal lets it in again', { skip }, async (t) => {
  const { tpm, tpmKeys, hsmKeys, fileFor } = await stage(t);
  const file = fileFor({ own: [tpmKeys(), hsmKeys()] });
  await file.write({ entries: ENTRIES, writtenAt: 1 });
  await tpm.extend(11);
  assert.deepEqual(opening(await file.recipients({ logIn: false })), [
    ['tpm', true, false, 'PCR 11 (sha256) changed since sealing'],
    ['hsm', true, null],
    ['recovery', true, null],
  ]);
  const { cache, reseal } = runningWith(file);
  await cache.open();
  const { recipients, exit } = await reseal.reseal();
  assert.deepEqual(
    [exit, opening(recipients)],
    [
      0,
      [
        ['tpm', true, true],
        ['hsm', true, true],
        ['recovery', true, null],
      ],
    ],
  );
  await cache.close();
});

test(
  'a new card is sealed for, though its public key was never seen: the old one is what is kept',
  { skip },
  async (t) => {
    const { tpmKeys, hsmKeys, fileFor } = await stage(t);
    await fileFor({ own: [tpmKeys(), hsmKeys('psi')] }).write({ entries: ENTRIES, writtenAt: 1 });
    // The TPM opens it, so nobody asks the card.
    const file = fileFor({ own: [tpmKeys(), hsmKeys('second')] });
    const { cache, reseal } = runningWith(file);
    await cache.open();
    const { recipients, exit } = await reseal.reseal();
    assert.deepEqual(
      [exit, opening(recipients)],
      [
        0,
        [
          ['tpm', true, true],
          ['hsm', true, true],
          ['recovery', true, null],
        ],
      ],
    );
    assert.deepEqual(await valuesOf(fileFor({ own: [hsmKeys('second')] })), ENTRIES.map(plain));
    await assert.rejects(fileFor({ own: [hsmKeys('psi')] }).read(), { code: 'KEY_UNAVAILABLE' });
    await cache.close();
  },
);

test('a TPM that is away leaves a save to the token, and the next save has it again', { skip }, async (t) => {
  const { tpm, tpmKeys, hsmKeys, fileFor } = await stage(t);
  const file = fileFor({ own: [tpmKeys(), hsmKeys()] });
  await file.write({ entries: [], writtenAt: 1 });
  await tpm.powerOff();
  const { missed } = await file.write({ entries: ENTRIES, writtenAt: 2 });
  assert.deepEqual(
    missed.map(({ kind, error }) => [kind, error.details['reason']]),
    [['tpm', 'absent']],
  );
  assert.deepEqual(opening(await file.recipients({ logIn: true })), [
    ['hsm', true, true],
    ['recovery', true, null],
    ['tpm', false, null],
  ]);
  await tpm.powerOn();
  assert.deepEqual((await file.write({ entries: ENTRIES, writtenAt: 3 })).missed, []);
  assert.deepEqual(opening(await file.recipients({ logIn: false })), [
    ['tpm', true, true],
    ['hsm', true, null],
    ['recovery', true, null],
  ]);
});

test('with the TPM alone and away nothing is written: the file on disk opens when it is back', { skip }, async (t) => {
  const { tpm, tpmKeys, fileFor } = await stage(t);
  const file = fileFor({ own: [tpmKeys()] });
  await file.write({ entries: ENTRIES, writtenAt: 1 });
  await tpm.powerOff();
  await assert.rejects(file.write({ entries: [], writtenAt: 2 }), { code: 'KEY_UNAVAILABLE', retry: 'later' });
  await tpm.powerOn();
  assert.deepEqual(await valuesOf(file), ENTRIES.map(plain));
});
