// `psi cache reseal` and `psi cache recover`, and what a save tells of a recipient that it was made without.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SecretCache } from '../../../src/cache/cache.ts';
import { CacheReseal } from '../../../src/cache/reseal.ts';
import { PsiError } from '../../../src/core/error.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import type { RecipientState } from '../../../src/sealing/recipient-state.ts';
import { cacheEntry } from '../../contract/cache-file.contract.ts';
import { FakeCacheFile } from '../../fakes/cache-file.fake.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';

const OPENS: RecipientState = {
  kind: 'tpm',
  recipient: null,
  configured: true,
  sealed: true,
  opens: true,
  problem: null,
};
const CLOSED: RecipientState = {
  ...OPENS,
  kind: 'hsm',
  opens: false,
  problem: { code: 'KEY_UNAVAILABLE', message: 'another card', hint: null },
};
const RECOVERY: RecipientState = { ...OPENS, kind: 'recovery', recipient: 'age1a', opens: null };

const gone = (reason = 'other-device', retry: 'no' | 'later' = 'no'): PsiError =>
  new PsiError('KEY_UNAVAILABLE', 'sealed by another TPM', { hint: 'recover it', retry, details: { reason } });
const away = new PsiError('KEY_UNAVAILABLE', 'no TPM answers', { hint: 'look at it', retry: 'later' });

function stage({ settings = 'same' } = {}) {
  const clock = new FakeClock();
  const file = new FakeCacheFile();
  file.content = { entries: [cacheEntry('A', 'old'), cacheEntry('B', 'old')], writtenAt: 1 };
  const lines: string[] = [];
  const log = {
    opened: (entries: number) => lines.push(`opened ${String(entries)}`),
    problem: (error: PsiError) => lines.push(`problem ${error.message}`),
    recovered: () => lines.push('recovered'),
  };
  const cache = new SecretCache({ file, backends: ['tpm'], clock, log }, { maxAgeMs: undefined });
  const reseal = new CacheReseal({
    running: { cache, settings: 'same' },
    settingsNow: () => Promise.resolve(settings),
  });
  return { cache, clock, file, lines, reseal };
}

test('a reseal writes the file anew and tells of each recipient; done is what all of them have', async () => {
  const { reseal, file, cache } = stage();
  file.states = [[OPENS, RECOVERY]];
  await cache.open();
  assert.deepEqual(await reseal.reseal(), {
    entries: 2,
    recovered: null,
    failure: null,
    problem: null,
    recipients: [OPENS, RECOVERY],
    exit: 0,
  });
  assert.equal(file.writes, 1);
});

test('a token that turns out to be another one is sealed for once more: only then its key is known', async () => {
  const { reseal, file } = stage();
  file.states = [
    [OPENS, CLOSED],
    [OPENS, { ...CLOSED, opens: true, problem: null }],
  ];
  assert.equal((await reseal.reseal()).exit, 0);
  assert.equal(file.writes, 2);
});

test('one that does not open it, or has no key in it, is what the exit status tells', async () => {
  const { reseal, file } = stage();
  file.states = [[OPENS, CLOSED]];
  assert.equal((await reseal.reseal()).exit, 69);
  file.states = [[OPENS, { ...RECOVERY, sealed: false }]];
  file.missed = [
    {
      kind: 'recovery',
      parameters: 'age1a',
      error: new PsiError('KEY_UNAVAILABLE', 'it cannot', { hint: 'make one' }),
    },
  ];
  const report = await reseal.reseal();
  assert.deepEqual(
    [report.exit, report.problem?.message, report.problem?.hint],
    [69, 'it was saved without a key for recovery age1a: it cannot', 'make one'],
  );
});

test('a locked file is tried once more, and is not resealed if that does not open it: memory may hold less', async () => {
  const { reseal, file, cache } = stage();
  file.readFailure = gone();
  await cache.open();
  await assert.rejects(reseal.reseal(), { message: 'sealed by another TPM', hint: 'recover it' });
  assert.equal(file.writes, 0);
  file.readFailure = undefined;
  assert.equal((await reseal.reseal()).entries, 2);
});

