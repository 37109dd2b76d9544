// A quadlet whose secrets another driver holds is taken over, from outside: imported, put into the config as printed, set up, rewritten.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { said, stage } from './observed/stage.ts';

const LINES = [
  '[Container]',
  'Image=app',
  'Secret=db-password,type=env,target=POSTGRES_PASSWORD',
  'Secret=db-password,type=env,target=PGPASSWORD',
  'Secret=db-password,type=mount,target=/etc/app/db,uid=70,gid=70,mode=0400',
  'Secret=app.key,target=/etc/app/app.key,mode=0444',
  'Secret=license',
  '',
];

test('renames, several variables, files with owner and without a target are the same after the takeover', async (t) => {
  const it = await stage(t, { secrets: [] });
  const quadlet = join(it.psi.systemdDir, 'app.container');
  await writeFile(quadlet, LINES.join('\n'));
  for (const name of ['db-password', 'app.key', 'license']) {
    const body = new TextEncoder().encode(`value of ${name}`);
    await it.podman.create({ name, driver: 'file', options: {}, labels: {}, body, replace: false });
  }
  const command = [
    'infisical',
    'import',
    'quadlet',
    'app.container',
    '--resolve-secrets',
    '--project',
    'main',
    '--path',
    '/app',
  ];
  const imported = await it.psi.cli(...command, '--json');
  assert.equal(imported.code, 0, said(imported));
  const { result } = JSON.parse(imported.stdout) as { result: { next: { config: string; commands: string[] } } };
  assert.equal(
    result.next.config,
    [
      '# one more source of the workload app',
      'secrets:',
      '  - project: main',
      '    path: /app',
      '    keys:',
      '      POSTGRES_PASSWORD: [POSTGRES_PASSWORD, PGPASSWORD, { file: /etc/app/db, mode: "0400", uid: 70, gid: 70 }]',
      '      app.key: { file: /etc/app/app.key, mode: "0444" }',
      '      license: { file: license }',
    ].join('\n'),
  );
  assert.doesNotMatch(said(imported), /value of/);
  await it.psi.writeConfig({ ...it.options, workloads: { app: parse(result.next.config) as object } });
  const setup = await it.setup();
  assert.equal(setup.code, 0, said(setup));
  assert.match(
    setup.stdout,
    /^note app: \S+app\.container:3: the variable POSTGRES_PASSWORD comes from podman's secret db-password too/m,
  );
  const rewritten = await it.psi.cli(...command, '--conflict', 'skip', '--rewrite');
  assert.equal(rewritten.code, 0, said(rewritten));
  assert.equal(await readFile(quadlet, 'utf8'), '[Container]\nImage=app\n');
  const again = await it.setup();
  assert.deepEqual([again.code, again.stdout], [0, 'nothing to change, 3 unchanged\n'], said(again));
  assert.deepEqual((await readFile(join(`${quadlet}.d`, '50-secrets.conf'), 'utf8')).split('\n').slice(7), [
    'Secret=app--POSTGRES_PASSWORD,type=env,target=PGPASSWORD',
    'Secret=app--POSTGRES_PASSWORD,type=env,target=POSTGRES_PASSWORD',
    'Secret=app--POSTGRES_PASSWORD,type=mount,target=/etc/app/db,uid=70,gid=70,mode=0400',
    'Secret=app--app.key,type=mount,target=/etc/app/app.key,mode=0444',
    'Secret=app--license,type=mount,target=license',
    '',
  ]);
  for (const [name, secret] of [
    ['POSTGRES_PASSWORD', 'db-password'],
    ['app.key', 'app.key'],
    ['license', 'license'],
  ] as const) {
    const looked = await it.lookup(name);
    assert.ok(looked.ok && looked.value === `value of ${secret}`, JSON.stringify(looked));
  }
});
