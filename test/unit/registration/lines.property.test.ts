// The rule about lines, whatever goes wrong: a drop-in loses one only where the provider has said on the single read that this very secret is
// gone, or where the config does not ask for it any more; and none is added for a secret that Podman does not hold.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PsiError } from '../../../src/core/error.ts';
import { secretId } from '../../../src/core/naming.ts';
import type { Workload } from '../../../src/core/workload.ts';
import type { SecretSource } from '../../../src/provider/secret-source.ts';
import { secretLines } from '../../../src/registration/drop-in.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { fetched } from '../../fakes/fetched.ts';
import { setupStage, workload } from './setup-stage.ts';

const KEYS = ['A', 'B', 'C', 'D'] as const;
type Key = (typeof KEYS)[number];

/** What a provider says of one key at one place: in its list, and on the single read. */
const AT_PLACE = fc.record({
  list: fc.constantFrom('value', 'hidden', 'absent'),
  get: fc.constantFrom('value', 'hidden', 'denied', 'gone', 'no place', 'down'),
});
const PLACE = fc.record({
  keys: fc.record({ A: AT_PLACE, B: AT_PLACE, C: AT_PLACE, D: AT_PLACE }),
  fails: fc.option(fc.constantFrom('PROVIDER_DOWN', 'PROVIDER_DENIED', 'PLACE_NOT_FOUND', 'NOT_FOUND' as const), {
    nil: undefined,
    freq: 6,
  }),
});
type AtPlace = {
  readonly list: 'value' | 'hidden' | 'absent';
  readonly get: 'value' | 'hidden' | 'denied' | 'gone' | 'no place' | 'down';
};
type AnyPlace = { readonly keys: Readonly<Record<Key, AtPlace>>; readonly fails: PsiError['code'] | undefined };

/** Often none, so that single faults are seen too. */
const SOME = fc.oneof(fc.constant<Key[]>([]), fc.subarray([...KEYS]));

const CASE = fc.record({
  before: fc.subarray([...KEYS], { minLength: 1 }),
  /** `/here` is where it was registered from. */
  here: PLACE,
  there: fc.oneof({ weight: 4, arbitrary: PLACE }, { weight: 1, arbitrary: fc.constant(placeOf([])) }),
  sources: fc.subarray(['/here', '/there'], { minLength: 1 }),
  excluded: SOME,
  recursive: fc.boolean(),
  allowEmpty: fc.boolean(),
  lostMappings: SOME,
  removed: SOME,
  foreign: SOME,
  createFails: fc.boolean(),
  dropInFails: fc.boolean(),
});

const WHY: Readonly<Record<Exclude<AtPlace['get'], 'value'>, PsiError['code']>> = {
  hidden: 'VALUE_HIDDEN',
  denied: 'PROVIDER_DENIED',
  gone: 'NOT_FOUND',
  'no place': 'PLACE_NOT_FOUND',
  down: 'PROVIDER_DOWN',
};

const SHOWN: AtPlace = { list: 'value', get: 'value' };
const UNLISTED: AtPlace = { list: 'absent', get: 'value' };

/** Found by chance: the new place shows what is excluded alone, and of the key that it refuses nobody knows whether it is there. */
const NOTHING_BUT_A_REFUSAL = {
  before: ['B', 'C', 'D'] as Key[],
  here: { keys: { A: SHOWN, B: SHOWN, C: SHOWN, D: SHOWN }, fails: undefined },
  there: {
    keys: { A: SHOWN, B: UNLISTED, C: { ...UNLISTED, get: 'denied' as const }, D: SHOWN },
    fails: undefined,
  },
  sources: ['/there'],
  excluded: ['A', 'D'] as Key[],
  removed: ['C'] as Key[],
  ...{ recursive: false, allowEmpty: false, createFails: false, dropInFails: false },
  ...{ lostMappings: [] as Key[], foreign: [] as Key[] },
};

class Provider implements SecretSource {
  readonly places = new Map<string, AnyPlace>();
  readonly saidGone = new Set<string>();
  readonly #now = new FakeClock();

