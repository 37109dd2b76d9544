// The units PSI runs under. `UPDATE_GOLDEN=1` rewrites quadlet/ and test/golden/units/ from the rendering.

import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { placesOf } from '../../../src/config/places.ts';
import { DEFAULT_IMAGE, imageOf } from '../../../src/host/units/container.ts';
import { hostFolders } from '../../../src/host/layout.ts';
import type { HostLayout } from '../../../src/host/layout.ts';
import { hostUnits, type HostUnitOptions } from '../../../src/host/units/service.ts';
import { isPsiUnit } from '../../../src/host/units/unit-file.ts';
import { SERVED } from '../../fakes/provider.fake.ts';

const ROOT = new URL('../../../', import.meta.url).pathname;
const NONE = {
  ...SERVED,
  caFiles: [],
  secretFiles: [],
  credentials: [],
  cache: undefined,
  tls: undefined,
  refresh: { intervalMs: 3_600_000, randomizedDelayMs: 300_000 },
};

const SYSTEM: HostLayout = { scope: 'system', ...placesOf({}, 0), ...hostFolders('system', {}, 0), ...NONE };

const USER_ENV = { HOME: '/home/ann', XDG_RUNTIME_DIR: '/run/user/1000' };
const USER: HostLayout = {
  scope: 'user',
  ...placesOf(USER_ENV, 1000),
  ...hostFolders('user', USER_ENV, 1000),
  ...NONE,
};

const BUSY: HostLayout = {
  ...SYSTEM,
  configFile: '/srv/psi/psi.yaml',
  caFiles: ['/etc/pki/tls/certs/ca-bundle.crt', '/srv/psi/ca.pem'],
  secretFiles: ['/srv/tokens/infisical', '/token'],
  credentials: ['infisical-client-secret', 'psi-socket-token'],
  cache: { backend: 'tpm', tpmDevice: '/dev/tpmrm0', credential: 'psi-cache-key' },
  refresh: { intervalMs: 5_400_000, randomizedDelayMs: 1_500 },
  tls: {
    outputs: [
      '/etc/pki/tls/certs/web.pem',
      '/etc/pki/tls/private/web.key',
      '/srv/psi/tls/db.pem',
      '/var/lib/psi/x.pem',
    ],
    often: true,
  },
};

const HSM: HostLayout = { ...SYSTEM, cache: { backend: 'hsm', tpmDevice: undefined, credential: 'psi-cache-key' } };
const CREDENTIAL: HostLayout = {
  ...SYSTEM,
  cache: { backend: 'credential', tpmDevice: undefined, credential: 'psi-cache-key' },
};

const PLAIN = { image: DEFAULT_IMAGE, unprivileged: false, pcscd: false };

async function matches(folder: string, layout: HostLayout, options: HostUnitOptions): Promise<readonly string[]> {
  const dir = join(ROOT, folder);
  const units = hostUnits(layout, options);
  for (const { name, text } of units) {
    if (process.env['UPDATE_GOLDEN'] === '1') {
      await mkdir(dir, { recursive: true });
      await writeFile(join(dir, name), text);
    }
    assert.equal(await readFile(join(dir, name), 'utf8'), text, `${folder}/${name}`);
  }
  return units.map(({ name }) => name);
}

