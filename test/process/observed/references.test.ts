// A reference that may not be followed reaches no container, and a text that only looks like one always does, byte for byte.

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Generation } from '../../doubles/infisical/model.ts';
import { PLACE, said, stage, type Looked, type Observed, type StageOptions } from './stage.ts';

const REFERS = 'postgres://app:${prod.locked.PASSWORD}@db/app';
const GIVES = 'postgres://app:canary-password@db/app';

/** Those that leave a refused reference in a list as text, and one that refuses the whole list. */
const GENERATIONS = ['2025', '2025-v4', 'v4'] as const;
const LOOKUPS = ['one by one', 'by list'] as const;

const importing = (path: string, fromPath: string) => ({
  ...PLACE,
  path,
  fromEnvironment: PLACE.environment,
  fromPath,
});

const OWN: StageOptions = {
  folders: { '/app': { DB_URL: REFERS, PLAIN: 'plain' }, '/locked': { PASSWORD: 'canary-password' } },
};
const IMPORTED: StageOptions = {
  folders: {
    '/app': { PLAIN: 'plain' },
    '/shared': { DB_URL: REFERS },
    '/locked': { PASSWORD: 'canary-password' },
  },
  seed: { imports: [importing('/app', '/shared')] },
};
const WHERE = { 'an own value': OWN, 'an imported value': IMPORTED } as const;

/** No container gets the text in place of the password, and whoever looks is told what is referred to. */
function refused(looked: Looked): void {
  assert.ok(!looked.ok, `handed out: ${JSON.stringify(looked)}`);
  for (const part of [/\bDB_URL\b/, /\bPASSWORD\b/, /\/locked\b/, /\bprod\b/]) assert.match(looked.hint, part);
  assert.doesNotMatch(looked.hint, /add the machine identity to project/);
}

/** Once with the right, for the registrations; then without. */
async function refusedLater(t: TestContext, options: StageOptions): Promise<Observed> {
  const it = await stage(t, options);
  assert.deepEqual(await it.registered(), ['DB_URL', 'PLAIN']);
  const first = await it.lookup('DB_URL');
  assert.equal(first.ok ? first.value : first.hint, GIVES);
  it.hide('/locked');
  // What was listed before is not held any more.
  await it.restart();
  return it;
}

for (const generation of GENERATIONS) {
  for (const [what, options] of Object.entries(WHERE)) {
    for (const lookups of LOOKUPS) {
      // I2, I6
      test(`${generation}, ${lookups}: ${what} with a reference that may not be read fails the lookup, which names it`, async (t) => {
        const it = await refusedLater(t, { ...options, generation, lookups });
        refused(await it.lookup('DB_URL'));
        assert.deepEqual(await it.lookup('PLAIN'), { ok: true, source: 'live', value: 'plain' });
        refused(await it.lookup('DB_URL'));
      });
    }

    // I2, I8
    test(`${generation}: env names ${what} with a reference that may not be read, prints the rest and fails`, async (t) => {
      const it = await stage(t, { ...options, generation });
      it.hide('/locked');
      const run = await it.env('/app');
      assert.equal(run.stdout, "export PLAIN='plain'\n", said(run));
      assert.match(run.stderr, /\bDB_URL\b/);
      assert.match(run.stderr, /\bPASSWORD\b/);
      assert.match(run.stderr, /\/locked\b/);
      assert.notEqual(run.code, 0);
    });

    // I2
    test(`${generation}: setup names ${what} whose reference may not be read`, async (t) => {
      const it = await refusedLater(t, { ...options, generation });
      const run = await it.setup();
      assert.deepEqual(await it.targets(), ['DB_URL', 'PLAIN'], said(run));
      assert.match(run.stderr, /\bDB_URL\b/);
    });
  }
}

for (const [what, options] of Object.entries(WHERE)) {
  // I2
  test(`${what} with a reference that may not be read any more: the text never takes the place of the value in the cache`, async (t) => {
    const it = await refusedLater(t, { ...options, generation: '2025', cache: {} });
    await it.setup();
    await it.psi.cli('cache', 'refresh');
    await it.outage();
    const looked = await it.lookup('DB_URL');
    assert.doesNotMatch(looked.ok ? looked.value : '', /\$\{/);
  });
}

// Passwords and templates that refer to nothing, in any environment or folder that is there.
const TEXTS = {
  TEMPLATE: '${X}',
  DOTTED: '${a.b.C}',
  SHELL_HOME: '$HOME',
  SPECIFIER: '%d ${HOSTNAME}',
} as const;
const ALL: readonly Generation[] = ['2024', ...GENERATIONS];
/** Own values beside imported ones, under names of their own. */
const named = (prefix: string): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(TEXTS).map(([key, text]) => [`${prefix}_${key}`, text]));
const NEIGHBOURS = { ...named('OWN'), ...named('IMPORTED') };
const TOGETHER: StageOptions = {
  folders: { '/app': named('OWN'), '/shared': named('IMPORTED') },
  seed: { imports: [importing('/app', '/shared')] },
};

