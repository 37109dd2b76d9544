// Names tell what exists, values what may be read: a variable that a container has never disappears without a word.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGet, isList, without } from './front.ts';
import { said, stage, type Observed, type StageOptions } from './stage.ts';

const RIGHT = /read values?|value.*may not be read|may not read.*value/i;

/** All but July 2024 list names apart from values. */
const LISTING_NAMES = ['2025', '2025-v4', 'v4'] as const;

type Where = { readonly what: string; readonly folder: string; readonly options: StageOptions };

/** Where a server leaves out without a word what may not be read. */
const SILENT: readonly Where[] = [
  {
    what: 'a sub-folder',
    folder: '/app/sub',
    options: {
      folders: { '/app': { PLAIN: 'plain' }, '/app/sub': { FAR_TOKEN: 'canary-token', FAR_PASSWORD: 'canary-pass' } },
      secrets: [{ project: 'main', path: '/app', recursive: true }],
    },
  },
  {
    what: 'an imported folder',
    folder: '/shared',
    options: {
      folders: { '/app': { PLAIN: 'plain' }, '/shared': { FAR_TOKEN: 'canary-token', FAR_PASSWORD: 'canary-pass' } },
      seed: {
        imports: [
          {
            project: 'observed-project',
            environment: 'prod',
            path: '/app',
            fromEnvironment: 'prod',
            fromPath: '/shared',
          },
        ],
      },
    },
  },
];
const ALL = ['FAR_PASSWORD', 'FAR_TOKEN', 'PLAIN'];

/** Every line of a drop-in is there, and the run has said which may not be read, and failed. */
async function leftAndNamed(it: Observed, keys: readonly string[]): Promise<void> {
  const run = await it.setup();
  assert.deepEqual(await it.targets(), ALL, `lines are gone:\n${said(run)}`);
  for (const key of keys) assert.match(run.stderr, new RegExp(`\\b${key}\\b`));
  assert.match(run.stderr, RIGHT);
  assert.notEqual(run.code, 0, said(run));
  assert.doesNotMatch(said(run), /canary|orphan/);
}

for (const generation of LISTING_NAMES) {
  for (const { what, folder, options } of SILENT) {
    // I1
    test(`${generation}: the right to read values of ${what} is lost: setup keeps every line, names the keys and fails`, async (t) => {
      const it = await stage(t, { ...options, generation });
      assert.deepEqual(await it.registered(), ALL);
      it.hide(folder);
      await leftAndNamed(it, ['FAR_TOKEN', 'FAR_PASSWORD']);
      // The loud failure at the next start.
      const looked = await it.lookup('FAR_TOKEN');
      assert.ok(!looked.ok);
      assert.match(looked.code, /^(?:VALUE_HIDDEN|PROVIDER_DENIED)$/);
      assert.match(looked.hint, /right to read values/i);
      // And nothing is different at the second look.
      await leftAndNamed(it, ['FAR_TOKEN', 'FAR_PASSWORD']);
    });
  }
}

for (const { what, folder, options } of SILENT) {
  // I1
  test(`the right to read values of ${what} is lost: what the cache holds of it is kept through an outage`, async (t) => {
    const it = await stage(t, { ...options, cache: {}, generation: '2025' });
    await it.registered();
    it.hide(folder);
    await it.setup();
    await it.outage();
    assert.deepEqual(await it.lookup('FAR_TOKEN'), { ok: true, source: 'cache', value: 'canary-token' });
  });

  // I1
  test(`the right to read values of one key in ${what} is lost: the other keys go on, and the run says which one it is`, async (t) => {
    const it = await stage(t, { ...options, generation: '2025' });
    await it.registered();
    it.hide(folder, 'FAR_TOKEN');
    await leftAndNamed(it, ['FAR_TOKEN']);
    assert.deepEqual(await it.lookup('FAR_PASSWORD'), { ok: true, source: 'live', value: 'canary-pass' });
  });

  // I1
  test(`a key of ${what} that exists and may not be read gets no new line, and is named`, async (t) => {
    const it = await stage(t, { ...options, generation: '2025' });
    it.hide(folder, 'FAR_TOKEN');
    const run = await it.setup();
    assert.deepEqual(await it.targets(), ['FAR_PASSWORD', 'PLAIN'], said(run));
    assert.match(run.stderr, /\bFAR_TOKEN\b/);
    assert.match(run.stderr, RIGHT);
    const dry = await it.setup('--dry-run');
    assert.match(dry.stderr, /\bFAR_TOKEN\b/);
  });
}

