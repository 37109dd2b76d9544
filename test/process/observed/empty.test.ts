// A source that yields nothing is said out loud, always: servers answer an empty list where the path, the environment or the rights are
// wrong.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLIENT, said, stage, type Observed, type StageOptions } from './stage.ts';

const FOLDERS = { '/app': { TOKEN: 'canary-token' } };

type Nothing = {
  readonly what: string;
  readonly options: StageOptions;
  /** As the config has it. */
  readonly path: string;
};

/** Answered with 200 and nothing, by June 2025 and, for the rights, by servers of 2026. */
const NO_RIGHTS: Nothing = {
  what: 'the identity has no rights there',
  path: '/app',
  options: {
    folders: FOLDERS,
    prepare: ({ state }) => {
      state.deny(CLIENT.clientId, { path: '/app', actions: ['describe', 'readValue'] });
    },
  },
};
const MISSPELT: readonly Nothing[] = [
  {
    what: 'the path is misspelt',
    path: '/ap',
    options: { folders: FOLDERS, secrets: [{ project: 'main', path: '/ap' }] },
  },
  { what: 'the environment is misspelt', path: '/app', options: { folders: FOLDERS, environment: 'prd' } },
  { what: 'the folder is empty', path: '/app', options: { folders: { '/app': {} } } },
];
const EMPTY = [
  ...['2025', '2025-v4', 'v4'].map((generation) => ({ generation, ...NO_RIGHTS })),
  ...['2025', '2025-v4'].flatMap((generation) => MISSPELT.map((nothing) => ({ generation, ...nothing }))),
  ...MISSPELT.slice(2).map((nothing) => ({ generation: 'v4', ...nothing })),
] as readonly (Nothing & { readonly generation: '2025' | '2025-v4' | 'v4' })[];

function namesBothCauses(text: string, path: string): void {
  assert.match(text, new RegExp(`main:${path}\\b`));
  assert.match(text, /\bpath\b/i);
  assert.match(text, /\bright|\bmay (?:see|read|list|not)\b|\bpermission|\baccess\b/i);
}

for (const { generation, what, path, options } of EMPTY) {
  // I3
  test(`${generation}: setup names a source that yields nothing, with path and rights as causes, and fails: ${what}`, async (t) => {
    const it = await stage(t, { ...options, generation });
    const dry = await it.setup('--dry-run');
    namesBothCauses(said(dry), path);
    assert.notEqual(dry.code, 0);
    const run = await it.setup();
    namesBothCauses(run.stderr, path);
    assert.notEqual(run.code, 0, said(run));
  });

  // I3
  test(`${generation}: env of a folder without secrets fails and names path and rights: ${what}`, async (t) => {
    const it = await stage(t, { ...options, generation });
    const run = await it.env(path);
    assert.equal(run.stdout, '');
    assert.notEqual(run.code, 0, 'it says nothing and succeeds');
    namesBothCauses(run.stderr, path);
    const allowed = await it.env(path, '--allow-empty');
    assert.deepEqual([allowed.code, allowed.stdout], [0, ''], said(allowed));
  });
}

for (const { what, path, options } of MISSPELT.slice(0, 2)) {
  // I3: a server of 2026 says itself that there is no such folder. Holds at 3670dbc too.
  test(`v4: setup and env name a folder that is not there: ${what}`, async (t) => {
    const it = await stage(t, { ...options, generation: 'v4' });
    for (const run of [await it.setup(), await it.setup('--dry-run'), await it.env(path)]) {
      assert.notEqual(run.code, 0, said(run));
      assert.match(run.stderr, /\bpath\b.*\benvironment\b|\benvironment\b.*\bpath\b/i);
      assert.match(run.stderr, new RegExp(`${path}\\b`));
    }
  });
}

/** What a workload has stays, and the run has said of which source it is. */
async function staysAndIsSaid(it: Observed, before: readonly string[]): Promise<void> {
  const run = await it.setup();
  assert.deepEqual(await it.targets(), before, said(run));
  assert.match(run.stderr, /main:\/app\b/);
  assert.notEqual(run.code, 0, said(run));
  assert.doesNotMatch(said(run), /orphan/);
}

// I3, the other side: holds at 3670dbc too.
for (const generation of ['2024', '2025', '2025-v4', 'v4'] as const) {
  test(`${generation}: a folder that had secrets and is emptied: the lines stay, the run says so and fails`, async (t) => {
    const it = await stage(t, { generation, folders: { '/app': { ONE: '1', TWO: '2' } } });
    const before = await it.registered();
    it.remove('/app', 'ONE');
    it.remove('/app', 'TWO');
    await staysAndIsSaid(it, before);
  });
}

test('2025: a workload whose environment is misspelt later keeps its lines, the run says so and fails', async (t) => {
  const it = await stage(t, { generation: '2025', folders: { '/app': { ONE: '1', TWO: '2' } } });
  const before = await it.registered();
  const { options, psi } = it;
  await psi.writeConfig({ ...options, projects: { main: { id: 'observed-project', environment: 'prd' } } });
  await staysAndIsSaid(it, before);
});

// I3: what the other source gives does not hide it.
test('2025: of two sources one yields nothing: it is named, and the run fails', async (t) => {
  const it = await stage(t, {
    generation: '2025',
    folders: FOLDERS,
    secrets: [
      { project: 'main', path: '/app' },
      { project: 'main', path: '/shard' },
    ],
  });
  const run = await it.setup();
  namesBothCauses(run.stderr, '/shard');
  assert.notEqual(run.code, 0, said(run));
});
