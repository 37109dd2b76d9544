// A setup that left something, on a booted host: what requires it starts, and it is done by itself once the cause is mended at the provider.
// A workload keeps what it had through a mistyped name, and an instance has its template's secrets beside its own.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CREDENTIALS,
  PROJECT,
  psiHostSupport,
  sleeper,
  startPsiHost,
  type PsiHost,
  type PsiHostOptions,
} from './psi-host.ts';
import { steps } from '../hosts/steps.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const MYAPP = { secrets: [{ project: 'main', path: '/myapp' }] };
const STAGE: PsiHostOptions = {
  folders: { '/myapp': { A: 'value-a' }, '/tmpl': { COMMON: 'value-c' }, '/one': { ONLY_ONE: 'value-o' } },
  workloads: {
    myapp: MYAPP,
    'tm@': { secrets: [{ project: 'main', path: '/tmpl' }] },
    one: { unit: 'tm@one.container', secrets: [{ project: 'main', path: '/one' }] },
    gone: { secrets: [{ project: 'main', path: '/one' }] },
  },
  quadlets: { 'myapp.container': sleeper(), 'tm@.container': sleeper() },
  prepare: async (host) => {
    await host.ok('ln -s tm@.container /etc/containers/systemd/tm@one.container');
    await host.write(
      '/etc/containers/systemd/psi.container.d/retry.conf',
      '[Container]\nEnvironment=PSI_SETUP_RETRY=2s\n',
    );
    await host.write(
      '/etc/systemd/system/needs-setup.service',
      '[Unit]\nRequires=psi-infisical-setup.service\nAfter=psi-infisical-setup.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\n',
    );
  },
};
const DROP_IN = '/etc/containers/systemd/myapp.container.d/50-secrets.conf';

const denied = (...denials: readonly unknown[]): unknown => ({ identities: [{ ...CREDENTIALS, denials }] });

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost(STAGE);
  await stage.setup();
});
after(async () => {
  if (support.ok) await stage.stop();
});

test('what a setup left keeps nothing from starting, and is done by itself', options, async (t) => {
  await steps(t, {
    'a setup unit that left something is a success to what requires it, and says what it left': async () => {
      await stage.double('POST', '/seed', denied({ actions: ['readValue'], path: '/myapp', key: 'B' }));
      const place = { project: PROJECT, environment: 'prod', path: '/myapp' };
      await stage.double('PUT', '/secrets', { ...place, key: 'B', value: 'value-b' });
      await stage.host.ok('systemctl restart psi-infisical-setup.service');
      await stage.host.ok('systemctl start needs-setup.service');
      assert.match(await stage.host.ok('systemctl show -p ExecMainStatus psi-infisical-setup.service'), /=4$/m);
      const { stdout } = await stage.psi('status');
      assert.match(stdout, /^problem myapp: setup left it as it was: myapp--B/m);
      assert.match(stdout, /^setup owed: myapp; /m);
      assert.doesNotMatch(await stage.host.ok(`cat ${DROP_IN}`), /myapp--B/);
    },
    'it is done without a command once the cause is mended at the provider': async () => {
      await stage.double('POST', '/seed', denied());
      await stage.host.until(`grep -q myapp--B ${DROP_IN}`);
      await stage.host.until('! podman exec psi psi status | grep -q "setup owed"');
      await stage.host.ok('systemctl restart myapp.service');
      const environ = await stage.environ('systemd-myapp');
      assert.deepEqual([environ.get('A'), environ.get('B')], ['value-a', 'value-b']);
    },
    'an instance has the secrets of its template beside its own': async () => {
      await stage.host.ok('systemctl start tm@one.service tm@two.service');
      const one = await stage.environ('systemd-tm_one');
      assert.deepEqual([one.get('COMMON'), one.get('ONLY_ONE')], ['value-c', 'value-o']);
      const two = await stage.environ('systemd-tm_two');
      assert.deepEqual([two.get('COMMON'), two.get('ONLY_ONE')], ['value-c', undefined]);
    },
    'a mistyped name takes nothing away from a unit that is there, and a unit that is nowhere loses its drop-in':
      async () => {
        await stage.host.ok('test -e /etc/containers/systemd/gone.container.d/50-secrets.conf');
        await stage.writeConfig({ ...STAGE, workloads: { mapp: MYAPP } });
        const before = await stage.host.ok(`cat ${DROP_IN}`);
        const setup = await stage.psi('setup');
        assert.equal(setup.code, 4, setup.stderr);
        assert.equal(await stage.host.ok(`cat ${DROP_IN}`), before);
        assert.deepEqual(
          [...setup.stderr.matchAll(/^left: (\S+): /gm)].map(([, unit]) => unit),
          ['myapp.container', 'tm@.container', 'tm@one.container'],
        );
        await stage.host.ok('test ! -e /etc/containers/systemd/gone.container.d');
        await stage.host.ok('systemctl restart myapp.service');
        assert.equal((await stage.environ('systemd-myapp')).get('B'), 'value-b');
      },
  });
});
