// Unique values planted at the provider, and then looked for everywhere on the host: only the container may have them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { psiHostSupport, sleeper, startPsiHost, type PsiHost } from './psi-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const ENV_CANARY = 'canary-env-9d1f6c0a77';
const FILE_CANARY = 'canary-file-03be52c914';
const CLIENT_SECRET = 'canary-client-secret-51c2';

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost({
    folders: {
      '/myapp': { SECRET: ENV_CANARY, 'NO GOOD': ENV_CANARY, BIG: ENV_CANARY.repeat(9_000) },
      '/files': { key: FILE_CANARY },
    },
    workloads: {
      myapp: {
        secrets: [
          { project: 'main', path: '/myapp' },
          { project: 'main', path: '/files', as: 'mount' },
        ],
      },
    },
    quadlets: { 'myapp.container': sleeper() },
  });
});
after(async () => {
  if (support.ok) await stage.stop();
});

test('values are found in the container and nowhere else', options, async () => {
  const printed = await stage.psi('setup');
  await stage.host.ok('systemctl start myapp.service');
  assert.equal((await stage.environ('systemd-myapp')).get('SECRET'), ENV_CANARY);
  // Failures, too, must not quote what they failed on.
  await stage.double('PATCH', '/knobs', { malformed: 'cut-off' });
  await stage.host.ok('systemctl restart psi.service');
  const failed = await stage.host.run('podman exec systemd-myapp true');
  const status = await stage.psi('status');
  const texts = [printed, failed, status].map(({ stdout, stderr }) => stdout + stderr);
  texts.push(await stage.host.journal());
  texts.push(await stage.host.ok('ps axww -o args'));
  texts.push(
    await stage.host.ok(
      'cat $(find /etc/containers /etc/systemd /run/systemd/generator /var/lib/psi /var/lib/containers/storage/secrets -type f)',
    ),
  );
  texts.push(await stage.host.ok('podman secret inspect $(podman secret ls -q)'));
  for (const text of texts) assert.doesNotMatch(text, new RegExp(`${ENV_CANARY}|${FILE_CANARY}`));
});

test('the client secret stands in the config alone, and in the last good one', options, async () => {
  const found = await stage.host.run(['grep', '-rlsF', CLIENT_SECRET, '/etc', '/var/lib/psi', '/var/log', '/run/psi']);
  assert.deepEqual(found.stdout.trim().split('\n').toSorted(), [
    '/etc/psi/config.yaml',
    '/var/lib/psi/config.last-good',
  ]);
  assert.equal(await stage.host.ok('stat -c %a /var/lib/psi/config.last-good').then((mode) => mode.trim()), '600');
  const journal = await stage.host.journal('psi.service');
  assert.ok(!journal.includes(CLIENT_SECRET));
});

test('what Podman itself keeps of a value ends with the container', options, async () => {
  await stage.host.ok('systemctl stop myapp.service');
  const found = await stage.host.run([
    'grep',
    '-rlsE',
    `${ENV_CANARY}|${FILE_CANARY}`,
    '/var/lib/containers',
    '/run/containers',
    '/tmp',
    '/var/tmp',
    '/run/psi',
    '/var/lib/psi',
  ]);
  assert.equal(found.stdout, '');
});
