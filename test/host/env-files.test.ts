// Env files and those who read them, run: what podman and systemd of a current host make of disputed lines, and what they and the shells read
// back of what `psi infisical env` prints. And quadlets: where Podman looks
// for them, and what systemd makes of specifiers.
import assert from 'node:assert/strict';
import { basename, dirname } from 'node:path';
import { after, before, test } from 'node:test';
import { renderEnv, type EnvFormat } from '../../src/transfer/env-format.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import { DISPUTED_LINES } from '../hosts/disputed-lines.ts';
import { generatedSecrets } from '../hosts/generated-secrets.ts';
import { hostSupport, startHost, type Host } from '../hosts/nspawn.ts';
import { expand, specifiersOf, unitNames, type UnitHost } from '../../src/transfer/quadlet/specifiers.ts';
import { WORDS } from '../fakes/provider.fake.ts';
import type { RealReadings } from './fixtures/read-env-files.ts';

const support = await hostSupport();
const options = { skip: support.ok ? false : support.reason };
const FILE = '/run/generated.env';
const VALUES = 2_000;

let host: Host;
before(async () => {
  if (support.ok) host = await startHost();
});
after(async () => {
  if (support.ok) await host.stop();
});

test('podman and systemd read disputed lines as the table says', options, async () => {
  const input = JSON.stringify(DISPUTED_LINES.map(({ text }) => text));
  const script = `${host.tree}/test/host/fixtures/read-env-files.ts`;
  const printed = await host.ok([host.node, script, host.image], { input });
  const readings = JSON.parse(printed) as readonly RealReadings[];
  for (const [index, { what, podman, systemd }] of DISPUTED_LINES.entries()) {
    assert.deepEqual(readings[index], { podman, systemd }, what);
  }
});

type Reader = { readonly name: string; readonly argv: () => readonly string[] };

const PODMAN: Reader = {
  name: 'podman',
  argv: () => ['podman', 'run', '--rm', '--env-file', FILE, host.image, 'env', '-0'],
};
const SYSTEMD: Reader = {
  name: 'systemd',
  argv: () => ['systemd-run', '--quiet', '--wait', '--pipe', '-p', `EnvironmentFile=${FILE}`, 'env', '-0'],
};
const shell = (name: string): Reader => ({ name, argv: () => [name, '-c', `. ${FILE}; exec env -0`] });

const FORMATS: readonly (readonly [said: string, format: EnvFormat, readers: readonly Reader[]])[] = [
  ['podman and systemd', { kind: 'env', readers: ['podman', 'systemd'] }, [PODMAN, SYSTEMD]],
  ['podman', { kind: 'env', readers: ['podman'] }, [PODMAN]],
  ['systemd', { kind: 'env', readers: ['systemd'] }, [SYSTEMD]],
  ['shells', { kind: 'export' }, [shell('sh'), shell('bash')]],
];

function rendered(format: EnvFormat): { readonly text: string; readonly out: ReadonlySet<string> } {
  const named = generatedSecrets(VALUES).map(({ key, value }) => ({ key, value: SecretValue.fromText(value) }));
  const { lines, leftOut } = renderEnv(named, format, WORDS);
  return { text: `${lines.join('\n')}\n`, out: new Set(leftOut.map(({ key }) => key)) };
}

for (const [said, format, readers] of FORMATS) {
  for (const { name, argv } of readers) {
    test(`what is written for ${said} is read back byte for byte by ${name}`, options, async () => {
      const { text, out } = rendered(format);
      await host.write(FILE, text, 0o600);
      const { code, stdout, stderr } = await host.run(argv());
      assert.equal(code, 0, stderr);
      const inside = new Map(stdout.split('\0').map((line) => [line.slice(0, line.indexOf('=')), line]));
      for (const { key, value } of generatedSecrets(VALUES)) {
        assert.equal(inside.get(key), out.has(key) ? undefined : `${key}=${value}`, key);
      }
      assert.ok(out.size < VALUES / 2, `${String(out.size)} left out`);
    });
  }
}

test('what is written as JSON is read back by a parser of JSON', () => {
  const { text, out } = rendered({ kind: 'json' });
  const inside = new Map(Object.entries(JSON.parse(text) as Readonly<Record<string, string>>));
  for (const { key, value } of generatedSecrets(VALUES)) assert.equal(inside.get(key), value, key);
  assert.equal(out.size, 0);
});

const LETTERS = '%h %t %E %S %C %L %U %u';
const unitThat = (command: string): string => `[Service]\nType=oneshot\nExecStart=${command}\n`;
const resolved = (host: UnitHost): string | undefined =>
  expand(LETTERS, unitNames('spec.container', undefined, host)).text;

test("the system's systemd resolves specifiers as psi does", options, async () => {
  await host.write('/etc/systemd/system/spec.service', unitThat(`/bin/sh -c "echo '${LETTERS}' >/run/spec"`), 0o644);
  await host.ok(['systemctl', 'daemon-reload']);
  await host.ok(['systemctl', 'start', 'spec.service']);
  const specifiers = specifiersOf('system', {}, { uid: 0, name: 'root' });
  assert.equal((await host.ok(['cat', '/run/spec'])).trim(), resolved({ scope: 'system', specifiers }));
});

