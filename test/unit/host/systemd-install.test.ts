import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { placesOf } from '../../../src/config/places.ts';
import { PsiError, toPsiError } from '../../../src/core/error.ts';
import { hostFolders } from '../../../src/host/layout.ts';
import type { HostLayout } from '../../../src/host/layout.ts';
import { systemdInstall } from '../../../src/host/systemd-install.ts';
import { FakeHostFiles } from '../../fakes/host-files.fake.ts';
import { FakeUnitManager } from '../../fakes/unit-manager.fake.ts';
import { SERVED } from '../../fakes/provider.fake.ts';

const LAYOUT: HostLayout = {
  scope: 'system',
  ...placesOf({}, 0),
  ...hostFolders('system', {}, 0),
  ...SERVED,
  caFiles: [],
  secretFiles: [],
  credentials: [],
  cache: undefined,
  tls: undefined,
  textfileDir: undefined,
  hsmToken: false,
  refresh: { intervalMs: 3_600_000, randomizedDelayMs: 300_000 },
};
const PLAIN = { image: undefined, unprivileged: false, enable: false, pcscd: false };
const SOCKET = '/etc/systemd/system/psi.socket';
const CONTAINER = '/etc/containers/systemd/psi.container';
const SETUP = '/etc/systemd/system/psi-infisical-setup.service';
const REFRESH = '/etc/systemd/system/psi-infisical-refresh.service';
const TIMER = '/etc/systemd/system/psi-infisical-refresh.timer';
const CREDENTIAL = '/etc/systemd/system/psi-credential@.service';
const TLS = ['psi-tls-renew.service', 'psi-tls-renew.timer'].map((name) => `/etc/systemd/system/${name}`);

const QUADLETS = ['/run/containers/systemd', '/etc/containers/systemd', '/usr/share/containers/systemd'];

function host(version?: number) {
  const files = new FakeHostFiles();
  return {
    files,
    tree: files,
    unitManager: new FakeUnitManager(),
    layout: LAYOUT,
    systemdVersion: () => Promise.resolve(version),
    quadletFolders: () => Promise.resolve(QUADLETS),
    foreignDriver: () => Promise.resolve<PsiError | undefined>(undefined),
  };
}

