// The main job on a real host: systemd, quadlets, the built image, `podman exec psi psi setup`, `systemctl start myapp`.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answerOf } from '../hosts/answer.ts';
import { onEachRoot, sleeper, startPsiHost, type PsiHost } from './psi-host.ts';

const VALUES = {
  DB_HOST: 'db.internal',
  MULTI: 'first line\nsecond "line"\n\n$HOME `x` \\n %h last',
  BIG: 'b'.repeat(60_000),
  UNICODE: 'grüezi, 世界 🔑',
  EMPTY: '',
};
const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const FOLDERS = { '/myapp': VALUES, '/tls': { 'server.crt': CERTIFICATE }, '/worker': { TOKEN: 'worker-token' } };
const WORKLOADS = {
  myapp: {
    secrets: [
      { project: 'main', path: '/myapp' },
      { project: 'main', path: '/tls', as: 'mount', mode: '0400' },
    ],
  },
  'worker@': { unit: 'worker@.container', secrets: [{ project: 'main', path: '/worker' }] },
};

await onEachRoot(({ suite, supported, options }) => {
  let stage: PsiHost;
  before(async () => {
    if (!supported) return;
    stage = await startPsiHost({
      suite,
      folders: FOLDERS,
      workloads: WORKLOADS,
      quadlets: { 'myapp.container': sleeper(), 'worker@.container': sleeper() },
    });
    await stage.setup();
  });
  after(async () => {
    if (supported) await stage.stop();
  });

  test('a workload starts with every value byte for byte in its environment', options, async () => {
    await stage.host.ok('systemctl start myapp.service');
    const environ = await stage.environ('systemd-myapp');
    for (const [key, value] of Object.entries(VALUES)) assert.equal(environ.get(key), value, key);
  });

  test('a file secret arrives byte for byte with its mode', options, async () => {
    await stage.host.ok('systemctl start myapp.service');
    assert.equal(await stage.host.ok('podman exec systemd-myapp cat /run/secrets/server.crt'), CERTIFICATE);
    assert.equal((await stage.host.ok('podman exec systemd-myapp stat -c %a /run/secrets/server.crt')).trim(), '400');
  });

  test('an instance of a template unit gets its secrets too', options, async () => {
    await stage.host.ok('systemctl start worker@1.service');
    assert.equal((await stage.environ('systemd-worker_1')).get('TOKEN'), 'worker-token');
  });

  test('Podman and PSI keep coordinates on disk and no value', options, async () => {
    const shown = await stage.host.ok('podman secret inspect $(podman secret ls -q) && cat /var/lib/psi/*');
    assert.match(shown, /"key":"DB_HOST"/);
    for (const value of ['db.internal', 'worker-token', 'MIIB', 'bbbbbbbbbb']) assert.ok(!shown.includes(value), value);
  });

  const FILES =
    'stat -c "%n %Y %i" /var/lib/psi/* /etc/containers/systemd/*.d/* /var/lib/containers/storage/secrets/secrets.json';

  test('a second setup with nothing changed writes nothing, to Podman or to a file', options, async () => {
    const before = await stage.host.ok(`${FILES}; podman secret ls --format '{{.ID}} {{.Name}}' | sort`);
    assert.match(await stage.setup(), /nothing to change, 7 unchanged/);
    assert.equal(await stage.host.ok(`${FILES}; podman secret ls --format '{{.ID}} {{.Name}}' | sort`), before);
    const { stdout, code } = await stage.psi('setup', '--dry-run', '--json');
    const report = answerOf(stdout) as { changes: unknown[]; kept: number };
    assert.deepEqual([code, report.changes, report.kept], [0, [], 7]);
  });

  test('setup runs at boot through its own unit, and the workloads may be ordered after it', options, async () => {
    await stage.host.ok('systemctl restart psi-infisical-setup.service');
    assert.match(await stage.host.journal('psi-infisical-setup.service'), /nothing to change/);
  });

  test('psi status says what is registered', options, async () => {
    const { stdout, code } = await stage.psi('status', '--json');
    const status = answerOf(stdout) as { mappings: number; lastSetup: { failures: number } };
    assert.deepEqual([code, status.mappings, status.lastSetup.failures], [0, 7, 0]);
  });

  test('a rotated value reaches the workload at its next start, without a setup', options, async () => {
    await stage.double('PUT', '/secrets', {
      project: 'host-project',
      environment: 'prod',
      path: '/worker',
      key: 'TOKEN',
      value: 'rotated',
    });
    await stage.host.ok('systemctl restart worker@2.service');
    assert.equal((await stage.environ('systemd-worker_2')).get('TOKEN'), 'rotated');
  });

  /** Creates a secret by Podman's REST API, with the driver commands that PSI froze into another one. Podman's answer. */
  async function createOverRest(
    name: string,
    body: string,
    more: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const driveropts = await stage.host.ok(
      'podman secret inspect myapp--DB_HOST --format "{{json .Spec.Driver.Options}}"',
    );
    const query = new URLSearchParams({ name, driver: 'shell', driveropts: driveropts.trim(), ...more });
    const url = `http://podman/v5.0.0/libpod/secrets/create?${query.toString()}`;
    const curl = [
      'curl',
      '-sS',
      '--unix-socket',
      '/run/podman/podman.sock',
      '-H',
      'content-type: application/octet-stream',
    ];
    return stage.host.ok([...curl, '--data-binary', '@-', url], { input: body });
  }

  test('replacing a name that is new harms no other secret', options, async () => {
    const names = 'podman secret ls --format "{{.Name}}" | sort';
    const before = await stage.host.ok(names);
    const body = '{"provider":"infisical","project":"main","path":"/myapp","key":"DB_HOST"}';
    await createOverRest('zz-new', body, { replace: 'true' });
    assert.equal((await stage.host.ok(names)).replace('zz-new\n', ''), before);
    await stage.host.run('podman secret rm zz-new');
  });

  test('a stray secret create without a mapping fails and leaves nothing in the state folder', options, async () => {
    const before = await stage.host.ok('ls /var/lib/psi');
    assert.match(await createOverRest('stray', 'plain-text-value'), /exit status/);
    assert.equal(await stage.host.ok('ls /var/lib/psi'), before);
  });
});