test("a user's systemd resolves specifiers as psi does", options, async () => {
  await host.ok(['useradd', '--create-home', '--uid', '1234', 'ann']);
  await host.ok(['install', '-d', '-o', 'ann', '/run/user/1234', '/run/ann']);
  const units = '/etc/systemd/user';
  await host.ok(['mkdir', '-p', `${units}/default.target.wants`]);
  await host.write(`${units}/spec.service`, unitThat(`/bin/sh -c "echo '${LETTERS}' >/run/ann/spec"`), 0o644);
  await host.ok(['ln', '-s', '../spec.service', `${units}/default.target.wants/`]);
  const manager = ['/usr/lib/systemd/systemd', '--user'];
  const settings = [
    '-p',
    'User=ann',
    '-p',
    'Delegate=yes',
    '-p',
    'Type=notify',
    '-E',
    'XDG_RUNTIME_DIR=/run/user/1234',
  ];
  // It says that it is ready when its basic target is reached: the unit may still have to run.
  await host.ok(['systemd-run', '--quiet', '--unit=manager-of-ann', ...settings, ...manager]);
  await host.until('test -s /run/ann/spec');
  const env = { HOME: '/home/ann', XDG_RUNTIME_DIR: '/run/user/1234' };
  const specifiers = specifiersOf('user', env, { uid: 1234, name: 'ann' });
  assert.equal((await host.ok(['cat', '/run/ann/spec'])).trim(), resolved({ scope: 'user', specifiers }));
});

test('systemd loads no unit with a specifier that it does not know, and psi takes none', options, async () => {
  for (const letter of ['40', 'z', 'k', 'O', 'x']) {
    await host.write('/etc/systemd/system/odd.service', unitThat(`/bin/echo p%${letter}ss`), 0o644);
    await host.ok(['systemctl', 'daemon-reload']);
    const state = await host.ok(['systemctl', 'show', '--property=LoadState', '--value', 'odd.service']);
    assert.equal(state.trim(), 'bad-setting', letter);
    const names = unitNames('odd.container', undefined, { scope: 'system', specifiers: {} });
    assert.match(String(expand(`p%${letter}ss`, names).unclear), new RegExp(`write %%${letter}$`));
  }
});

const QUADLETS = [
  '/run/containers/systemd/a.container',
  '/etc/containers/systemd/sub/deep/b.container',
  '/etc/containers/systemd/users/c.container',
  '/etc/containers/systemd/x.d/d.container',
  '/usr/share/containers/systemd/e.container',
  '/usr/share/containers/systemd/users/f.container',
  '/usr/share/containers/systemd/users/2345/g.container',
  '/etc/containers/systemd/users/2345/h.container',
  '/etc/containers/systemd/users/2346/i.container',
  '/etc/containers/systemd/users/apps/j.container',
  '/srv/bob/.config/containers/systemd/sub/k.container',
  '/run/user/2345/containers/systemd/l.container',
];

for (const [scope, uid, only6] of [
  ['system', 0, []],
  // Podman 6 reads the distribution's folder of users too.
  ['user', 2345, ['f', 'g']],
] as const) {
  test(`psi looks for quadlets of the ${scope} where podman does`, options, async () => {
    if (scope === 'user') await host.ok(['useradd', '--no-create-home', '--uid', String(uid), 'bob']);
    for (const path of QUADLETS) await host.write(path, '[Container]\nImage=localhost/x\n', 0o644);
    const as = ['setpriv', `--reuid=${String(uid)}`, `--regid=${String(uid)}`, '--clear-groups'];
    const env = ['env', 'HOME=/srv/bob', `XDG_RUNTIME_DIR=/run/user/${String(uid)}`];
    const user = scope === 'user' ? ['-user'] : [];
    const printed = await host.ok([...as, ...env, '/usr/libexec/podman/quadlet', ...user, '-dryrun']);
    const made = [...printed.matchAll(/^---(\w)\.service---$/gm)].map(([, name = '']) => name);
    const places = {
      config: '/srv/bob/.config',
      runtime: `/run/user/${String(uid)}`,
      systemdDir: '/etc/containers/systemd',
    };
    const own = scope === 'user' ? { ...places, systemdDir: `${places.config}/containers/systemd` } : places;
    const script = `${host.tree}/test/host/fixtures/quadlet-folders-inside.ts`;
    const folders = await host.ok([host.node, script, JSON.stringify({ scope, uid, ...own })]);
    const seen = new Set(JSON.parse(folders) as readonly string[]);
    const found = QUADLETS.filter((path) => seen.has(dirname(path))).map((path) => basename(path, '.container'));
    assert.deepEqual(found.toSorted(), [...made, ...only6].toSorted());
  });
}

test('podman makes no unit of a .pod or a .kube with a Secret= line', options, async () => {
  const texts = { 'odd.pod': '[Pod]\nSecret=x\n', 'odd.kube': '[Kube]\nYaml=/x.yaml\nSecret=x\n' };
  for (const [name, text] of Object.entries(texts)) await host.write(`/etc/containers/systemd/${name}`, text, 0o644);
  const { stdout, stderr } = await host.run(['/usr/libexec/podman/quadlet', '-dryrun']);
  for (const group of ['Pod', 'Kube'])
    assert.match(stdout + stderr, new RegExp(`unsupported key 'Secret' in group '${group}'`));
});
