// Env files and those who read them, run: what podman and systemd of a current host make of disputed lines, and what they and the shells read
// back of what `psi infisical env` prints.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { renderEnv, type EnvFormat } from '../../src/transfer/env-format.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import { DISPUTED_LINES } from '../hosts/disputed-lines.ts';
import { generatedSecrets } from '../hosts/generated-secrets.ts';
import { hostSupport, startHost, type Host } from '../hosts/nspawn.ts';
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
