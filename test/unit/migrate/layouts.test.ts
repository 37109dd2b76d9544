// What is of the Python PSI, and of which: units and secrets of each layout that it had.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { oldEnvironment } from '../../../src/migrate/old-environment.ts';
import { isOldDefaultDriver, oldCommands, oldMapping } from '../../../src/migrate/old-secrets.ts';
import { oldUnits } from '../../../src/migrate/old-units.ts';
import { frozenDriverOptions } from '../../../src/registration/driver-command/options.ts';
import { certificateSpan, spanWord, timerSpan } from '../../../src/migrate/config/spans.ts';
import { FakeHostTree } from '../../fakes/host-tree.fake.ts';

const FOLDERS = { unitDir: '/u', quadletDirs: ['/q'] };

async function rolesOf(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const tree = new FakeHostTree();
  for (const [path, text] of Object.entries(files)) tree.files.set(path, text);
  const { units, foreign } = await oldUnits(tree, FOLDERS);
  return [
    ...units.map(({ role, unit, made }) => `${role} ${unit} ${made}`),
    ...foreign.map((path) => `foreign ${path}`),
  ];
}

const LAYOUTS: readonly (readonly [name: string, files: Readonly<Record<string, string>>, roles: readonly string[]])[] =
  [
    [
      'native mode of today',
      {
        '/u/psi-secrets.service': '[Unit]\nDescription=PSI secret lookup service\n',
        '/u/psi-nitrokeyhsm-setup.service': '[Unit]\nDescription=PSI nitrokeyhsm secrets setup\n',
        '/u/psi-tls-renew.service': '[Unit]\nDescription=PSI TLS certificate renewal\n',
        '/u/psi-tls-renew.timer': '[Unit]\nDescription=Daily PSI TLS certificate renewal\n',
      },
      [
        'timer psi-tls-renew.timer native',
        'job psi-nitrokeyhsm-setup.service native',
        'job psi-tls-renew.service native',
        'server psi-secrets.service native',
      ],
    ],
    [
      'before it served: one setup, and no more',
      { '/q/psi-secrets-setup.container': '[Container]\nExec=setup\n' },
      ['job psi-secrets-setup.service container'],
    ],
    [
      'a timer of the setup itself',
      { '/u/psi-infisical-setup.timer': '[Unit]\nDescription=Periodic PSI setup\n' },
      ['timer psi-infisical-setup.timer native'],
    ],
    [
      'known by what they run where the description was changed',
      { '/u/psi-secrets.service': '[Unit]\nDescription=Secrets\n[Service]\nExecStart=/opt/venv/bin/psi serve\n' },
      ['server psi-secrets.service native'],
    ],
    [
      'units of this psi',
      { '/u/psi-infisical-setup.service': '# Written by PSI (psi systemd install).\n[Unit]\nDescription=PSI: x\n' },
      [],
    ],
    ['a smart card daemon of somebody else', { '/q/pcscd.container': '[Container]\nImage=mine\n' }, []],
    [
      'a unit of somebody else',
      { '/u/psi-x-setup.service': '[Service]\nExecStart=/bin/true\n' },
      ['foreign /u/psi-x-setup.service'],
    ],
  ];

for (const [name, files, roles] of LAYOUTS) {
  test(`units: ${name}`, async () => {
    assert.deepEqual(await rolesOf(files), roles);
  });
}

function secret(lookup: string, store = 'x', driver = 'shell'): Parameters<typeof oldCommands>[0] {
  return { id: 'a', name: 'n', driver, options: { lookup, store } };
}

