// A host of the Python PSI comes over: the plan, its order, and a run that is ended at each of its calls.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import { migrate, type MigrateReport } from '../../../src/migrate/migrate.ts';
import { oldCommands } from '../../../src/migrate/old-secrets.ts';
import { isPsiUnit } from '../../../src/host/units/unit-file.ts';
import { OldHost, type OldHostOptions } from './old-host.ts';

const HOSTS: readonly (OldHostOptions & { readonly name: string })[] = [
  { name: 'container mode', mode: 'container' },
  { name: 'container mode with an HSM', mode: 'container', hsm: true },
  { name: 'native mode with a unit that requires the server', mode: 'native', required: true },
  { name: 'native mode', mode: 'native' },
  { name: 'native mode of a user', mode: 'native', scope: 'user' },
];

function apply(host: OldHost): Promise<MigrateReport> {
  return migrate(host.deps(), { apply: true });
}

/** Everything but what only the boot knows. */
function state(host: OldHost): unknown {
  return {
    files: [...host.tree.files].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    links: [...host.tree.links.keys()].toSorted(),
    running: [...host.running].toSorted(),
    secrets: host.secrets.map(({ name }) => name),
    path: host.path,
  };
}

async function assertMigrated(host: OldHost): Promise<void> {
  assert.equal(host.answering(), 'psi');
  const units = [...host.tree.files].filter(([path]) => /\/psi-secrets\.(?:service|container)$/.test(path));
  assert.deepEqual(units, []);
  assert.ok(!host.running.has('psi-secrets.service') && host.running.has('psi.service'));
  // It would apply to this psi, which has the name of the old server.
  const kept = [...host.tree.files.keys()].filter((path) => path.startsWith(`${host.places.runtimeUnitDir}/`));
  assert.deepEqual(kept, []);
  const names = ['psi-infisical-setup.service', 'psi-infisical-refresh.timer'];
  for (const name of names) assert.ok(isPsiUnit(host.tree.files.get(`${host.places.unitDir}/${name}`) ?? ''), name);
  assert.deepEqual(
    host.secrets.map(({ name }) => name),
    ['app--A'],
  );
  assert.deepEqual(
    host.secrets.filter((secret) => oldCommands(secret) !== undefined),
    [],
  );
  const again = await migrate(host.deps(), { apply: false });
  assert.deepEqual([again.steps, again.refusals, again.notes], [[], [], []]);
}

test('what requires the old server is started again, and that it does not start keeps nothing', async () => {
  const host = new OldHost();
  for (const unit of ['web.service', 'gone.service']) host.require(unit);
  const deps = host.deps();
  const start = (unit: string): Promise<void> =>
    unit === 'gone.service'
      ? Promise.reject(new PsiError('HOST', 'it has gone', { hint: 'look' }))
      : deps.units.start(unit);
  const { failure, left } = await migrate({ ...deps, units: { ...deps.units, start } }, { apply: true });
  assert.equal(failure, undefined);
  const reason = 'it was stopped with the old server, and does not start: it has gone';
  assert.deepEqual(left, [{ subject: 'gone.service', reason, hint: 'look' }]);
  assert.ok(host.running.has('web.service'));
  assert.ok(host.calls.indexOf('start web.service') > host.calls.indexOf('stop psi-secrets.service'));
});

test('an access token that this psi got meanwhile stays', async () => {
  const host = new OldHost();
  const whole = new OldHost();
  await apply(whole);
  host.killAt = { call: whole.calls.indexOf('start psi.service'), when: 'after' };
  await apply(host);
  host.killAt = undefined;
  const path = '/var/lib/psi/.token.0123456789ab.json';
  host.put(path, '{}');
  assert.equal((await apply(host)).failure, undefined);
  assert.ok(host.tree.files.has(path));
});

test('one run at a time; a plan changes nothing, and may be looked at beside it', async () => {
  const host = new OldHost();
  const first = apply(host);
  await assert.rejects(apply(host), { code: 'CONFLICT' });
  await migrate(host.deps(), { apply: false });
  assert.equal((await first).failure, undefined);
});