describe('units of psi', () => {
  it('are what quadlet/ ships, for the default config', async () => {
    const names = await matches('quadlet', SYSTEM, { ...PLAIN, pcscd: true });
    const shipped = (await readdir(join(ROOT, 'quadlet'))).filter((name) =>
      /\.(container|socket|service|timer)$/.test(name),
    );
    assert.deepEqual(shipped.sort(), [...names].sort());
  });

  it('name the paths of a user by specifiers in user scope', async () => {
    await matches('test/golden/units/user', USER, PLAIN);
  });

  it('mount what the config refers to, and load its credentials', async () => {
    await matches('test/golden/units/references', BUSY, {
      image: 'registry.example.com:5000/team/psi:1.2@sha256:ab',
      unprivileged: true,
      pcscd: false,
    });
  });

  it('give an HSM its smart card daemon', async () => {
    await matches('test/golden/units/hsm', HSM, PLAIN);
  });

  it('let systemd decrypt the key of the cache in a unit whose failure does not stop psi', async () => {
    const names = await matches('test/golden/units/credential', CREDENTIAL, PLAIN);
    assert.ok(names.includes('psi-cache-key.service'));
    const container = hostUnits(CREDENTIAL, PLAIN).find(({ name }) => name === 'psi.container')?.text ?? '';
    assert.doesNotMatch(container, /^LoadCredential/m);
    assert.doesNotMatch(container, /^(?:Requires|BindsTo)=.*psi-cache-key/m);
  });

  it('never order psi after what workloads wait for', () => {
    for (const layout of [SYSTEM, USER, BUSY]) {
      const [socket, container, setup] = hostUnits(layout, PLAIN).map(({ text }) => text);
      const after = (text = '') =>
        [...text.matchAll(/^(?:After|Requires|Wants|BindsTo)=(.*)$/gm)].flatMap((line) => (line[1] ?? '').split(' '));
      assert.deepEqual(after(socket), []);
      assert.deepEqual([...new Set(after(container))], ['psi.socket', 'podman.socket']);
      assert.deepEqual([...new Set(after(setup))], ['psi.service', 'network-online.target']);
    }
  });

  it('carry the mark by which they are known again, and the image that was chosen', () => {
    const [, container] = hostUnits(SYSTEM, { ...PLAIN, image: 'quay.io/x/psi:2' });
    assert.ok(container !== undefined && isPsiUnit(container.text));
    assert.equal(imageOf(container.text), 'quay.io/x/psi:2');
    assert.equal(isPsiUnit('[Container]\nImage=x\n'), false);
  });

  it('mount the folders of certificates writable, each once, and make them', () => {
    const outputs = ['/etc/psi/a.pem', '/srv/tls/a.key', '/srv/tls/below/chain.pem'];
    const [, container] = hostUnits({ ...SYSTEM, tls: { outputs, often: false } }, PLAIN);
    const volumes = [...(container?.text ?? '').matchAll(/^Volume=(\/(?:etc\/psi|srv).*)$/gm)].map((line) => line[1]);
    assert.deepEqual(volumes, ['/etc/psi:/etc/psi', '/srv/tls:/srv/tls']);
    assert.match(container?.text ?? '', /^ExecStartPre=mkdir -p \/etc\/psi \/srv\/tls$/m);
  });

  it('refuse certificates right in a folder of the system', () => {
    for (const path of ['/etc/web.pem', '/web.pem']) {
      const layout = { ...SYSTEM, tls: { outputs: [path], often: false } };
      assert.throws(() => hostUnits(layout, PLAIN), { code: 'CONFIG_INVALID', hint: /one below/ }, path);
    }
  });

  it('refuse what could leave its line', () => {
    for (const image of ['', 'a b', 'a\nVolume=/:/host', '-v', 'a%n', '$(x)']) {
      assert.throws(() => hostUnits(SYSTEM, { ...PLAIN, image }), { code: 'USAGE' }, image);
    }
    for (const path of ['/a b', '/a\nb', '/a:b', 'relative', '/a"b', '/a,b']) {
      assert.throws(() => hostUnits({ ...SYSTEM, stateDir: path }, PLAIN), { code: 'CONFIG_INVALID' }, path);
    }
    assert.throws(() => hostUnits({ ...SYSTEM, credentials: ['a\nb'] }, PLAIN), { code: 'CONFIG_INVALID' });
  });

  it('double what systemd would expand in a path', () => {
    const [, container] = hostUnits({ ...SYSTEM, stateDir: '/var/lib/100%$X' }, PLAIN);
    assert.match(container?.text ?? '', /^Volume=\/var\/lib\/100%%\$\$X:\/var\/lib\/100%%\$\$X$/m);
  });

  it('names them after the providers, and sets all of them up', () => {
    const vault = { name: 'vault', title: 'Vault', group: 'vault' };
    const textOf = (layout: HostLayout, name: string): string =>
      hostUnits(layout, PLAIN).find((unit) => unit.name === name)?.text ?? '';
    const alone: HostLayout = { ...SYSTEM, providers: [vault], certifier: vault };
    assert.match(textOf(alone, 'psi-vault-setup.service'), /secrets of Vault with[^]*psi setup --provider vault\n/);
    assert.match(textOf(alone, 'psi-vault-refresh.service'), /from Vault\nAfter=psi.service psi-vault-setup.service /);
    assert.match(textOf(alone, 'psi-tls-renew.service'), /ExecStart=podman exec psi psi vault tls renew\n/);
    const both: HostLayout = { ...SYSTEM, providers: [vault, ...SYSTEM.providers] };
    assert.match(textOf(both, 'psi-vault-setup.service'), /secrets of Vault and Infisical[^]*psi setup\n/);
  });
});