describe('secrets', () => {
  const curl = (verb: string, header = ''): string =>
    `curl -sf${header} --unix-socket /run/psi/psi.sock http://localhost/${verb}/$SECRET_ID`;

  test('its commands by curl, with a token and without', () => {
    assert.equal(oldCommands(secret(curl('lookup'), curl('store'))), 'serve');
    const header = " -H 'Authorization: Bearer abcdefgh'";
    assert.equal(oldCommands(secret(curl('lookup', header), curl('store', header))), 'serve');
  });

  test('those of before it served', () => {
    assert.equal(oldCommands(secret('psi secret lookup')), 'program');
    assert.equal(oldCommands(secret('podman run --rm -v /etc/psi:/etc/psi quay.example/psi secret lookup')), 'program');
  });

  test("this psi's, the file driver's and others' are none", () => {
    const lookup = { timeoutMs: 5000, helperDir: '/usr/local/libexec/psi' };
    const options = frozenDriverOptions({
      socket: '/run/psi/psi.sock',
      stateDir: '/var/lib/psi',
      lookup,
      socketToken: undefined,
    });
    assert.equal(oldCommands({ id: 'a', name: 'n', driver: 'shell', options }), undefined);
    assert.equal(oldCommands(secret(curl('lookup'), curl('store'), 'file')), undefined);
    assert.equal(oldCommands(secret('pass show x')), undefined);
    assert.equal(oldCommands(secret('mytool secret lookup')), undefined);
    assert.equal(oldCommands(secret('/opt/venv/bin/psi secret lookup')), 'program');
  });

  test('mappings of each of its times', () => {
    assert.equal(oldMapping('{"provider": "infisical", "project": "main", "path": "/", "key": "A"}'), 'infisical');
    assert.equal(oldMapping('{"provider": "nitrohsm", "blob": "AQA="}'), 'hsm');
    assert.equal(oldMapping('{ "blob" : "AQA=",\n "provider":"nitrokeyhsm"}'), 'hsm');
    assert.equal(oldMapping('main:/app:KEY'), 'text');
    assert.equal(oldMapping(undefined), 'none');
  });

  test('its default driver', () => {
    assert.ok(isOldDefaultDriver(`[secrets]\ndriver = "shell"\n\n[secrets.opts]\nlookup = "${curl('lookup')}"\n`));
    assert.ok(isOldDefaultDriver('[secrets.opts]\nlookup = "psi secret lookup"\n'));
    assert.ok(isOldDefaultDriver('Error: config not found\n'));
    assert.ok(!isOldDefaultDriver('[secrets]\ndriver = "pass"\n'));
  });
});

describe('environment', () => {
  test('words, continued lines, an empty one that takes back, and a file that goes over all', () => {
    const text = '[Service]\nEnvironment=PSI_A=1 "PSI_B=two words" \\\n  OTHER=x\nEnvironmentFile=-/e\n';
    const files = new Map([['/e', '# PSI_C=0\nPSI_A="3"\nPSI_D=4\n']]);
    assert.deepEqual(
      [...oldEnvironment([text], files).variables],
      [
        ['PSI_A', '3'],
        ['PSI_B', 'two words'],
        ['PSI_D', '4'],
      ],
    );
    assert.deepEqual([...oldEnvironment([text, '[Service]\nEnvironment=\n'], new Map()).variables], []);
  });

  test('credentials', () => {
    const lines = [
      'LoadCredentialEncrypted=psi-socket-token',
      'LoadCredential=a:/etc/a',
      'SetCredential=b:value',
      'SetCredentialEncrypted=c: x',
    ];
    assert.deepEqual(
      [...oldEnvironment([lines.join('\n')], new Map()).credentials],
      [
        ['psi-socket-token', { kind: 'encrypted', path: undefined }],
        ['a', { kind: 'plain', path: '/etc/a' }],
        ['b', { kind: 'inline', value: 'value' }],
        ['c', { kind: 'inline-encrypted' }],
      ],
    );
  });
});

test('spans', () => {
  assert.equal(certificateSpan('90d'), 90 * 86_400_000);
  assert.equal(certificateSpan('1M'), undefined);
  assert.equal(timerSpan('1h 30min'), 5_400_000);
  assert.equal(timerSpan('1week'), 604_800_000);
  assert.equal(timerSpan('hourly'), undefined);
  assert.equal(timerSpan(''), undefined);
  assert.equal(spanWord(5_400_000), '90m');
  assert.equal(spanWord(1500), '1500ms');
});