test('the smart card daemon of this psi takes the place of theirs, and psi.service is restarted behind its socket', async () => {
  const host = new OldHost({ hsm: true });
  const { failure, config } = await migrate(host.deps(), { apply: true });
  assert.equal(failure, undefined);
  assert.match(config ?? '', /hsm:\n {4}module: .*\n {4}key_id: "02"\n {4}pin: \(not shown\)/);
  const from = host.calls.indexOf('stop psi-secrets.service');
  const after = host.calls.slice(from).filter((call) => /pcscd|restart psi\.service/.test(call));
  const folder = host.places.systemdDir;
  assert.deepEqual(after, [
    'stop pcscd.service',
    'stop pcscd-socket-volume.service',
    `remove ${folder}/pcscd.container`,
    `remove ${folder}/pcscd-socket.volume`,
    'install pcscd',
    'restart pcscd.service',
    'restart psi.service',
  ]);
  assert.ok(isPsiUnit(host.tree.files.get(`${folder}/pcscd.container`) ?? ''));
});

for (const options of HOSTS) {
  describe(options.name, () => {
    test('the plan changes nothing, and shows no secret', async () => {
      const host = new OldHost(options);
      const before = JSON.stringify(state(host));
      const report = await migrate(host.deps(), { apply: false });
      assert.equal(report.applied, false);
      assert.ok(report.steps.length > 20, String(report.steps.length));
      assert.deepEqual(report.refusals, []);
      assert.equal(JSON.stringify(state(host)), before);
      assert.deepEqual(host.calls, []);
      assert.doesNotMatch(JSON.stringify(report), /canary/);
      assert.match(report.config ?? '', /client_secret: \(not shown\)/);
    });

    test('carried out, the host is one of this psi, and no lookup has failed', async () => {
      const host = new OldHost(options);
      const report = await apply(host);
      assert.deepEqual([report.failure, report.left], [undefined, []]);
      assert.deepEqual(host.failedLookups, []);
      assert.deepEqual(host.told, report.steps);
      await assertMigrated(host);
    });

    test('whatever wants the old server does not bring it back once this psi has the path', async () => {
      const host = new OldHost(options);
      host.wanted = true;
      const { failure } = await apply(host);
      assert.equal(failure, undefined);
      const from = host.answers.indexOf('psi');
      assert.deepEqual(new Set(host.answers.slice(from)), new Set(['psi']), host.calls.slice(from).join('\n'));
      await assertMigrated(host);
    });

    test('each old unit is stopped before its file goes: timers, what they start, the server', async () => {
      const host = new OldHost(options);
      await apply(host);
      const at = (call: string): number => {
        const index = host.calls.indexOf(call);
        assert.notEqual(index, -1, `${call} in ${host.calls.join('\n')}`);
        return index;
      };
      const stops = ['refresh.timer', 'setup.service'].map((name) => at(`stop psi-infisical-${name}`));
      const server = at('stop psi-secrets.service');
      assert.deepEqual(
        [...stops, server],
        [...stops, server].toSorted((a, b) => a - b),
      );
      assert.ok(server < at(`remove ${host.unitPath('psi-secrets.service')}`));
      assert.ok((stops[1] ?? 0) < at(`remove ${host.unitPath('psi-infisical-setup.service')}`));
      // Whatever the old one does to the path at its end, this one is there before, and looks again.
      assert.ok(at('start psi.service') < server);
      assert.ok(server < at('setup') && at('setup') < at('restart psi-infisical-setup.service'));
    });

    test('ended at each call and run again, it ends as if it had not been', async () => {
      const whole = new OldHost(options);
      await apply(whole);
      for (const when of ['before', 'after'] as const) {
        for (const call of whole.calls.keys()) {
          const host = new OldHost(options);
          host.killAt = { call, when };
          const cut = await apply(host);
          assert.notEqual(cut.failure, undefined, whole.calls[call]);
          host.killAt = undefined;
          const report = await apply(host);
          const at = `${when} ${whole.calls[call] ?? ''}`;
          assert.deepEqual([report.failure, report.left], [undefined, []], at);
          assert.deepEqual(host.failedLookups, [], at);
          assert.deepEqual(state(host), state(whole), at);
          await assertMigrated(host);
        }
      }
    });

    test('with a boot of the host in between it ends well too', async () => {
      const whole = new OldHost(options);
      await apply(whole);
      for (const call of whole.calls.keys()) {
        const host = new OldHost(options);
        host.killAt = { call, when: 'after' };
        await apply(host);
        host.killAt = undefined;
        host.boot();
        const report = await apply(host);
        assert.deepEqual([report.failure, report.left], [undefined, []], whole.calls[call]);
        if (call < whole.calls.length - 1) await assertMigrated(host);
      }
    });
  });
}
