// What a refusal says: what was refused, why, and where to look. No message sends people to the wrong place.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startInfisicalDouble } from '../../doubles/infisical/infisical-double.ts';
import { makeTestAuthority } from '../../doubles/infisical/test-authority.ts';
import { configText } from '../../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../../hosts/psi-tree.ts';
import { run } from '../../hosts/run.ts';
import { isList, type Told } from './front.ts';
import { CLIENT, PLACE, said, stage } from './stage.ts';

const TO_PROJECT = /add the machine identity to project/;

for (const generation of ['2025', '2025-v4', 'v4'] as const) {
  // I6, as the single route words it
  test(`${generation}: a single read that is refused for a reference names secret, environment and path of it`, async (t) => {
    const it = await stage(t, {
      generation,
      folders: { '/app': { DB_URL: 'pg://${prod.locked.PASSWORD}' }, '/locked': { PASSWORD: 'canary' } },
    });
    it.hide('/locked');
    const out = join(it.options.dir, 'out');
    const refused = await it.psi.cli('infisical', 'write-file', 'DB_URL', out, '--project', 'main', '--path', '/app');
    assert.equal(refused.code, 77, said(refused));
    for (const part of [/\bDB_URL\b/, /\bPASSWORD\b/, /\bprod\b/, /\/locked\b/]) assert.match(refused.stderr, part);
    assert.doesNotMatch(refused.stderr, TO_PROJECT);
  });
}

// I6, as a list of 2026 words it: the only list that is refused for one value
test('v4: a list that is refused for a reference names secret, environment and path of it', async (t) => {
  const it = await stage(t, {
    generation: 'v4',
    folders: { '/app': { DB_URL: 'pg://${prod.locked.PASSWORD}', PLAIN: 'plain' }, '/locked': { PASSWORD: 'canary' } },
  });
  it.hide('/locked');
  const run = await it.env('/app');
  assert.notEqual(run.code, 0);
  for (const part of [/\bDB_URL\b/, /\bPASSWORD\b/, /\bprod\b/, /\/locked\b/]) assert.match(run.stderr, part);
  assert.doesNotMatch(run.stderr, TO_PROJECT);
});

const WORDS_OF_AN_ADDRESS = /\baddress/i;
const WRONG_PLACES =
  /client_secret|revokes a client secret|add the machine identity|uses limit|right to (?:describe|read)/i;

for (const generation of ['2025', 'v4'] as const) {
  // I7
  test(`${generation}: a login from an address that is not trusted: the address is named, and nothing else is blamed`, async (t) => {
    const it = await stage(t, {
      generation,
      prepare: ({ state }) => {
        state.trust(CLIENT.clientId, { login: ['10.0.0.0/8'] });
      },
    });
    for (const refused of [await it.psi.cli('infisical', 'login'), await it.env('/app'), await it.setup()]) {
      assert.notEqual(refused.code, 0);
      assert.match(said(refused), WORDS_OF_AN_ADDRESS);
      assert.doesNotMatch(said(refused), WRONG_PLACES);
    }
  });

  // I7
  test(`${generation}: a token from an address that is not trusted: the address is named, and no login is tried for it`, async (t) => {
    const it = await stage(t, { generation, folders: { '/app': { TOKEN: 'canary' } } });
    await it.registered();
    it.infisical.state.trust(CLIENT.clientId, { token: ['10.0.0.0/8'] });
    it.infisical.clearCalls();
    const looked = await it.lookup('TOKEN');
    assert.ok(!looked.ok);
    assert.match(looked.hint, WORDS_OF_AN_ADDRESS);
    assert.doesNotMatch(looked.hint, WRONG_PLACES);
    const refused = await it.setup();
    assert.match(refused.stderr, WORDS_OF_AN_ADDRESS);
    assert.doesNotMatch(refused.stderr, WRONG_PLACES);
    assert.equal(it.infisical.count('login'), 0, 'no login changes an address');
  });
}

for (const generation of ['2025', '2025-v4', 'v4'] as const) {
  // I8
  test(`${generation}: env of a folder with one value that may not be read prints the rest, names that one and fails`, async (t) => {
    const it = await stage(t, { generation, folders: { '/app': { ONE: '1', SECRET: 'canary', TWO: '2' } } });
    it.hide('/app', 'SECRET');
    const shown = await it.env('/app');
    assert.equal(shown.stdout, "export ONE='1'\nexport TWO='2'\n", said(shown));
    assert.match(shown.stderr, /\bSECRET\b/);
    assert.match(shown.stderr, /read values?\b/i);
    assert.notEqual(shown.code, 0);
  });
}

// I9
test('a path that no server takes is said before the server is asked', async (t) => {
  const it = await stage(t, { generation: '2025' });
  for (const path of ['/bad folder', '/a.b', '/../app']) {
    it.infisical.clearCalls();
    const refused = await it.env(path);
    assert.equal(refused.code, 64, said(refused));
    assert.match(refused.stderr, /letters|digits|dashes|underscores|folder/i);
    assert.equal(it.infisical.count(), 0, `${path}: the server was asked`);
  }
});

// I9
test('an import of all Podman secrets says in one line that those of psi are left out', async (t) => {
  const keys = Array.from({ length: 12 }, (_, index) => [`KEY_${String(index)}`, 'v'] as const);
  const it = await stage(t, { generation: '2025', folders: { '/app': Object.fromEntries(keys) } });
  await it.registered();
  const imported = await it.psi.cli('infisical', 'import', 'podman-secret', '--all', '--project', 'main', '--dry-run');
  const lines = said(imported)
    .split('\n')
    .filter((line) => /app--KEY_|\bpsi\b.*\b12\b|\b12\b.*\bpsi\b/i.test(line));
  assert.equal(lines.length, 1, said(imported));
});