for (const generation of LISTING_NAMES) {
  // I1: not even the names are listed, and the single read is refused: nobody said that it is gone.
  test(`${generation}: the right to see a sub-folder at all is lost: its lines stay and are named`, async (t) => {
    const [sub] = SILENT;
    const it = await stage(t, { ...sub?.options, generation });
    await it.registered();
    it.infisical.state.deny('observed-host', { path: '/app/sub', actions: ['describe', 'readValue'] });
    const run = await it.setup();
    assert.deepEqual(await it.targets(), ALL, `lines are gone:\n${said(run)}`);
    assert.match(run.stderr, /\bFAR_TOKEN\b/);
    assert.notEqual(run.code, 0);
  });
}

// I14: names and values are one list there, so whoever lost the right to read is told apart from what is gone by a single read.
test('2024: the right to read values of a sub-folder is lost: its lines stay and are named', async (t) => {
  const [sub] = SILENT;
  const it = await stage(t, { ...sub?.options, generation: '2024' });
  await it.registered();
  it.hide('/app/sub');
  const run = await it.setup();
  assert.deepEqual(await it.targets(), ALL, `lines are gone:\n${said(run)}`);
  assert.match(run.stderr, /\bFAR_TOKEN\b/);
  assert.notEqual(run.code, 0);
});

for (const generation of ['2024', ...LISTING_NAMES] as const) {
  // I14
  test(`${generation}: a key that is missing from the list and is answered by itself keeps its line`, async (t) => {
    const it = await stage(t, { generation, folders: { '/app': { SEEN: 'seen', UNLISTED: 'there all the same' } } });
    assert.deepEqual(await it.registered(), ['SEEN', 'UNLISTED']);
    it.front.change = (asked, told) => (isList(asked) ? without('UNLISTED')(told) : told);
    const run = await it.setup();
    assert.deepEqual(await it.targets(), ['SEEN', 'UNLISTED'], `a line is gone:\n${said(run)}`);
    assert.doesNotMatch(said(run), /orphan/);
    assert.deepEqual(await it.lookup('UNLISTED'), { ok: true, source: 'live', value: 'there all the same' });
  });

  // I14
  test(`${generation}: a key that is missing from the list, while a single read fails, keeps its line`, async (t) => {
    const it = await stage(t, { generation, folders: { '/app': { SEEN: 'seen', UNLISTED: 'there all the same' } } });
    await it.registered();
    it.front.change = (asked, told) => (isList(asked) ? without('UNLISTED')(told) : told);
    it.front.answer = (asked) => (isGet(asked) ? { status: 403, body: { message: 'Forbidden' } } : undefined);
    const run = await it.setup();
    assert.deepEqual(await it.targets(), ['SEEN', 'UNLISTED'], `a line is gone:\n${said(run)}`);
    assert.match(said(run), /\bUNLISTED\b/);
  });

  // I14, the other side: holds at 3670dbc too.
  test(`${generation}: a key that is truly gone loses its line, and the run says so`, async (t) => {
    const it = await stage(t, { generation, folders: { '/app': { STAYS: 'stays', RENAMED: 'value' } } });
    assert.deepEqual(await it.registered(), ['RENAMED', 'STAYS']);
    it.remove('/app', 'RENAMED');
    it.set('/app', 'NEW_NAME', 'value');
    const run = await it.setup();
    assert.deepEqual(await it.targets(), ['NEW_NAME', 'STAYS'], said(run));
    assert.match(said(run), /\bapp--RENAMED\b/);
  });
}
