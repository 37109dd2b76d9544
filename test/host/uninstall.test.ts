// A host before install and after uninstall is equal, with real Podman, systemd and curl; with PSI stopped before it, too.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { installCommand, installPsi, psiHostSupport, sleeper, startPsiHost, type PsiHost } from './psi-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const LOOK =
  'find /etc /usr/local /run/psi /run/psi-credentials /var/lib/psi 2>/dev/null | sort; podman secret ls --format "{{.Name}}" | sort; ' +
  'systemctl list-units --all --plain --no-legend "psi*" | cut -d" " -f1';

let stage: PsiHost;
let fresh = '';
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost({
    folders: { '/app': { A: 'value a', B: 'value b' } },
    workloads: { app: { secrets: [{ project: 'main', path: '/app' }] } },
    quadlets: { 'app.container': sleeper() },
    prepare: async (host) => {
      await host.ok('printf theirs | podman secret create --driver file theirs -');
      fresh = await host.ok(LOOK);
    },
  });
});
after(async () => {
  if (support.ok) await stage.stop();
});

test('psi prune takes the secrets of a workload from podman once its container is gone', options, async () => {
  const { host } = stage;
  await stage.setup();
  await host.ok('systemctl start app.service');
  await stage.writeConfig({ folders: {}, workloads: {} });
  const used = await stage.psi('prune', '--workload', 'app', '--apply');
  assert.equal(used.code, 4, used.stdout + used.stderr);
  assert.match(used.stderr, /^left: app--A: the container systemd-app names it/m);
  await host.ok('systemctl stop app.service');
  const pruned = await stage.psi('prune', '--workload', 'app', '--apply');
  assert.equal(pruned.code, 0, pruned.stdout + pruned.stderr);
  assert.equal(await host.ok('podman secret ls --format "{{.Name}}"'), 'theirs\n');
  await stage.writeConfig({ folders: {}, workloads: { app: { secrets: [{ project: 'main', path: '/app' }] } } });
});

for (const state of ['runs', 'is stopped', 'was killed']) {
  test(`uninstalled while psi.service ${state}, the host is as it was before`, options, async () => {
    const { host } = stage;
    if (state !== 'runs') await installPsi(host);
    await stage.setup();
    if (state === 'is stopped') await host.ok('systemctl stop psi.socket psi.service');
    if (state === 'was killed')
      await host.ok('systemctl mask --runtime psi.service; systemctl kill -s KILL psi.service');
    const command = await installCommand();
    const done = await host.run(`${command} uninstall --apply`);
    assert.equal(done.code, 0, done.stdout + done.stderr);
    if (state === 'was killed') await host.ok('systemctl unmask --runtime psi.service');
    const [now, then] = [await host.ok(LOOK), fresh].map((text) => text.split('\n'));
    const difference = now?.filter((line) => then?.includes(line) !== true) ?? [];
    const missing = then?.filter((line) => now?.includes(line) !== true) ?? [];
    assert.deepEqual({ difference, missing }, { difference: [], missing: [] });
  });
}
