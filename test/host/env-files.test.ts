// What `psi infisical env --format env` prints, read by a real systemd and by the Podman of a current host.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { renderEnv, type EnvReader } from '../../src/transfer/env-format.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import { generatedSecrets } from '../hosts/generated-secrets.ts';
import { hostSupport, startHost, type Host } from '../hosts/nspawn.ts';
import { WORDS } from '../fakes/provider.fake.ts';

const support = await hostSupport();
const options = { skip: support.ok ? false : support.reason };
const FILE = '/run/generated.env';

let host: Host;
before(async () => {
  if (support.ok) host = await startHost();
});
after(async () => {
  if (support.ok) await host.stop();
});

const COMMANDS: Readonly<Record<EnvReader, () => readonly string[]>> = {
  systemd: () => ['systemd-run', '--quiet', '--wait', '--pipe', '-p', `EnvironmentFile=${FILE}`, 'env', '-0'],
  podman: () => ['podman', 'run', '--rm', '--env-file', FILE, host.image, 'env', '-0'],
};

for (const readers of [['podman', 'systemd'], ['podman'], ['systemd']] as const) {
  for (const reader of readers) {
    test(`an env file for ${readers.join(' and ')} is read back byte for byte by ${reader}`, options, async () => {
      const secrets = generatedSecrets();
      const named = secrets.map(({ key, value }) => ({ key, value: SecretValue.fromText(value) }));
      const { lines, leftOut } = renderEnv(named, { kind: 'env', readers }, WORDS);
      await host.write(FILE, `${lines.join('\n')}\n`, 0o600);
      const { code, stdout, stderr } = await host.run(COMMANDS[reader]());
      assert.equal(code, 0, stderr);
      const inside = new Map(stdout.split('\0').map((line) => [line.slice(0, line.indexOf('=')), line]));
      const out = new Set(leftOut.map(({ key }) => key));
      for (const { key, value } of secrets) {
        assert.equal(inside.get(key), out.has(key) ? undefined : `${key}=${value}`, key);
      }
      assert.ok(out.size < secrets.length / 2, `${String(out.size)} left out`);
    });
  }
}
