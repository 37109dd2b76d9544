// What a source says key by key, from outside: lines of the drop-in, names and ids with Podman, lookups, requests to the server, and refusals.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { said, stage, type Observed } from './observed/stage.ts';

const FOLDERS = {
  '/app': { DB_PASSWORD: 'value of db', API_KEY: 'value of api', 'tls.key': 'value of key' },
  '/cache': { DB_PASSWORD: 'value of cache' },
};

const KEYS = {
  DB_PASSWORD: 'POSTGRES_PASSWORD',
  API_KEY: ['API_KEY', 'LEGACY_API_KEY'],
  'tls.key': { file: '/etc/my app/tls.key', mode: '0400', uid: 999, gid: 70 },
};

function configure(it: Observed, secrets: readonly object[]): Promise<void> {
  return it.psi.writeConfig({ ...it.options, workloads: { app: { secrets } } });
}

async function lines(it: Observed): Promise<readonly string[]> {
  const text = await readFile(join(it.psi.systemdDir, 'app.container.d', '50-secrets.conf'), 'utf8');
  return text.split('\n').filter((line) => line.startsWith('Secret='));
}

async function registered(it: Observed): Promise<Readonly<Record<string, string>>> {
  return Object.fromEntries((await it.podman.list()).map(({ name, id }) => [name, id]));
}

test('keys are renamed, doubled and mounted with their owner, and each is looked up by its name', async (t) => {
  const it = await stage(t, {
    folders: FOLDERS,
    secrets: [
      { project: 'main', path: '/app', keys: KEYS },
      { project: 'main', path: '/cache', keys: { DB_PASSWORD: 'CACHE_PASSWORD' } },
    ],
  });
  await it.registered();
  assert.deepEqual(await lines(it), [
    'Secret=app--API_KEY,type=env,target=API_KEY',
    'Secret=app--API_KEY,type=env,target=LEGACY_API_KEY',
    'Secret=app--CACHE_PASSWORD,type=env,target=CACHE_PASSWORD',
    'Secret=app--POSTGRES_PASSWORD,type=env,target=POSTGRES_PASSWORD',
    'Secret=app--tls.key,type=mount,target=/etc/my\\x20app/tls.key,uid=999,gid=70,mode=0400',
  ]);
  for (const [name, value] of [
    ['POSTGRES_PASSWORD', 'value of db'],
    ['CACHE_PASSWORD', 'value of cache'],
    ['API_KEY', 'value of api'],
    ['tls.key', 'value of key'],
  ] as const) {
    const looked = await it.lookup(name);
    assert.ok(looked.ok && looked.value === value, JSON.stringify(looked));
  }
});

test('a config gains keys, reorders and loses them: what stays keeps its id and goes on being looked up', async (t) => {
  const it = await stage(t, { folders: FOLDERS, secrets: [{ project: 'main', path: '/app', exclude: ['tls.key'] }] });
  await it.registered();
  const before = await registered(it);
  const steps = [
    [{ project: 'main', path: '/app', keys: KEYS }],
    [{ project: 'main', path: '/app', keys: { ...KEYS, API_KEY: ['LEGACY_API_KEY', 'API_KEY'] } }],
    [
      { project: 'main', path: '/cache', keys: { DB_PASSWORD: 'POSTGRES_PASSWORD' } },
      { project: 'main', path: '/app', keys: { ...KEYS, DB_PASSWORD: 'OTHER' } },
    ],
    [{ project: 'main', path: '/app', exclude: ['tls.key'] }],
  ];
  for (const secrets of steps) {
    await configure(it, secrets);
    const setup = await it.setup();
    assert.equal(setup.code, 0, said(setup));
    assert.doesNotMatch(setup.stdout, /^(?:replaced|remapped|orphan) .*app--(?:DB_PASSWORD|API_KEY)/m);
    const now = await registered(it);
    for (const [name, id] of Object.entries(before)) assert.equal(now[name], id, name);
    const looked = await it.lookup('DB_PASSWORD');
    assert.ok(looked.ok && looked.value === 'value of db', JSON.stringify(looked));
    assert.match((await it.setup('--dry-run')).stdout, /^nothing to change, /m);
  }
  assert.deepEqual(await it.targets(), ['API_KEY', 'DB_PASSWORD']);
});

