import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { placesOf } from '../../../src/config/places.ts';
import { driverOptions } from '../../../src/registration/driver-command/options.ts';
import { hostFolders } from '../../../src/host/layout.ts';
import { PsiError } from '../../../src/core/error.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { defaultDriverText, foreignDefaultDriver } from '../../../src/host/default-driver.ts';
import { install } from '../../../src/host/install.ts';
import type { InstallDeps } from '../../../src/host/install.ts';
import { FakeHeaderFile } from '../../fakes/header-file.fake.ts';
import { FakeHostFiles } from '../../fakes/host-files.fake.ts';
import { SERVED } from '../../fakes/provider.fake.ts';
import { NO_HELPER } from '../../hosts/driver-command.ts';

const CONF = '/etc/containers/containers.conf.d/psi.conf';
const HEADER = '/var/lib/psi/driver.hdr';
const OPTIONS = driverOptions({
  socket: '/run/psi/psi.sock',
  maxTimeSeconds: 20,
  headerFile: HEADER,
  helper: NO_HELPER,
});
const PLAIN = { defaultDriver: false, helper: true, stdout: false };

function host(token?: string) {
  const files = new FakeHostFiles();
  const headerFile = new FakeHeaderFile();
  const layout = {
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
  } as const;
  const deps: InstallDeps = {
    files,
    headerFile,
    headerFilePath: HEADER,
    layout,
    systemdVersion: () => Promise.resolve(257),
    token: token === undefined ? undefined : () => Promise.resolve(SecretValue.fromText(token)),
    driverOptions: OPTIONS,
    foreignDriver: () => Promise.resolve(undefined),
    placeHelper: () => Promise.resolve({ changes: [], planned: undefined, left: [], notes: [] }),
  };
  return { files, headerFile, deps };
}

describe('install', () => {
  it('creates the folders for root alone, the header file, and nothing else', async () => {
    const { files, headerFile, deps } = host('token');
    const report = await install(deps, PLAIN);
    assert.deepEqual(Object.fromEntries(files.modes), {
      '/var/lib/psi': 0o700,
      '/run/psi': 0o700,
      '/etc/psi': 0o755,
      '/etc/containers/systemd': 0o755,
    });
    assert.equal(headerFile.token, 'token');
    assert.equal(files.texts.size, 0);
    assert.deepEqual(report.notes, []);
  });

  it('touches nothing that is in place', async () => {
    const { files, headerFile, deps } = host('token');
    await install(deps, { ...PLAIN, defaultDriver: true });
    const before = files.changes.length;
    const report = await install(deps, { ...PLAIN, defaultDriver: true });
    assert.equal(files.changes.length, before);
    assert.equal(headerFile.writes, 1);
    assert.ok(report.changes.every(({ change }) => change === 'unchanged'));
  });

  it('writes no header file when the socket asks for no token', async () => {
    const { headerFile, deps } = host();
    assert.equal((await install(deps, PLAIN)).headerFilePath, undefined);
    assert.equal(headerFile.writes, 0);
  });

  it('makes psi the default driver when asked, and says what that does to others', async () => {
    const { files, deps } = host();
    const report = await install(deps, { ...PLAIN, defaultDriver: true });
    const text = files.texts.get(CONF) ?? '';
    assert.match(text, /^\[secrets\]\ndriver = "shell"$/m);
    const lookup = /^lookup = (".*")$/m.exec(text)?.[1] ?? '""';
    assert.equal(JSON.parse(lookup), OPTIONS.lookup);
    assert.match(report.notes.join('\n'), /rootless users/);
  });

  it('replaces no psi.conf of somebody else', async () => {
    const { files, deps } = host();
    files.texts.set(CONF, '[secrets]\n');
    await assert.rejects(install(deps, { ...PLAIN, defaultDriver: true }), { code: 'CONFLICT' });
  });

  it('names a foreign default driver, and makes none beside it', async () => {
    const { files, headerFile, deps } = host('token');
    const driver = new PsiError('HOST', 'theirs', { hint: 'move it' });
    const beside = { ...deps, foreignDriver: () => Promise.resolve(driver) };
    await assert.rejects(install(beside, { ...PLAIN, defaultDriver: true }), { code: 'CONFLICT', message: 'theirs' });
    files.texts.set(CONF, '[secrets]\n');
    await assert.rejects(install(deps, { ...PLAIN, defaultDriver: true }), { code: 'CONFLICT' });
    assert.deepEqual([files.changes, headerFile.writes], [[], 0]);
    assert.deepEqual((await install(beside, PLAIN)).notes, ['theirs; move it']);
  });

  it('only says what it would write with --stdout, without the token', async () => {
    const { files, headerFile, deps } = host('canary-token');
    const unread = (): never => assert.fail('the token is not read');
    const report = await install({ ...deps, token: unread }, { ...PLAIN, defaultDriver: true, stdout: true });
    assert.deepEqual(files.changes, []);
    assert.equal(headerFile.writes, 0);
    assert.equal(report.files[0]?.path, CONF);
    assert.equal(report.headerFilePath, HEADER);
    assert.doesNotMatch(JSON.stringify(report), /canary/);
  });
});

describe('the default driver of a host', () => {
  const told = (...texts: readonly string[]): string | undefined =>
    foreignDefaultDriver(texts.map((text, index) => ({ path: `/c/${String(index)}.conf`, text })))?.message;

  it('is named where the last file that says it means the commands of somebody else', () => {
    const foreign = '[secrets]\n# theirs\ndriver = "shell"\n[secrets.opts]\nlookup = "cat"\n';
    assert.match(told('', foreign) ?? '', /^\/c\/1\.conf makes commands that are not psi's/);
    assert.match(told("secrets.driver = 'shell'") ?? '', /0\.conf/);
    assert.equal(told(foreign, '[secrets]\ndriver = "file"\n'), undefined);
    assert.equal(told(foreign, `# Written by PSI (psi install --default-driver).\n${foreign}`), undefined);
    assert.match(told('secrets = { driver = "shell", opts = { lookup = "cat" } }') ?? '', /0\.conf/);
    assert.match(told('[Secrets]\n"driver"="shell"') ?? '', /0\.conf/);
    // Its commands, though the driver is PSI's word.
    const psis = defaultDriverText(OPTIONS);
    assert.equal(told(psis), undefined);
    assert.match(told(psis, '[secrets.opts]\nlookup = "cat"\n') ?? '', /^\/c\/1\.conf makes/);
    // All of them: with the last one gone, the one before it counts.
    assert.match(told(foreign, foreign) ?? '', /^\/c\/0\.conf and \/c\/1\.conf make commands/);
    assert.equal(told('[network]\ndriver = "shell"\n[secrets]\n', '[engine]\n#driver = "shell"'), undefined);
  });
});
