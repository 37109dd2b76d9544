// The workload "*" on a booted host: a quadlet file and a folder at the provider make a workload, beside PSI's own units, which lie in the same folder.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answerOf } from '../hosts/answer.ts';
import { PROJECT, psiHostSupport, sleeper, startPsiHost, type PsiHost } from './psi-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? (false as const) : support.reason };
const CONFIG = 'sha256sum /etc/psi/config.yaml';

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost({
    folders: {
      '/apps/web': { A: 'value of web' },
      '/apps/worker': { B: 'value of worker' },
      '/apps/psi': { EVIL: '1' },
    },
    workloads: { '*': { secrets: [{ project: 'main', path: '/apps/{workload}' }] } },
    quadlets: { 'web.container': sleeper(), 'worker@.container': sleeper(), 'sub/folder/plain.container': sleeper() },
  });
});
after(async () => {
  if (support.ok) await stage.stop();
});

test('quadlets whose folders are there start with their secrets, and all others are left alone', options, async () => {
  await stage.setup();
  await stage.host.ok('systemctl start web.service worker@1.service plain.service');
  assert.equal((await stage.environ('systemd-web')).get('A'), 'value of web');
  assert.equal((await stage.environ('systemd-worker_1')).get('B'), 'value of worker');
  assert.equal((await stage.environ('systemd-plain')).get('A'), undefined);
  const { stdout, code } = await stage.psi('setup', '--dry-run', '--json');
  const report = answerOf(stdout) as { passedOver: { unit: string; reason: string }[] };
  assert.equal(code, 0);
  assert.deepEqual(
    report.passedOver.map(({ unit, reason }) => [unit, reason]),
    [
      ['psi.container', 'a unit of psi itself'],
      ['plain.container', 'infisical has no folder main:/apps/plain'],
    ],
  );
});

test('a new application is a quadlet file and a folder, and the config stays as it is', options, async () => {
  const before = await stage.host.ok(CONFIG);
  await stage.host.write('/etc/containers/systemd/late.container', sleeper());
  await stage.double('PUT', '/secrets', {
    ...{ project: PROJECT, environment: 'prod', path: '/apps/late' },
    ...{ key: 'C', value: 'value of late' },
  });
  await stage.setup();
  await stage.host.ok('systemctl start late.service');
  assert.equal((await stage.environ('systemd-late')).get('C'), 'value of late');
  assert.equal(await stage.host.ok(CONFIG), before);
});