test('a key that is missing is named, and its workload is left as it was until it is there', async (t) => {
  const it = await stage(t, { folders: { '/app': { DB_PASSWORD: 'value' } } });
  await it.registered();
  const before = await lines(it);
  await configure(it, [{ project: 'main', path: '/app', keys: { DB_PASSWORD: 'X', NO_SUCH: 'Y' } }]);
  const setup = await it.setup();
  assert.equal(setup.code, 4, said(setup));
  assert.match(setup.stderr, /has no NO_SUCH in main:\/app/);
  assert.deepEqual(await lines(it), before);
  it.set('/app', 'NO_SUCH', 'there now');
  assert.equal((await it.setup()).code, 0);
  assert.deepEqual(await it.targets(), ['X', 'Y']);
});

test('an entry wins over a source without keys, and setup says so', async (t) => {
  const it = await stage(t, {
    folders: FOLDERS,
    secrets: [
      { project: 'main', path: '/cache', keys: { DB_PASSWORD: 'DB_PASSWORD' } },
      { project: 'main', path: '/app' },
    ],
  });
  const setup = await it.setup();
  assert.equal(setup.code, 0, said(setup));
  assert.match(setup.stdout, /^note app: app--DB_PASSWORD comes from main:\/cache, whose `keys` name it/m);
  const looked = await it.lookup('DB_PASSWORD');
  assert.ok(looked.ok && looked.value === 'value of cache', JSON.stringify(looked));
});

test('mistakes are named with line and column by check, and the setup of such a config changes nothing', async (t) => {
  const it = await stage(t, { folders: FOLDERS });
  await it.registered();
  const before = await lines(it);
  await configure(it, [
    { project: 'main', path: '/app', prefix: 'X_', keys: { DB_PASSWORD: 'A' } },
    { project: 'main', path: '/cache', keys: { DB_PASSWORD: ['A', { file: '../x' }] } },
  ]);
  const check = await it.psi.cli('check');
  assert.equal(check.code, 78, said(check));
  for (const code of ['secrets.0.prefix', 'secrets.0.keys.DB_PASSWORD', 'secrets.1.keys.DB_PASSWORD.0'])
    assert.match(said(check), new RegExp(`:\\d+:\\d+ +workloads\\.app\\.${code.replaceAll('.', '\\.')}`));
  assert.match(said(check), /hint +remove it, or write a second source/);
  assert.equal((await it.setup()).code, 78);
  assert.deepEqual(await lines(it), before);
});

test('setup notes what the quadlet keeps from working, and does all the same', async (t) => {
  const secrets = [
    { project: 'main', path: '/app', exclude: ['tls.key'] },
    { project: 'main', path: '/app', include: ['tls.key'], as: 'mount', mode: '0400' },
  ];
  const it = await stage(t, { folders: FOLDERS, secrets });
  const lines = [
    '[Container]',
    'Image=app',
    'User=1000',
    'Secret=old,type=env,target=API_KEY',
    'Volume=/srv:/etc/app:ro',
  ];
  await writeFile(join(it.psi.systemdDir, 'app.container'), lines.join('\n'));
  const setup = await it.setup();
  assert.equal(setup.code, 0, said(setup));
  for (const note of [
    /:4: the variable API_KEY comes from podman's secret old too/,
    /:3: User=1000 may not read the file \/run\/secrets\/tls\.key/,
  ])
    assert.match(setup.stdout, new RegExp(`^note app: \\S*app\\.container${note.source}`, 'm'));
  await configure(it, [
    { project: 'main', path: '/app', keys: { 'tls.key': { file: '/etc/app/tls.key', uid: 1000, mode: '0400' } } },
  ]);
  const again = await it.setup();
  assert.match(again.stdout, /^note app: \S*app\.container:5: \/etc\/app is mounted read-only/m);
  assert.doesNotMatch(again.stdout, /User=1000/);
});
