import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PsiError } from '../../../../src/core/error.ts';
import { envFileRefs } from '../../../../src/transfer/quadlet/environment.ts';
import { unitNames } from '../../../../src/transfer/quadlet/specifiers.ts';
import { environment, settings, SYSTEM, unitOf } from './stage.ts';

test('Environment= wins over env files, Secret= over both, and the last one in each', () => {
  const found = settings({
    unit: [
      'Secret=db,type=env,target=C',
      'Environment=A=1 B=2 C=3',
      'Environment=B=22',
      'EnvironmentFile=./a.env',
      'EnvironmentFile=/etc/b.env',
    ].join('\n'),
    envFiles: { '/q/a.env': 'A=file\nD=a\nE=a\n', '/etc/b.env': 'E=b\n' },
  });
  assert.deepEqual(found.toSorted(), [
    'A=1 (app.container:3)',
    'B=22 (app.container:4)',
    'C=<secret db> (app.container:2)',
    'D=a (a.env:2)',
    'E=b (/etc/b.env:1)',
  ]);
});

test('an empty assignment takes back what came before it, also from a drop-in', () => {
  assert.deepEqual(
    settings({
      unit: 'Environment=A=1 B=1\nSecret=x,type=env\n',
      dropIns: { '10-a.conf': 'Environment=\nEnvironment=B=2\nSecret=\n', '20-b.conf': 'Environment=C=3\n' },
    }),
    ['B=2 (app.container.d/10-a.conf:3)', 'C=3 (app.container.d/20-b.conf:2)'],
  );
});

test('a secret without a target is the variable of its own name; a mounted one is left and said', () => {
  const { settings: found, notes } = environment({ unit: 'Secret=TOKEN,type=env\nSecret=cert\nSecret=x,what\n' });
  assert.deepEqual(
    found.map(({ key }) => key),
    ['TOKEN'],
  );
  assert.match(notes.join('\n'), /app\.container:3: the secret is mounted[^]*app\.container:4: podman takes no such/);
});

const REFUSED: readonly (readonly [why: string, unit: string, key: string, reason: RegExp])[] = [
  ['a specifier that is not sure', 'Environment=A=%H', 'A', /%H/],
  ["a variable of the service's environment", 'Environment=A=1\nEnvironment=A=${X}', 'A', /service's own environment/],
  ['an escape read differently', 'Environment=A=ok\nEnvironment=A=\\101', 'A', /not every version/],
  ['a name psi does not set', 'Environment=A.B=1', 'A.B', /letters, digits/],
  ['a name alone after an assignment', 'Environment=A=1\nEnvironment=A', 'A', /its own environment/],
  ['a secret whose name is not sure', 'Secret=%H,type=env,target=A', 'A', /%H/],
];

for (const [why, unit, key, reason] of REFUSED) {
  test(`refuses by name, even where an earlier line could be read: ${why}`, () => {
    const found = environment({ unit: `${unit}\nEnvironment=OTHER=1` }).settings;
    const refused = found.find((setting) => setting.key === key);
    assert.ok(refused?.kind === 'refused');
    assert.match(refused.reason, reason);
    assert.match(refused.from, /app\.container:[23]$/);
    assert.ok(found.some((setting) => setting.key === 'OTHER' && setting.kind === 'value'));
  });
}

test('a name alone in an env file is refused there', () => {
  assert.match(
    settings({ unit: 'EnvironmentFile=/e', envFiles: { '/e': 'HOME\nA=1\n' } }).join('\n'),
    /^HOME!podman takes its value[^]*\(\/e:1\)\nA=1/,
  );
});

test('a word without an equals sign is said without quoting it: it may be half a value', () => {
  const { settings: found, notes } = environment({ unit: 'Environment=PASS=first second' });
  assert.deepEqual(
    found.map(({ key }) => key),
    ['PASS'],
  );
  assert.match(notes.join('\n'), /^\/q\/app\.container:2: a word without/);
  assert.doesNotMatch(notes.join('\n'), /second/);
});

test('a line that podman ignores is said and counts for nothing', () => {
  const { settings: found, notes } = environment({ unit: 'Environment=A=1\nEnvironment=A=\\d B=2' });
  assert.deepEqual(
    found.map(({ key, from }) => [key, from]),
    [['A', '/q/app.container:2']],
  );
  assert.match(notes.join('\n'), /app\.container:3: it holds a backslash escape/);
});

for (const args of ['--env=A=1', '-e A=1', '--env-file /x', '--secret x,type=env', '-it --unsetenv A']) {
  test(`imports nothing where PodmanArgs= has its own say: ${args}`, () => {
    assert.throws(
      () => environment({ unit: `Environment=A=1\nPodmanArgs=${args}` }),
      (error) => error instanceof PsiError && /app\.container:3: PodmanArgs=/.test(error.message),
    );
  });
}

test('other PodmanArgs= are nobody’s business', () => {
  assert.deepEqual(settings({ unit: 'PodmanArgs=--privileged --env-host --device /dev/x\nEnvironment=A=1' }), [
    'A=1 (app.container:3)',
  ]);
});

test('paths of env files are relative to the unit, also from a drop-in, and specifiers in them are resolved', () => {
  const refs = envFileRefs(
    unitOf({ unit: 'EnvironmentFile=a.env /etc/%N.env "./b c.env"', dropIns: { 'x.conf': 'EnvironmentFile=d/e.env' } }),
    unitNames('app.container', undefined, SYSTEM),
  );
  assert.deepEqual(
    refs.map(({ path }) => path),
    ['/q/a.env', '/etc/app.env', '/q/b c.env', '/q/d/e.env'],
  );
});

for (const path of ['%H/x.env', '%n/x.env', '${X}/a']) {
  test(`stops at an env file whose place is not sure: ${path}`, () => {
    assert.throws(
      () => environment({ unit: `EnvironmentFile=${path}` }),
      (error) => error instanceof PsiError && /app\.container:2: the path/.test(error.message),
    );
  });
}