describe('systemd install', () => {
  it('puts each unit where its generator looks and says what to run next', async () => {
    const deps = host();
    const report = await systemdInstall(deps, PLAIN);
    assert.deepEqual(
      [...deps.files.texts.keys()].sort(),
      [CONTAINER, CREDENTIAL, SETUP, SOCKET, REFRESH, TIMER, ...TLS].sort(),
    );
    assert.deepEqual(report.next, [
      'systemctl daemon-reload',
      'systemctl start psi.socket psi-infisical-setup.service',
    ]);
    assert.equal(report.reload, 'left out');
    assert.equal(deps.unitManager.reloads, 0);
  });

  it('writes nothing when nothing has changed', async () => {
    const deps = host();
    await systemdInstall(deps, { ...PLAIN, enable: true });
    const before = deps.files.changes.length;
    const report = await systemdInstall(deps, { ...PLAIN, enable: true });
    assert.equal(deps.files.changes.length, before);
    assert.ok(report.changes.every(({ change }) => change === 'unchanged'));
    assert.deepEqual(report.next, []);
  });

  it('enables the socket and the setup as systemctl does, and reloads once', async () => {
    const deps = host();
    const report = await systemdInstall(deps, { ...PLAIN, enable: true });
    assert.deepEqual(Object.fromEntries(deps.files.links), {
      '/etc/systemd/system/sockets.target.wants/psi.socket': SOCKET,
      '/etc/systemd/system/multi-user.target.wants/psi-infisical-setup.service': SETUP,
    });
    assert.equal(deps.unitManager.reloads, 1);
    assert.deepEqual(report.next, ['systemctl start psi.socket psi-infisical-setup.service']);
  });

  it('enables the refresh where there is a cache, and says to start it', async () => {
    const cache = {
      backends: ['credential'],
      tpmDevice: undefined,
      credential: 'psi-cache-key',
      path: '/c/cache.enc',
    } as const;
    const deps = { ...host(), layout: { ...LAYOUT, cache } };
    const report = await systemdInstall(deps, { ...PLAIN, enable: true });
    assert.equal(deps.files.links.get('/etc/systemd/system/timers.target.wants/psi-infisical-refresh.timer'), TIMER);
    assert.ok(deps.files.texts.has('/etc/systemd/system/psi-cache-key.service'));
    assert.deepEqual(report.next, [
      'systemctl start psi.socket psi-infisical-setup.service',
      'systemctl start psi-infisical-refresh.timer',
    ]);
  });

  it('writes a smart card daemon only where it is asked for', async () => {
    const deps = host();
    await systemdInstall(deps, { ...PLAIN, pcscd: true });
    assert.ok(deps.files.texts.has('/etc/containers/systemd/pcscd.container'));
  });

  it('keeps the files and says to reload when systemd cannot be reached', async () => {
    const deps = host();
    deps.unitManager.failWith = new PsiError('HOST', 'no bus');
    const report = await systemdInstall(deps, { ...PLAIN, enable: true });
    assert.equal(report.reload, 'failed');
    assert.equal(report.reloadError?.message, 'no bus');
    assert.equal(deps.files.texts.size, 8);
    assert.equal(report.next[0], 'systemctl daemon-reload');
  });

  it('keeps the image that is installed unless another one is named', async () => {
    const deps = host();
    await systemdInstall(deps, { ...PLAIN, image: 'quay.io/x/psi:1' });
    assert.equal((await systemdInstall(deps, PLAIN)).image, 'quay.io/x/psi:1');
    const report = await systemdInstall(deps, { ...PLAIN, image: 'quay.io/x/psi:2' });
    assert.deepEqual(report.next, ['systemctl daemon-reload', 'systemctl restart psi.service']);
    assert.match(deps.files.texts.get(CONTAINER) ?? '', /^Image=quay\.io\/x\/psi:2$/m);
  });

  it('touches no unit that somebody else wrote', async () => {
    const deps = host();
    deps.files.texts.set(SOCKET, '[Socket]\n');
    await assert.rejects(systemdInstall(deps, PLAIN), {
      code: 'CONFLICT',
      message: `${SOCKET} was not written by psi`,
    });
    assert.equal(deps.files.texts.get(SOCKET), '[Socket]\n');
  });

  it('uses the folders and the manager of the user in user scope', async () => {
    const env = { HOME: '/home/ann', XDG_RUNTIME_DIR: '/run/user/1000' };
    const layout: HostLayout = { ...LAYOUT, scope: 'user', ...placesOf(env, 1000), ...hostFolders('user', env, 1000) };
    const deps = { ...host(), layout };
    const report = await systemdInstall(deps, { ...PLAIN, enable: true });
    assert.ok(deps.files.texts.has('/home/ann/.config/systemd/user/psi.socket'));
    assert.ok(deps.files.texts.has('/home/ann/.config/containers/systemd/psi.container'));
    assert.ok(deps.files.links.has('/home/ann/.config/systemd/user/default.target.wants/psi-infisical-setup.service'));
    assert.deepEqual(report.next, [
      'loginctl enable-linger',
      'systemctl --user start psi.socket psi-infisical-setup.service',
    ]);
  });

  it('says what the systemd of a user cannot do with a credential, if the config wants one', async () => {
    const env = { HOME: '/home/ann', XDG_RUNTIME_DIR: '/run/user/1000' };
    const plain: HostLayout = { ...LAYOUT, scope: 'user', ...placesOf(env, 1000), ...hostFolders('user', env, 1000) };
    const notes = async (version: number | undefined, layout: HostLayout): Promise<string> =>
      (await systemdInstall({ ...host(version), layout }, PLAIN)).notes.join('\n');
    const secret: HostLayout = { ...plain, credentials: ['client-secret'] };
    assert.match(await notes(257, secret), /^systemd 257 cannot load .* \(status 243; 258 can\).*decrypt --user/m);
    assert.match(await notes(255, secret), /^systemd 255 decrypts no credential for a user .*\{file: PATH\}/m);
    assert.match(await notes(undefined, secret), /was not asked/);
    for (const silent of [
      await notes(258, secret),
      await notes(257, plain),
      await notes(257, { ...secret, scope: 'system' }),
    ])
      assert.doesNotMatch(silent, /systemd \d+ |was not asked/);
  });

  it('names all that another PSI has in the way, wherever it is read from, and writes nothing', async () => {
    const deps = host();
    const foreign = [
      SOCKET,
      CONTAINER,
      SETUP,
      REFRESH,
      TIMER,
      '/usr/lib/systemd/system/psi.socket',
      '/usr/share/containers/systemd/psi.container',
      '/etc/systemd/system/psi.service',
      '/etc/containers/systemd/psi.container.d/50-theirs.conf',
      '/etc/systemd/system/sockets.target.wants/psi.socket',
    ];
    for (const path of foreign) deps.files.texts.set(path, '[Unit]\n');
    const driver = new PsiError('HOST', 'the driver is theirs', { hint: 'see to it' });
    const told = await systemdInstall(
      { ...deps, foreignDriver: () => Promise.resolve(driver) },
      { ...PLAIN, enable: true },
    ).catch(toPsiError);
    assert.ok(told instanceof PsiError);
    assert.equal(told.code, 'CONFLICT');
    for (const path of [...foreign, 'the driver is theirs']) assert.ok(told.message.includes(path), path);
    assert.match(told.hint ?? '', /`for f in .*; do mv "\$f" "\$f\.mine"; done`.*see to it/);
    assert.deepEqual(deps.files.changes, []);
  });

  it('names what would be read in the place of its own units, and what is masked', async () => {
    const deps = host();
    await systemdInstall(deps, PLAIN);
    const copy = deps.files.texts.get(CONTAINER) ?? '';
    deps.files.texts.set('/run/containers/systemd/psi.container', copy);
    deps.files.texts.set('/run/systemd/system/psi.service', '');
    const told = await systemdInstall(deps, PLAIN).catch(toPsiError);
    assert.ok(told instanceof PsiError);
    assert.match(
      told.message,
      /\/run\/containers\/systemd\/psi\.container is read in the place of the one that psi writes/,
    );
    assert.match(told.hint ?? '', /`rm \/run\/systemd\/system\/psi\.service`/);
    // In a later folder it is hidden, and PSI's own.
    for (const path of ['/run/containers/systemd/psi.container', '/run/systemd/system/psi.service']) {
      deps.files.texts.delete(path);
    }
    deps.files.texts.set('/usr/share/containers/systemd/psi.container', copy);
    await systemdInstall(deps, PLAIN);
  });

  it('asks systemd for what it cannot see itself', async () => {
    const deps = host();
    deps.unitManager.units.add('psi.socket');
    await assert.rejects(systemdInstall(deps, PLAIN), {
      code: 'CONFLICT',
      message: 'psi.socket is known to systemd from a folder that psi does not see here',
    });
    assert.deepEqual(deps.files.changes, []);
  });

  it('notes drop-ins that are older than its units, and none of their operator', async () => {
    const deps = host();
    deps.files.texts.set('/etc/systemd/system/psi.socket.d/theirs.conf', '[Socket]\n');
    assert.match((await systemdInstall(deps, PLAIN)).notes.join(), /psi\.socket\.d\/theirs\.conf was there before/);
    assert.deepEqual((await systemdInstall(deps, PLAIN)).notes, []);
  });
});
