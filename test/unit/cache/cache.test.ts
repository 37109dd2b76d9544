import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { PsiError, type ErrorCode } from '../../../src/core/error.ts';
import { UNKNOWN_CALLER } from '../../../src/core/caller.ts';
import { momentOf } from '../../../src/core/fetched.ts';
import type { Mapping } from '../../../src/core/mapping.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { healthOf } from '../../../src/cache/status.ts';
import { SecretCache } from '../../../src/cache/cache.ts';
import type { Answer } from '../../../src/lookup/answer.ts';
import { Lookup } from '../../../src/lookup/lookup.ts';
import { StatusBoard } from '../../../src/lookup/status.ts';
import { cacheEntry } from '../../contract/cache-file.contract.ts';
import { FakeCacheFile } from '../../fakes/cache-file.fake.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { fetched } from '../../fakes/fetched.ts';

const HOUR = 3_600_000;
const mapping = (key: string) => cacheEntry(key, '').mapping;
const text = (answer: { readonly value: SecretValue; readonly source: string }) =>
  `${answer.source} ${answer.value.exposeText()}`;
const gives = (value: string) => () => Promise.resolve(SecretValue.fromText(value));
const fails = (code: ErrorCode) => () => Promise.reject(new PsiError(code, `provider: ${code}`));
const never = () => Promise.reject(new Error('the provider must not be asked'));
const locked = (retry: 'no' | 'later', reason = 'absent') =>
  new PsiError('KEY_UNAVAILABLE', `the key is away (${reason})`, { hint: 'bring it', retry, details: { reason } });

function stage(options: { readonly maxAgeMs?: number; readonly disk?: Readonly<Record<string, string>> } = {}) {
  const clock = new FakeClock();
  const file = new FakeCacheFile();
  if (options.disk) {
    const entries = Object.entries(options.disk).map(([key, value]) => cacheEntry(key, value, clock.now()));
    file.content = { entries, writtenAt: clock.now() };
  }
  const lines: string[] = [];
  const log = {
    opened: (entries: number) => lines.push(`opened ${String(entries)}`),
    problem: (error: PsiError) => lines.push(`problem ${error.code}`),
    recovered: () => lines.push('recovered'),
  };
  const cache = new SecretCache({ file, backends: ['tpm'], clock, log }, { maxAgeMs: options.maxAgeMs });
  const onDisk = () =>
    Object.fromEntries((file.content?.entries ?? []).map((entry) => [entry.mapping.key, entry.value.exposeText()]));

  const resolve = async (wanted: Mapping, live: () => Promise<SecretValue>): Promise<Answer> => {
    const lookup = new Lookup({
      mappings: { nameOf: () => undefined, whyMissing: () => undefined },
      clock,
      cache,
      readerOf: () => ({
        held: () => undefined,
        read: async () => ({ ...momentOf(clock), value: await live(), version: undefined }),
      }),
      timeoutMs: () => 5_000,
      audit: { lookup: () => undefined },
      status: new StatusBoard({ clock, mappings: { size: 0, get: () => undefined }, version: '0' }),
    });
    return lookup.answer({ id: 'id', mapping: wanted, caller: UNKNOWN_CALLER });
  };
  return { cache, clock, file, lines, onDisk, resolve };
}