test('a config that was edited since takes a restart first, and says so', async () => {
  const { reseal, file } = stage({ settings: 'edited' });
  await assert.rejects(reseal.reseal(), {
    code: 'CONFIG_INVALID',
    hint: /restart psi\.service`, then `.* cache reseal`/,
  });
  assert.equal(file.writes, 0);
});

test('while the cache is off there is nothing to reseal or to recover', async () => {
  const off = new CacheReseal({ running: undefined, settingsNow: () => Promise.resolve('off') });
  await assert.rejects(off.reseal(), { code: 'CONFIG_INVALID', message: /nothing to reseal/ });
  assert.throws(() => off.recoverable(), { code: 'CONFIG_INVALID', message: /nothing to recover/ });
});

test('a save that one recipient could not take is a save, and the status says who it was, once', async () => {
  const { cache, file, lines, reseal } = stage();
  await cache.open();
  file.missed = [{ kind: 'tpm', parameters: '', error: away }];
  await reseal.reseal();
  await reseal.reseal();
  const { state, problem, unsaved } = cache.status();
  assert.deepEqual(
    [state, problem?.message, unsaved],
    ['ready', 'it was saved without a key for tpm: no TPM answers', false],
  );
  assert.deepEqual(lines, ['opened 2', 'problem it was saved without a key for tpm: no TPM answers']);
  file.missed = [];
  await reseal.reseal();
  assert.equal(cache.status().problem, null);
});

async function lostStage() {
  const it = stage();
  it.file.readFailure = gone();
  it.file.recoveryKey = 'the data key';
  it.file.states = [[OPENS, RECOVERY]];
  await it.cache.open();
  assert.equal(it.cache.status().state, 'locked');
  const recover = async (fileId?: string) =>
    it.reseal.recover(fileId ?? (await it.reseal.recoverable())?.fileId ?? '', SecretValue.fromText('the data key'));
  return { ...it, recover };
}

test('what is recovered is answered from memory, and sealed for what is there now', async () => {
  const { cache, file, recover, lines } = await lostStage();
  cache.learn(cacheEntry('B', '').mapping, {
    value: SecretValue.fromText('newer'),
    fetchedAt: Date.now(),
    tick: undefined,
    version: undefined,
  });
  const report = await recover();
  assert.deepEqual([report.recovered, report.entries, report.failure, report.exit], [2, 2, null, 0]);
  assert.equal(cache.find(cacheEntry('A', '').mapping)?.fetched.value.exposeText(), 'old');
  assert.equal(cache.find(cacheEntry('B', '').mapping)?.fetched.value.exposeText(), 'newer');
  assert.deepEqual([cache.status().state, cache.whyNot(), file.writes], ['ready', undefined, 1]);
  assert.deepEqual(lines, ['problem sealed by another TPM', 'recovered', 'opened 2']);
});

test('where it cannot be sealed the values are there all the same, the file is as it was, and the exit status tells', async () => {
  const { cache, file, recover } = await lostStage();
  file.writeFailure = away;
  const before = file.content;
  const report = await recover();
  assert.deepEqual(
    [report.recovered, report.entries, report.failure?.message, report.exit],
    [2, 2, 'no TPM answers', 69],
  );
  assert.equal(file.content, before);
  assert.equal(cache.find(cacheEntry('A', '').mapping)?.fetched.value.exposeText(), 'old');
  const { state, unsaved, problem } = cache.status();
  assert.deepEqual([state, unsaved, problem?.message], ['ready', true, 'no TPM answers']);
});

test('a save that fails after a recovery is made by itself when the key is back', async () => {
  const { file, recover, clock } = await lostStage();
  file.writeFailure = away;
  await recover();
  file.writeFailure = undefined;
  const writes = file.writes;
  await clock.advance(31_000);
  assert.equal(file.writes, writes + 1);
});

test('a key of another save, or of nothing, recovers nothing and leaves the cache locked', async () => {
  const { cache, file, recover, reseal } = await lostStage();
  await assert.rejects(recover('f0'), { code: 'CONFLICT' });
  await assert.rejects(reseal.recover('f1', SecretValue.fromText('wrong')), { code: 'CACHE_CORRUPT' });
  assert.deepEqual([cache.status().state, cache.status().entries, file.writes], ['locked', 0, 0]);
});