  list: SecretSource['list'] = ({ path }, { values }) => {
    const place = this.places.get(path);
    if (!place || place.fails) return Promise.reject(new PsiError(place?.fails ?? 'PLACE_NOT_FOUND', 'no list'));
    const listed = KEYS.filter((key) => place.keys[key].list !== 'absent');
    return Promise.resolve(
      listed.map((key) => {
        const shown = values && place.keys[key].list === 'value';
        return { key, path, fetched: shown ? fetched(key, this.#now) : undefined };
      }),
    );
  };

  get: SecretSource['get'] = ({ path, key }) => {
    const { get } = this.places.get(path)?.keys[key as Key] ?? { get: 'no place' as const };
    if (get === 'value') return Promise.resolve(fetched(key, this.#now));
    if (get === 'gone') this.saidGone.add(key);
    return Promise.reject(new PsiError(WHY[get], get));
  };

  folders: SecretSource['folders'] = () => Promise.reject(new Error('not asked'));
}

test('whatever fails, no line goes that nobody took back, and none comes without its secret', async () => {
  await fc.assert(
    fc.asyncProperty(CASE, async (it) => {
      const provider = new Provider();
      const stage = await setupStage({ sources: new Map([['other', provider]]) });
      const wanted = (paths: readonly string[], exclude: readonly string[]): Workload => {
        const { recursive, allowEmpty } = it;
        const base = workload('app', ...paths.map((path) => ({ path, exclude, recursive, allowEmpty })));
        return { ...base, provider: 'other' };
      };
      stage.target.workloads = [wanted(['/here'], [])];
      provider.places.set('/here', placeOf(it.before));
      await stage.run();
      const unit = 'app.container';
      const lines = (): readonly string[] => [...secretLines(stage.dropIns.files.get(unit) ?? '').keys()];
      const before = lines();
      assert.equal(before.length, it.before.length);

      for (const [key, place] of [
        ['/here', it.here],
        ['/there', it.there],
      ] as const)
        provider.places.set(key, place);
      provider.saidGone.clear();
      const registered = await stage.podman.list();
      for (const { id, name } of registered) {
        const key = name.slice('app--'.length) as Key;
        if (it.lostMappings.includes(key)) await stage.mappings.remove(secretId(id));
        if (it.removed.includes(key) || it.foreign.includes(key)) await stage.podman.remove(name);
        if (!it.foreign.includes(key)) continue;
        const body = new Uint8Array([1]);
        await stage.podman.create({ name, driver: 'file', options: {}, labels: {}, body, replace: false });
      }
      stage.target.workloads = [wanted(it.sources, it.excluded)];
      if (it.createFails) stage.registry.failNext('create', new PsiError('HOST', 'podman refused'));
      if (it.dropInFails) stage.dropIns.failWith.set(unit, new PsiError('HOST', 'disk full'));
      const report = await stage.run();

      const after = lines();
      const places = it.sources.map((path) => (path === '/here' ? it.here : it.there));
      for (const name of before.filter((one) => !after.includes(one))) {
        const key = name.slice('app--'.length) as Key;
        // The config names another place, which lists no such key.
        const moved = !it.sources.includes('/here') && places.every(({ keys }) => keys[key].list === 'absent');
        // A key of which nobody knows any more where it came from is asked after singly.
        const unplaced = it.before.filter((one) =>
          [it.lostMappings, it.removed, it.foreign].some((all) => all.includes(one)),
        );
        const yields = places.every(({ keys }) =>
          KEYS.some(
            (one) =>
              !it.excluded.includes(one) &&
              (keys[one].list !== 'absent' || (unplaced.includes(one) && keys[one].get === 'value')),
          ),
        );
        const byConfig = it.excluded.includes(key) || (moved && (yields || it.allowEmpty));
        assert.ok(byConfig || provider.saidGone.has(key), `${name} went without a word of anybody`);
      }
      const held = new Set((await stage.podman.list()).map(({ name }) => name));
      for (const name of after.filter((one) => !before.includes(one))) assert.ok(held.has(name), `no secret ${name}`);
      const kept = after.filter((name) => !held.has(name));
      if (report.outcome === 'done') assert.deepEqual(kept, [], 'all is well, and a start fails');
      for (const orphan of report.orphans) assert.ok(!after.includes(orphan.name), `${orphan.name} is no orphan`);
    }),
    { numRuns: 1000, examples: [[NOTHING_BUT_A_REFUSAL]] },
  );
});

function placeOf(keys: readonly Key[]): AnyPlace {
  const at = (key: Key): AtPlace =>
    keys.includes(key) ? { list: 'value', get: 'value' } : { list: 'absent', get: 'gone' };
  return { keys: { A: at('A'), B: at('B'), C: at('C'), D: at('D') }, fails: undefined };
}