describe('cache', () => {
  it('answers from memory what the file held, without asking provider or disk', async () => {
    const { cache, resolve, file } = stage({ disk: { A: 'one' } });
    await cache.open();
    for (let at = 0; at < 3; at += 1) assert.equal(text(await resolve(mapping('A'), never)), 'cache one');
    assert.deepEqual([file.reads, file.writes], [1, 0]);
  });

  it('asks the provider for a miss, remembers the answer and saves it', async () => {
    const { cache, resolve, clock, onDisk } = stage();
    await cache.open();
    assert.equal(text(await resolve(mapping('A'), gives('one'))), 'live one');
    assert.equal(text(await resolve(mapping('A'), never)), 'cache one');
    await clock.advance(5000);
    assert.deepEqual(onDisk(), { A: 'one' });
  });

  it('saves 1,000 misses in a burst at most five times', async () => {
    const { cache, resolve, clock, file } = stage();
    await cache.open();
    for (let at = 0; at < 1000; at += 1) {
      await resolve(mapping(`K${String(at)}`), gives('v'));
      if (at % 10 === 0) await clock.advance(300);
    }
    await clock.advance(60_000);
    assert.ok(file.writes <= 5, String(file.writes));
    assert.equal(file.content?.entries.length, 1000);
  });

  it('remembers no failure', async () => {
    const { cache, resolve } = stage();
    await cache.open();
    await assert.rejects(resolve(mapping('A'), fails('PROVIDER_DOWN')), { code: 'PROVIDER_DOWN' });
    assert.equal(text(await resolve(mapping('A'), gives('one'))), 'live one');
  });

  describe('while the file is being opened', () => {
    const slow = (disk: Readonly<Record<string, string>>) => {
      const made = stage({ disk });
      const gate = Promise.withResolvers<undefined>();
      made.file.gate = gate.promise.then(() => undefined);
      return {
        ...made,
        open: () => {
          gate.resolve(undefined);
        },
      };
    };

    it('answers live, and what it learned is newer than the file', async () => {
      const { cache, resolve, clock, open, onDisk } = slow({ A: 'old', B: 'two' });
      const opening = cache.open();
      assert.equal(text(await resolve(mapping('A'), gives('new'))), 'live new');
      open();
      await opening;
      assert.equal(text(await resolve(mapping('A'), never)), 'cache new');
      assert.equal(text(await resolve(mapping('B'), never)), 'cache two');
      await clock.advance(60_000);
      assert.deepEqual(onDisk(), { A: 'new', B: 'two' });
    });

    it('waits for the file where the provider fails', async () => {
      const { cache, resolve, open } = slow({ A: 'one' });
      void cache.open();
      const answer = resolve(mapping('A'), fails('PROVIDER_DOWN'));
      const missing = resolve(mapping('B'), fails('PROVIDER_DOWN'));
      open();
      assert.equal(text(await answer), 'cache one');
      await assert.rejects(missing, { code: 'PROVIDER_DOWN' });
    });

    it('takes the file where the provider is slower', async () => {
      const { cache, resolve, open } = slow({ A: 'one' });
      void cache.open();
      const answer = resolve(mapping('A'), () => new Promise(() => undefined));
      open();
      assert.equal(text(await answer), 'cache one');
    });

    it('does not bring back what the provider says is gone', async () => {
      const { cache, resolve, open } = slow({ A: 'one' });
      const opening = cache.open();
      const gone = resolve(mapping('A'), fails('NOT_FOUND'));
      open();
      await assert.rejects(gone, { code: 'NOT_FOUND' });
      await opening;
      assert.equal(cache.status().entries, 0);
    });
  });

  describe('past max_age', () => {
    it('asks the provider first, and is young again', async () => {
      const { cache, resolve, clock, onDisk } = stage({ maxAgeMs: HOUR, disk: { A: 'old' } });
      await cache.open();
      await clock.advance(HOUR);
      assert.equal(text(await resolve(mapping('A'), never)), 'cache old');
      await clock.advance(1);
      assert.equal(cache.status().expired, 1);
      assert.equal(text(await resolve(mapping('A'), gives('new'))), 'live new');
      assert.equal(text(await resolve(mapping('A'), never)), 'cache new');
      await clock.advance(5000);
      assert.deepEqual(onDisk(), { A: 'new' });
    });

    it('serves the old value, marked stale with its age, whatever way the provider fails', async () => {
      const { cache, resolve, clock } = stage({ maxAgeMs: HOUR, disk: { A: 'old' } });
      await cache.open();
      await clock.advance(2 * HOUR);
      for (const code of ['PROVIDER_DOWN', 'THROTTLED', 'DEADLINE', 'PROVIDER_DENIED', 'VALUE_HIDDEN'] as const) {
        const answer = await resolve(mapping('A'), fails(code));
        assert.deepEqual([text(answer), answer.ageMs], ['stale old', 2 * HOUR]);
      }
      assert.equal(cache.status().answers.stale, 5);
    });

    it('believes the provider that the secret is gone', async () => {
      const { cache, resolve, clock, onDisk } = stage({ maxAgeMs: HOUR, disk: { A: 'old', B: 'two' } });
      await cache.open();
      await clock.advance(2 * HOUR);
      await assert.rejects(resolve(mapping('A'), fails('NOT_FOUND')), { code: 'NOT_FOUND' });
      await assert.rejects(resolve(mapping('A'), fails('PROVIDER_DOWN')), { code: 'PROVIDER_DOWN' });
      await clock.advance(5000);
      assert.deepEqual(onDisk(), { B: 'two' });
    });

    it('trusts no age that lies in the future: the clock was set back', async () => {
      const { cache, resolve, file, clock } = stage({ maxAgeMs: HOUR });
      file.content = { entries: [cacheEntry('A', 'old', clock.now() + 24 * HOUR)], writtenAt: 1 };
      await cache.open();
      assert.equal(text(await resolve(mapping('A'), gives('new'))), 'live new');
    });
  });

  describe('filled by setup', () => {
    it('holds what was listed, drops what no workload names, and is saved in one write', async () => {
      const { cache, file, onDisk } = stage({ disk: { A: 'old', GONE: 'x', KEPT: 'k' } });
      await cache.open();
      const report = await cache.refill({
        listed: [
          { mapping: mapping('A'), fetched: fetched('new') },
          { mapping: mapping('B'), fetched: fetched('two') },
        ],
        wanted: ['A', 'B', 'KEPT'].map(mapping),
      });
      assert.deepEqual(report, { entries: 3, dropped: 1, saved: true });
      assert.deepEqual(onDisk(), { A: 'new', KEPT: 'k', B: 'two' });
      assert.equal(file.writes, 1);
    });

    it('drops nothing when the run does not know all workloads', async () => {
      const { cache, onDisk } = stage({ disk: { OTHER: 'x' } });
      await cache.open();
      await cache.refill({ listed: [{ mapping: mapping('A'), fetched: fetched('one') }], wanted: undefined });
      assert.deepEqual(onDisk(), { OTHER: 'x', A: 'one' });
    });

    it('rejects when it cannot be saved, answers from memory all the same, and saves later', async () => {
      const { cache, resolve, clock, file, lines, onDisk } = stage();
      await cache.open();
      file.writeFailure = new PsiError('HOST', 'disk full', { hint: 'df -h' });
      const refill = cache.refill({
        listed: [{ mapping: mapping('A'), fetched: fetched('one') }],
        wanted: [mapping('A')],
      });
      await assert.rejects(refill, { code: 'HOST' });
      assert.equal(text(await resolve(mapping('A'), never)), 'cache one');
      assert.deepEqual([cache.status().unsaved, cache.status().problem?.message], [true, 'disk full']);
      await clock.advance(40_000);
      file.writeFailure = undefined;
      await clock.advance(120_000);
      assert.deepEqual(onDisk(), { A: 'one' });
      assert.deepEqual(lines, ['opened 0', 'problem HOST', 'recovered']);
    });

    it('forgets what is named, on disk too', async () => {
      const { cache, onDisk } = stage({ disk: { A: 'one', B: 'two' } });
      await cache.open();
      assert.equal(await cache.forget([mapping('A'), mapping('C')]), 1);
      assert.deepEqual(onDisk(), { B: 'two' });
    });
  });

  describe('with a file that is no good', () => {
    it('sets it aside, says so once, goes on live and writes a new one', async () => {
      const { cache, resolve, clock, file, lines, onDisk } = stage();
      file.broken = true;
      await cache.open();
      const status = cache.status();
      assert.deepEqual(
        [status.state, status.problem?.code, status.problem?.reason, status.setAside],
        ['ready', 'CACHE_CORRUPT', 'truncated', 'cache.enc.bad'],
      );
      assert.equal(text(await resolve(mapping('A'), gives('one'))), 'live one');
      await clock.advance(5000);
      assert.deepEqual(onDisk(), { A: 'one' });
      assert.equal(cache.status().problem, null);
      assert.deepEqual(lines, ['problem CACHE_CORRUPT', 'recovered']);
    });

    it('keeps the good copy in memory when the file goes bad while it runs', async () => {
      const { cache, resolve, file } = stage({ disk: { A: 'one' } });
      await cache.open();
      file.broken = true;
      await assert.rejects(cache.verify(), { code: 'CACHE_CORRUPT' });
      assert.equal(text(await resolve(mapping('A'), never)), 'cache one');
      assert.deepEqual([cache.status().state, file.aside], ['ready', 0]);
    });

    it('verifies a good one by reading it again', async () => {
      const { cache, file } = stage({ disk: { A: 'one', B: 'two' } });
      await cache.open();
      assert.equal((await cache.verify())?.entries.length, 2);
      assert.equal(file.reads, 2);
    });
  });

  describe('with a key that is away', () => {
    it('goes on live, leaves the file alone and says so once', async () => {
      const { cache, resolve, clock, file, lines, onDisk } = stage({ disk: { A: 'old', B: 'two' } });
      file.readFailure = locked('later');
      await cache.open();
      assert.equal(text(await resolve(mapping('A'), gives('new'))), 'live new');
      assert.equal(text(await resolve(mapping('A'), never)), 'cache new');
      await clock.advance(HOUR);
      assert.deepEqual([onDisk(), file.writes], [{ A: 'old', B: 'two' }, 0]);
      assert.deepEqual(lines, ['problem KEY_UNAVAILABLE']);
      assert.equal(cache.status().state, 'locked');
      assert.match(healthOf(cache.status()).cache ?? '', /cache locked: the key is away/);
      await cache.close();
    });

    it('opens the file when the key is back: memory is newer, and both are saved', async () => {
      const { cache, resolve, clock, file, lines, onDisk } = stage({ disk: { A: 'old', B: 'two', C: 'three' } });
      file.readFailure = locked('later');
      await cache.open();
      await resolve(mapping('A'), gives('new'));
      await cache.forget([mapping('C')]);
      await clock.advance(20_000);
      file.readFailure = undefined;
      await clock.advance(60_000);
      assert.equal(text(await resolve(mapping('B'), never)), 'cache two');
      assert.deepEqual(onDisk(), { A: 'new', B: 'two' });
      assert.deepEqual(lines, ['problem KEY_UNAVAILABLE', 'recovered', 'opened 3']);
      assert.match(healthOf(cache.status()).cache ?? '', /cache ready, 2 entries/);
    });

    it('is not asked again by itself where somebody has to act: a PIN has few tries', async () => {
      const { cache, clock, file } = stage({ disk: { A: 'one' } });
      file.readFailure = locked('no', 'auth');
      await cache.open();
      await clock.advance(24 * HOUR);
      assert.equal(file.reads, 1);
      assert.deepEqual([cache.status().problem?.reason, clock.sleeping], ['auth', 0]);
    });

    it('is replaced by a setup that knows all there is', async () => {
      const { cache, file, onDisk } = stage({ disk: { A: 'old', GONE: 'x' } });
      file.readFailure = locked('later');
      await cache.open();
      const report = await cache.refill({
        listed: [{ mapping: mapping('A'), fetched: fetched('new') }],
        wanted: [mapping('A')],
      });
      assert.deepEqual([report.saved, onDisk(), file.aside], [true, { A: 'new' }, 0]);
      assert.equal(cache.status().state, 'ready');
      await cache.close();
    });

    it('is left alone by a setup that could not list everything', async () => {
      const { cache, resolve, file, onDisk } = stage({ disk: { A: 'old', B: 'two' } });
      file.readFailure = locked('later');
      await cache.open();
      const report = await cache.refill({
        listed: [{ mapping: mapping('A'), fetched: fetched('new') }],
        wanted: ['A', 'B'].map(mapping),
      });
      assert.deepEqual([report.saved, onDisk()], [false, { A: 'old', B: 'two' }]);
      assert.equal(text(await resolve(mapping('A'), never)), 'cache new');
      await cache.close();
    });

    it('is left alone by such a setup where a PCR moved, too: it may move back. It is set aside where somebody asks for it', async () => {
      const { cache, file, onDisk } = stage({ disk: { A: 'old', B: 'two' } });
      file.readFailure = locked('no', 'policy');
      await cache.open();
      const listed = [{ mapping: mapping('A'), fetched: fetched('new') }];
      const wanted = ['A', 'B'].map(mapping);
      const left = await cache.refill({ listed, wanted });
      assert.deepEqual([left.saved, file.aside, onDisk()], [false, 0, { A: 'old', B: 'two' }]);
      const report = await cache.refill({ listed, wanted, replace: true });
      assert.deepEqual([report.saved, file.aside, onDisk()], [true, 1, { A: 'new' }]);
      assert.equal(cache.status().setAside, 'cache.enc.bad');
    });

    it('is left alone by a setup that wants nothing at all', async () => {
      const { cache, file, onDisk } = stage({ disk: { A: 'old' } });
      file.readFailure = locked('no', 'policy');
      await cache.open();
      const report = await cache.refill({ listed: [], wanted: [] });
      assert.deepEqual([report.saved, onDisk()], [false, { A: 'old' }]);
    });

    it('tells a failed lookup why the cache did not answer, and what to run once the provider does', async () => {
      const { cache, resolve, file } = stage({ disk: { A: 'old' } });
      file.readFailure = new PsiError('KEY_UNAVAILABLE', 'PCR 7 (sha256) changed since sealing', {
        hint: '`podman exec psi psi cache refresh` seals anew',
      });
      await cache.open();
      await assert.rejects(resolve(mapping('A'), fails('PROVIDER_DOWN')), {
        code: 'PROVIDER_DOWN',
        message: 'provider: PROVIDER_DOWN; and the cache cannot be opened: PCR 7 (sha256) changed since sealing',
        hint: '`podman exec psi psi cache refresh` seals anew, once infisical answers',
      });
      await assert.rejects(resolve(mapping('A'), fails('NOT_FOUND')), { message: 'provider: NOT_FOUND' });
      await cache.close();
    });

    it('tells it of a file that is no good as well, until a run has brought all that is wanted', async () => {
      const { cache, resolve, file } = stage();
      file.broken = true;
      await cache.open();
      await resolve(mapping('A'), gives('one'));
      await assert.rejects(resolve(mapping('B'), fails('PROVIDER_DOWN')), {
        message: /cannot be opened: fake: the cache is/,
      });
      await cache.refill({ listed: [{ mapping: mapping('A'), fetched: fetched('x') }], wanted: [mapping('A')] });
      await assert.rejects(resolve(mapping('B'), fails('PROVIDER_DOWN')), { message: 'provider: PROVIDER_DOWN' });
      await cache.close();
    });

    it('is neither moved nor saved over where another config or another psi opens it', async () => {
      const { cache, resolve, clock, file, onDisk } = stage({ disk: { A: 'old' } });
      const defect = { defect: 'other-backend', damaged: false };
      file.readFailure = new PsiError('CACHE_CORRUPT', 'another backend', { details: defect });
      await cache.open();
      await resolve(mapping('B'), gives('two'));
      await clock.advance(HOUR);
      await cache.close();
      assert.deepEqual([cache.status().state, file.aside, file.writes, onDisk()], ['locked', 0, 0, { A: 'old' }]);
    });

    for (const [reason, opens] of [
      ['other-device', true],
      ['policy', true],
      ['auth', false],
      ['lockout', false],
    ] as const) {
      it(`is tried again by a setup, ${opens ? 'and opens' : 'but never'} where the reason was ${reason}`, async () => {
        const { cache, file, onDisk } = stage({ disk: { A: 'old', B: 'two' } });
        file.readFailure = locked('no', reason);
        await cache.open();
        file.readFailure = undefined;
        const listed = [{ mapping: mapping('A'), fetched: fetched('new') }];
        const report = await cache.refill({ listed, wanted: ['A', 'B'].map(mapping) });
        assert.deepEqual([report.saved, onDisk()['A'], file.reads], opens ? [true, 'new', 2] : [false, 'old', 1]);
        await cache.close();
      });
    }

    it('does not undo a setup by a read that was slower', async () => {
      const { cache, clock, file, onDisk } = stage({ disk: { A: 'old', GONE: 'x' } });
      file.readFailure = locked('later');
      await cache.open();
      await cache.refill({ listed: [{ mapping: mapping('A'), fetched: fetched('new') }], wanted: [mapping('A')] });
      file.readFailure = undefined;
      await clock.advance(HOUR);
      assert.deepEqual([onDisk(), cache.status().entries], [{ A: 'new' }, 1]);
    });
  });

  it('saves what is left when it is closed', async () => {
    const { cache, resolve, onDisk, clock } = stage();
    await cache.open();
    await resolve(mapping('A'), gives('one'));
    await cache.close();
    assert.deepEqual(onDisk(), { A: 'one' });
    assert.equal(clock.sleeping, 0);
  });

  it('tells its status: counts and ages, never a name or value', async () => {
    const { cache, resolve, clock } = stage({ maxAgeMs: HOUR, disk: { CANARY_NAME: 'canary-value' } });
    await cache.open();
    await clock.advance(10_000);
    await resolve(mapping('CANARY_NAME'), never);
    await resolve(mapping('B'), gives('x'));
    const status = cache.status();
    assert.deepEqual(
      [
        status.backends.join(),
        status.state,
        status.entries,
        status.oldestAgeSeconds,
        status.maxAgeSeconds,
        status.unsaved,
      ],
      ['tpm', 'ready', 2, 10, 3600, true],
    );
    assert.deepEqual(status.answers, { live: 1, held: 0, cache: 1, stale: 0 });
    assert.doesNotMatch(JSON.stringify(status), /canary/i);
    await cache.close();
  });

  describe('knows how old a value is', () => {
    const listed = (value: string, clock: FakeClock) => [{ mapping: mapping('A'), fetched: fetched(value, clock) }];

    it('from the moment the provider answered, not from when the cache got it', async () => {
      const { cache, clock, resolve } = stage();
      await cache.open();
      const run = listed('one', clock);
      await clock.advance(250_000);
      await cache.refill({ listed: run, wanted: undefined });
      assert.equal((await resolve(mapping('A'), never)).ageMs, 250_000);
      assert.equal(cache.status().oldestAgeSeconds, 250);
    });

    it('and an older answer never overwrites a newer one', async () => {
      const { cache, clock, resolve, onDisk } = stage({ disk: { A: 'disk' } });
      const early = listed('early', clock);
      await clock.advance(1_000);
      const late = listed('late', clock);
      await cache.refill({ listed: late, wanted: undefined });
      await cache.refill({ listed: early, wanted: undefined });
      assert.equal(text(await resolve(mapping('A'), never)), 'cache late');
      assert.deepEqual(onDisk(), { A: 'late' });
    });

    it('and an answer of this process beats the file, whatever the stamps say', async () => {
      const { cache, clock, file, resolve } = stage();
      file.content = { entries: [cacheEntry('A', 'disk', clock.now() + HOUR)], writtenAt: clock.now() };
      await cache.refill({ listed: listed('live', clock), wanted: undefined });
      assert.equal(text(await resolve(mapping('A'), never)), 'cache live');
    });

    it('and an answer of before the provider said that there is no such secret does not bring it back', async () => {
      const { cache, clock, resolve } = stage({ disk: { A: 'old' }, maxAgeMs: 500 });
      await cache.open();
      const run = listed('listed before', clock);
      await clock.advance(1_000);
      await assert.rejects(resolve(mapping('A'), fails('NOT_FOUND')), { code: 'NOT_FOUND' });
      await cache.refill({ listed: run, wanted: undefined });
      assert.equal(cache.holds(mapping('A')), false);
    });

    it('and a stamp of the future is an age that is not known: past its age, and counted as such', async () => {
      const { cache, clock, file, resolve } = stage({ maxAgeMs: HOUR });
      file.content = { entries: [cacheEntry('A', 'ahead', clock.now() + HOUR)], writtenAt: clock.now() };
      await cache.open();
      const { ageUnknown, expired, oldestAgeSeconds } = cache.status();
      assert.deepEqual([ageUnknown, expired, oldestAgeSeconds], [1, 1, null]);
      const answer = await resolve(mapping('A'), fails('PROVIDER_DOWN'));
      assert.deepEqual([answer.source, answer.ageMs], ['stale', undefined]);
      assert.equal(text(await resolve(mapping('A'), gives('new'))), 'live new');
    });

    it('and a wall clock that is set meanwhile changes no age', async () => {
      const { cache, clock, resolve } = stage({ maxAgeMs: HOUR });
      await cache.open();
      await resolve(mapping('A'), gives('one'));
      await clock.advance(3_000);
      clock.setWall(clock.now() - 2 * HOUR);
      assert.deepEqual((await resolve(mapping('A'), never)).ageMs, 3_000);
    });
  });
});