async function givesTexts(it: Observed, source: string, texts: Readonly<Record<string, string>>): Promise<void> {
  for (const [key, value] of Object.entries(texts))
    assert.deepEqual(await it.lookup(key), { ok: true, source, value }, key);
}

for (const generation of ALL) {
  for (const lookups of LOOKUPS) {
    // I2, the other side
    test(`${generation}, ${lookups}: own and imported values that only look like a reference come byte for byte`, async (t) => {
      const it = await stage(t, { ...TOGETHER, generation, lookups });
      assert.deepEqual(await it.registered(), Object.keys(NEIGHBOURS).sort());
      await givesTexts(it, 'live', NEIGHBOURS);
    });
  }

  // I2, the other side
  test(`${generation}: env prints what only looks like a reference`, async (t) => {
    const it = await stage(t, { ...TOGETHER, generation });
    const { values, stderr, code } = await it.envValues('/app');
    assert.deepEqual(values, NEIGHBOURS, stderr);
    assert.equal(code, 0, stderr);
  });

  // I2, the other side
  test(`${generation}: what only looks like a reference comes from the cache, and a start does not ask for it again`, async (t) => {
    const it = await stage(t, { ...TOGETHER, generation, cache: {} });
    await it.registered();
    await givesTexts(it, 'cache', NEIGHBOURS);
    await it.restart();
    it.infisical.clearCalls();
    await givesTexts(it, 'cache', NEIGHBOURS);
    assert.equal(it.infisical.count(), 0, 'a start asks for what is in the cache');
    // A setup may find out anew; what it finds is the same.
    assert.equal((await it.setup()).code, 0);
    await it.outage();
    await givesTexts(it, 'cache', NEIGHBOURS);
  });

  // I2, the other side
  test(`${generation}: a text that only looks like a reference, alone in its folder, comes byte for byte, live and from the cache`, async (t) => {
    const it = await stage(t, {
      generation,
      folders: Object.fromEntries(Object.entries(TEXTS).map(([key, text]) => [`/only-${key}`, { [key]: text }])),
      secrets: Object.keys(TEXTS).map((key) => ({ project: 'main', path: `/only-${key}` })),
      // Past its age at once: the provider comes first, and the cache where that is away.
      cache: { max_age: '1ms' },
      lookups: 'by list',
    });
    assert.deepEqual(await it.registered(), Object.keys(TEXTS).sort());
    await givesTexts(it, 'live', TEXTS);
    await it.outage();
    await givesTexts(it, 'stale', TEXTS);
  });
}

// I2: the list cannot tell, and who could does not answer.
test('2025: while the single read fails, a text of which it has not told anything is not handed out, and its neighbours are', async (t) => {
  const it = await stage(t, {
    generation: '2025',
    folders: { '/app': { UNTOLD: 'before', OTHER: 'plain' } },
    lookups: 'by list',
  });
  await it.registered();
  it.set('/app', 'UNTOLD', '${prod.locked.PASSWORD}');
  it.set('/locked', 'PASSWORD', 'canary-password');
  it.hide('/locked');
  await it.restart();
  it.infisical.knobs.failNext(1_000, { status: 500, only: ['get'] });
  const looked = await it.lookup('UNTOLD');
  assert.ok(!looked.ok, `handed out: ${JSON.stringify(looked)}`);
  assert.deepEqual(await it.lookup('OTHER'), { ok: true, source: 'live', value: 'plain' });
});

// I2: what was told before still holds, for this version.
test('2025: while the single read fails, a text that it has told to be the value is still handed out', async (t) => {
  const it = await stage(t, {
    generation: '2025',
    folders: { '/app': { TOLD: '${X}', OTHER: 'plain' } },
    lookups: 'by list',
    cache: { max_age: '1ms' },
  });
  await it.registered();
  await it.restart();
  it.infisical.knobs.failNext(1_000, { status: 500, only: ['get'] });
  const looked = await it.lookup('TOLD');
  assert.equal(looked.ok ? looked.value : looked.hint, '${X}');
});