// I9
test('a dry run promises no name that an old Podman refuses', async (t) => {
  const long = `LONG_${'N'.repeat(80)}`;
  const it = await stage(t, {
    generation: '2025',
    folders: { '/app': { SHORT: 'v', [long]: 'v' } },
    podmanVersion: '4.3.1',
  });
  const dry = await it.setup('--dry-run');
  assert.match(dry.stdout, /would create secret app--SHORT\b/);
  assert.doesNotMatch(dry.stdout, new RegExp(`would create secret app--${long}`));
  assert.match(said(dry), new RegExp(long));
});

// I9
test('2025: a login with a certificate, which this server does not know, is named', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'psi-observed-'));
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 10 }));
  const authority = await makeTestAuthority();
  const double = await startInfisicalDouble({ generation: '2025', tls: authority.server });
  t.after(() => double.close());
  const files = { ca: authority.ca, cert: authority.client.cert, key: authority.client.key };
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text, { mode: 0o600 });
  const config = configText({
    dir,
    podmanSocket: join(dir, 'no-podman.sock'),
    apiUrl: double.url,
    ...CLIENT,
    projects: { main: { id: PLACE.project, environment: 'prod' } },
    workloads: {},
    provider: {
      ca_cert: join(dir, 'ca'),
      auth: {
        method: 'tls-cert',
        identity_id: '1c2d3e4f-0000-4000-8000-000000000000',
        certificate: { file: join(dir, 'cert') },
        private_key: { file: join(dir, 'key') },
      },
    },
  });
  await writeFile(join(dir, 'config.yaml'), config, { mode: 0o600 });
  const env = { PATH: process.env['PATH'], PSI_CONFIG: join(dir, 'config.yaml') };
  const refused = await run([...PSI_UNDER_TEST, 'infisical', 'login'], { env });
  assert.notEqual(refused.code, 0);
  assert.equal(double.count(), 1, said(refused));
  assert.match(said(refused), /tls-cert.*(?:older|version|does not (?:know|have|offer)|has no)/i);
  assert.doesNotMatch(said(refused), /no infisical that psi knows/);
});

// I9
test('2025: env prints in the order of names, which the server does not keep to', async (t) => {
  const names = Array.from({ length: 30 }, (_, index) => `KEY_${String(index).padStart(2, '0')}`);
  const it = await stage(t, {
    generation: '2025',
    folders: { '/app': Object.fromEntries(names.toReversed().map((name) => [name, 'v'])) },
  });
  const expected = names.map((name) => `export ${name}='v'\n`).join('');
  assert.equal((await it.env('/app')).stdout, expected);
  const json = await it.env('/app', '--format', 'json');
  assert.deepEqual(Object.keys(JSON.parse(json.stdout) as object), names);
});

// I11
test('a login with a wrong client secret is tried once, and the first refusal says that more of them lock the identity', async (t) => {
  const it = await stage(t, {
    generation: 'v4',
    provider: { auth: { method: 'universal-auth', client_id: CLIENT.clientId, client_secret: 'canary-wrong' } },
  });
  const refused = await it.psi.cli('infisical', 'login');
  assert.equal(refused.code, 77);
  assert.equal(it.infisical.count('login'), 1, 'tried again by itself');
  assert.match(said(refused), /\block/i);
  assert.doesNotMatch(said(refused), /has locked out/);
});

for (const path of ['app', '//app', '/app/', '/app//sub', '/app/./sub', '/app/../app', '', 'app/']) {
  // I12
  test(`${JSON.stringify(path)} is a folder in the config if it is one in --path, and the other way round`, async (t) => {
    const it = await stage(t, { generation: '2025', folders: { '/app': { TOKEN: 'v' }, '/app/sub': { TOKEN: 'v' } } });
    const asked = await it.env(path);
    await it.psi.writeConfig({ ...it.options, workloads: { app: { secrets: [{ project: 'main', path }] } } });
    const configured = await it.setup();
    assert.equal(configured.code !== 78, asked.code !== 64, `config:\n${said(configured)}\n--path:\n${said(asked)}`);
    if (configured.code === 78) return;
    assert.deepEqual(await it.targets(), asked.stdout === '' ? [] : ['TOKEN'], said(configured) + said(asked));
  });
}

const visible = (text: string): string =>
  text.replaceAll(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`);

/** A list of which one secret is said to lie elsewhere. */
const movedTo =
  (secretPath: string) =>
  (told: Told): Told => {
    const { secrets = [], ...rest } = told.body as { readonly secrets?: readonly { readonly secretKey: string }[] };
    const moved = secrets.map((item) => (item.secretKey === 'STRAY' ? { ...item, secretPath } : item));
    return { ...told, body: { ...rest, secrets: moved } };
  };

for (const path of ['/other', '/app/../other', '/application', '/app/\u001b]0;owned\u0007', '/app/\u202egnp']) {
  // A13
  test(`a listed folder "${visible(path)}" outside of the one asked for is not believed, and printed so that it can be seen`, async (t) => {
    const it = await stage(t, {
      generation: '2025',
      folders: { '/app': { TOKEN: 'v' }, '/app/sub': { STRAY: 'v' } },
      secrets: [{ project: 'main', path: '/app', recursive: true }],
    });
    it.front.change = (asked, told) => (isList(asked) ? movedTo(path)(told) : told);
    const heard = await it.setupUntilItWaits();
    assert.ok(!(await it.targets()).includes('STRAY'), heard);
    assert.match(heard, /main:\/app\b/);
    const registered = (await it.podman.list()).map(({ name }) => name);
    assert.ok(!registered.includes('app--STRAY'), registered.join(' '));
    // eslint-disable-next-line no-control-regex -- they are what is looked for
    assert.doesNotMatch(heard, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  });
}
